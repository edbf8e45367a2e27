"""``renkei resident show`` and ``renkei household show`` on a town that is really taken in."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.integration.workflow import town as towns
from tests.integration.workflow.town import DAY, NEXT, Town

from renkei.cli import exits, main

FIELDS = """
  { to = "protected", from = "protected", steps = [{ code = "mark" }] },
  { to = "household_number", from = "house" },
  { to = "is_household_head", from = "head", steps = [{ equals = "1" }] },
  { to = "date_of_birth", from = "born", steps = ["iso_date"] },
  { to = "change_kind", from = "change" },
  { to = "resident_status", from = "status" },
]
"""
COLUMNS = ("protected", "house", "head", "born", "change", "status")
MARK = """
title = "支援措置"
[[codes]]
code = "1"
to = "protected"
[[codes]]
code = "0"
to = "none"
"""
PERSON = {
    "since": "2020-04-01", "name": "葛原 花", "address": "本町1", "kind": "1", "protected": "0", "house": "H1",
    "head": "1", "born": "1980-04-01", "change": "moved_in", "status": "resident",
}  # fmt: skip


@pytest.fixture
def town(tmp_project: Path, registry: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> Town:
    made = towns.build(tmp_project, registry)
    config = tmp_project / "renkei.toml"
    config.write_text(
        config.read_text("utf-8").replace('approval = "two people"', 'approval = "none"', 1), "utf-8"
    )
    mapping = tmp_project / towns.MAPPING
    mapping.write_text(mapping.read_text("utf-8").rstrip().removesuffix("]") + FIELDS, "utf-8")
    (tmp_project / "mappings" / "codes" / "mark.toml").write_text(MARK, "utf-8")
    shelf = tmp_project / "connectors" / "shelf.py"
    text = shelf.read_text("utf-8").replace(
        '"kind"))', '"kind", ' + ", ".join(f'"{each}"' for each in COLUMNS) + "))"
    )
    shelf.write_text(text, "utf-8")
    monkeypatch.setenv("RENKEI_PROJECT", str(tmp_project))
    monkeypatch.setenv("RENKEI_LANG", "en")
    return made


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(list(words)) == exits.OK, capsys.readouterr().err
    return capsys.readouterr().out


def found(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(asked(capsys, *words, "--json"))
    return made


def value(told: dict[str, Any], field: str) -> Any:
    return next(each["value"] for each in told["golden"] if each["field"] == field)


def resident(town: Town, key: str) -> str:
    return str(town.rows(f"SELECT resident_id FROM open_link WHERE source_key = '{key}'")[0][0])


def test_the_same_question_has_the_same_answer_after_more_was_delivered(
    town: Town, capsys: pytest.CaptureFixture[str]
) -> None:
    town.deliver([{"no": "1", **PERSON}])
    town.sync()
    then = town.rows("SELECT max(done_at) FROM unit")[0][0].isoformat()
    who = resident(town, "1")
    question = ("resident", "show", who, "--as-of", "2026-11-25", "--known-at", then, "--json",
                "--reveal", "--purpose", "試験")  # fmt: skip
    household = ("household", "show", "town", "H1", "--as-of", "2026-11-25", "--known-at", then, "--json")
    before = (asked(capsys, *question), asked(capsys, *household))

    town.deliver([{"no": "1", **PERSON, "since": "2026-11-20", "name": "葛原 華", "house": "H2"}])
    town.sync(NEXT)

    assert (asked(capsys, *question), asked(capsys, *household)) == before
    told = found(capsys, "resident", "show", who, "--as-of", "2026-11-25", "--reveal", "--purpose", "試験")
    assert (value(told, "full_name"), value(told, "household_number")) == ("葛原 華", "H2")
    told = found(capsys, "resident", "show", who, "--as-of", "2026-11-19", "--reveal", "--purpose", "試験")
    assert (value(told, "full_name"), told["households"][0]["household_number"]) == ("葛原 花", "H1")
    assert "personal.revealed" in town.events()


def test_values_are_veiled_unless_they_are_asked_for_with_a_purpose(
    town: Town, capsys: pytest.CaptureFixture[str]
) -> None:
    town.deliver([{"no": "1", **PERSON}, {"no": "2", **PERSON, "name": "葛原 次郎", "head": "0"}])
    town.sync()
    who = resident(town, "1")

    told = found(capsys, "resident", "show", who, "--as-of", "2026-11-25")
    shown = asked(capsys, "resident", "show", who, "--as-of", "2026-11-25")

    assert list(told) == [
        "schema", "resident_id", "as_of", "known_at", "part_of", "golden", "protected", "records",
        "households", "links", "notes", "revealed",
    ]  # fmt: skip
    assert (value(told, "full_name"), value(told, "resident_status")) == ("漢漢 漢", "resident")
    assert [member["is_head"] for member in told["households"][0]["members"]] == [True, False]
    assert not any(secret in shown + str(told) for secret in ("葛原 花", "本町", "1980", "次郎"))
    assert main(["resident", "show", who, "--reveal"]) == exits.REFUSED


def test_a_restricted_person_is_not_told_from_an_unknown_one(
    town: Town, capsys: pytest.CaptureFixture[str]
) -> None:
    town.deliver([
        {"no": "1", **PERSON}, {"no": "2", **PERSON, "house": "H9", "protected": "1"},
        {"no": "3", **PERSON, "house": "H9", "head": "0"},
    ])  # fmt: skip
    town.sync()
    people = [resident(town, key) for key in ("2", "3")]

    def refused(*words: str) -> str:
        assert main([*words]) == exits.USAGE
        return capsys.readouterr().err.replace(words[-1], "WHO")

    assert len({refused("resident", "show", who) for who in (*people, "999999")}) == 1
    assert len({refused("household", "show", "town", number) for number in ("H9", "NONE")}) == 1


def test_an_instant_to_come_and_a_person_too_old_are_told(
    town: Town, capsys: pytest.CaptureFixture[str]
) -> None:
    town.deliver([{"no": "1", **PERSON, "born": "1890-01-01", "head": "0"}])
    town.sync()
    who = resident(town, "1")

    assert main(["resident", "show", who, "--known-at", "2126-01-01T00:00:00+09:00"]) == exits.USAGE
    assert "E_NOT_YET_KNOWN" in capsys.readouterr().err
    told = found(capsys, "resident", "show", who, "--as-of", DAY.isoformat())
    assert (told["notes"], told["households"][0]["notes"]) == (["over_120"], ["no_head"])
    assert "120" in asked(capsys, "resident", "show", who, "--as-of", date(2026, 11, 20).isoformat())
