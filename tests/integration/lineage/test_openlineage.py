"""Every run of a city as OpenLineage: of the specification's shape, whole, and without a person's value."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from jsonschema import Draft202012Validator
from tests.integration.lineage.conftest import FEEDS
from tests.integration.lineage.shape import RUN_EVENT

from renkei.cli import main
from renkei.lineage.openlineage import City, RunFacts, events_of
from renkei.lineage.show import read_by
from renkei.mapping import Mapping as FeedMapping
from renkei.project import Project
from renkei.records import GOLDEN
from renkei.workflow.lineage import export

Event = dict[str, Any]
RUN = RunFacts(
    run_id="00000000-0000-0000-0000-000000000001",
    kind="sync_in",
    target="tax.taxpayer",
    as_of=date(2026, 11, 20),
    state="done",
    started_at=datetime(2026, 11, 20, tzinfo=UTC),
    finished_at=datetime(2026, 11, 20, 1, tzinfo=UTC),
    error_code=None,
    project_digest="0" * 64,
    mapping_digest="1" * 64,
    code_version="0.1.0",
    merged=7,
)
CITY = City(code="132993", zone="Asia/Tokyo")


@pytest.fixture(scope="module")
def events(project: Project, engine: sa.Engine) -> list[Event]:
    return [event for _, told in export(project, engine) for event in told]


def misshapen(event: Event) -> list[str]:
    return [error.json_path for error in Draft202012Validator(RUN_EVENT).iter_errors(event)]


def columns(event: Event, table: str) -> dict[str, Any]:
    [output] = [each for each in event["outputs"] if each["name"] == table]
    made: dict[str, Any] = output["facets"]["columnLineage"]["fields"]
    return made


def made_of(project: Project, feed: str = "tax.taxpayer", **changed: Any) -> list[Event]:
    run = replace(RUN, target=feed, **changed)
    return list(events_of(run, project.mapping(feed), city=CITY))


def test_every_run_starts_and_ends_in_the_shape_of_the_specification(events: list[Event]) -> None:
    assert [error for event in events for error in misshapen(event)] == []
    kinds = Counter(event["eventType"] for event in events)
    assert kinds["START"] == len(FEEDS) == kinds["COMPLETE"] + kinds["ABORT"]
    assert {event["job"]["name"] for event in events} == {f"sync_in.{feed}" for feed in FEEDS}


def test_every_target_names_the_raw_columns_that_it_is_made_of(project: Project) -> None:
    for feed in FEEDS:
        told = columns(
            made_of(project, feed)[-1],
            {"tax.assessment": "tax_record", "welfare.benefit": "benefit_record"}.get(feed, "person_record"),
        )
        for rule in project.mapping(feed).fields:
            assert [each["field"] for each in told[rule.to]["inputFields"]] == list(read_by(rule)), rule.to


def test_steps_and_masking_are_told_of_each_column(project: Project) -> None:
    told = columns(made_of(project)[-1], "person_record")

    def step(name: str) -> dict[str, Any]:
        made: dict[str, Any] = told[name]["inputFields"][0]["transformations"][0]
        return made

    assert step("date_of_birth_lo")["description"] == '{ wareki = "GYYMMDD", unknown = "00" }'
    assert (step("date_of_birth")["subtype"], step("full_name")["subtype"]) == ("TRANSFORMATION", "IDENTITY")
    assert (step("is_household_head")["masking"], step("relationship")["masking"]) == (True, False)


SINCE = date(2027, 4, 1)


def versioned(project: Project, **changed: Any) -> FeedMapping:
    """The mapping of taxpayers, whose sex comes from another column from a day on."""
    base = replace(project.mapping("tax.taxpayer"), **changed)
    fields = tuple(
        replace(rule, sources=("ATARASHII",)) if rule.to == "sex" else rule for rule in base.fields
    )
    return replace(base, versions=((SINCE, replace(base, fields=fields)),))


@pytest.mark.parametrize(
    ("version_by", "as_of", "days", "read"),
    [
        ("delivery", date(2026, 11, 20), (), ["SEIBETSU"]),
        ("delivery", date(2027, 4, 2), (), ["ATARASHII"]),
        ("delivery", date(2027, 4, 2), (date(2027, 3, 31),), ["SEIBETSU"]),  # a delivery that was late
        ("delivery", date(2027, 4, 2), (date(2027, 3, 31), SINCE), ["SEIBETSU", "ATARASHII"]),
        ("valid_from", date(2026, 11, 20), (date(2026, 11, 20),), ["SEIBETSU", "ATARASHII"]),
    ],
)
def test_a_column_tells_of_each_version_that_records_were_read_by(
    project: Project, version_by: str, as_of: date, days: tuple[date, ...], read: list[str]
) -> None:
    run = replace(RUN, as_of=as_of, days=days)
    told = columns(
        [*events_of(run, versioned(project, version_by=version_by), city=CITY)][-1], "person_record"
    )

    assert [each["field"] for each in told["sex"]["inputFields"]] == read
    assert [each["field"] for each in told["full_name"]["inputFields"]] == ["SHIMEI"]  # told once


def test_the_golden_record_comes_from_the_records(project: Project) -> None:
    told = columns(made_of(project)[-1], "golden_version")

    assert set(told) == {name for group in GOLDEN.values() for name in group} | {"protected"}
    assert all(each["inputFields"][0]["name"] == "person_record" for each in told.values())


def test_a_run_without_the_text_of_its_mapping_tells_no_column_lineage() -> None:
    [_, ended] = events_of(RUN, None, city=CITY)

    assert misshapen(ended) == []
    assert "columnLineage" not in json.dumps(ended)


@pytest.mark.parametrize(
    ("state", "kinds"),
    [
        ("done", ["START", "COMPLETE"]),
        ("held", ["START", "ABORT"]),
        ("failed", ["START", "FAIL"]),
        ("running", ["START"]),
    ],
)
def test_a_run_ends_as_it_ended(project: Project, state: str, kinds: list[str]) -> None:
    told = made_of(project, state=state, error_code="E_BLAST")

    assert [event["eventType"] for event in told] == kinds
    assert [misshapen(event) for event in told] == [[]] * len(kinds)


def test_runs_of_every_kind_have_the_shape(project: Project) -> None:
    for kind in ("refeed", "reconcile", "report"):
        target = "tax.taxpayer" if kind == "refeed" else kind
        for event in events_of(replace(RUN, kind=kind, target=target), None, city=CITY):
            assert misshapen(event) == [], kind


def test_no_value_of_a_record_is_in_any_event(engine: sa.Engine, events: list[Event]) -> None:
    text = json.dumps(events, ensure_ascii=False)
    query = "SELECT full_name, full_name_kana, address, party_number, date_of_birth::text FROM person_record"
    with engine.connect() as connection:
        values = {value for row in connection.execute(sa.text(query)) for value in row if value}

    assert len(values) > 300
    assert [value for value in values if value in text] == []


def test_no_place_of_a_connection_is_in_any_event(project: Project, events: list[Event]) -> None:
    text = json.dumps(events)
    places = {
        settings[key]
        for settings in project._connections.values()
        for key in ("host", "port", "user", "folder", "path")
        if key in settings
    }

    assert "127.0.0.1" not in text
    assert [place for place in places if len(str(place)) > 3 and f'"{place}"' in text] == []


def test_the_command_writes_a_file_an_event_or_a_line_an_event(
    events: list[Event], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = events[0]["run"]["runId"]

    assert main(["lineage", "export", "--out", str(tmp_path / "out")]) == 0
    assert main(["lineage", "export", "--run", run[:10], "--out", "-"]) == 0
    lines = capsys.readouterr().out.splitlines()

    assert len(list((tmp_path / "out").glob("*.json"))) == len(events)
    assert [json.loads(line) for line in lines] == [each for each in events if each["run"]["runId"] == run]
    assert main(["lineage", "export", "--run", "nonesuch", "--out", "-"]) == 3


# the known-bad twins -----------------------------------------------------------------------------


def _without_time(event: Event) -> None:
    del event["eventTime"]


def _with_a_wrong_facet(event: Event) -> None:
    event["outputs"][0]["facets"]["column_lineage"] = event["outputs"][0]["facets"].pop("columnLineage")


def _with_a_wrong_schema(event: Event) -> None:
    event["outputs"][0]["facets"]["schema"]["_schemaURL"] = (
        "https://openlineage.io/spec/SchemaDatasetFacet.json"
    )


def _with_a_bare_field(event: Event) -> None:
    del event["outputs"][0]["facets"]["columnLineage"]["fields"]["sex"]["inputFields"][0]["namespace"]


@pytest.mark.parametrize(
    "spoil", [_without_time, _with_a_wrong_facet, _with_a_wrong_schema, _with_a_bare_field]
)
def test_an_event_of_another_shape_is_noticed(project: Project, spoil: Callable[[Event], None]) -> None:
    [_, event] = made_of(project)
    assert misshapen(event) == []

    spoil(event)

    assert misshapen(event)
