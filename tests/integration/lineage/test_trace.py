"""Every golden value of a city is proved by the landed bytes, and whatever was changed since is found."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from renkei.landing import Landing
from renkei.lineage.landed import Landed
from renkei.lineage.trace import Traced, golden_of, origins_of, trace
from renkei.project import Project, load
from renkei.records import GOLDEN
from renkei.workflow.lineage import declared


@contextmanager
def undone(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection whose changes nobody else sees."""
    with engine.connect() as connection:
        yield connection
        connection.rollback()


def traced(
    project: Project, engine: sa.Engine, connection: sa.Connection, residents: list[int] | None = None
) -> dict[int, tuple[Traced, ...]]:
    every = residents or list(connection.execute(sa.text("SELECT resident_id FROM resident")).scalars())
    goldens = golden_of(connection, every)
    used = {record for golden in goldens.values() for record, _ in golden.won.values() if record is not None}
    return trace(
        goldens.values(),
        origins_of(connection, used),
        landed=Landed(Landing(project.var / "landing")),
        declared=declared(project, engine),
    )


def states(found: dict[int, tuple[Traced, ...]]) -> Counter[str]:
    return Counter(each.state for fields in found.values() for each in fields)


def wrong(found: dict[int, tuple[Traced, ...]]) -> set[tuple[int, str, str]]:
    return {
        (resident, each.field, each.reason)
        for resident, fields in found.items()
        for each in fields
        if each.state not in ("proved", "silent")
    }


def test_every_value_of_every_resident_is_proved(project: Project, engine: sa.Engine) -> None:
    with engine.connect() as connection:
        found = traced(project, engine, connection)
        residents = connection.execute(
            sa.text("SELECT count(*) FROM golden_version WHERE known_to IS NULL")
        ).scalar_one()

    assert len(found) == residents > 100
    assert wrong(found) == set()
    assert sum(states(found).values()) == residents * sum(map(len, GOLDEN.values()))
    assert states(found)["proved"] > residents * 15


@pytest.mark.parametrize(("table", "reason"), [("golden_version", "golden"), ("person_record", "golden")])
def test_a_value_changed_in_the_registry_is_found(
    project: Project, engine: sa.Engine, table: str, reason: str
) -> None:
    with undone(engine) as connection:
        one = connection.execute(
            sa.text("SELECT resident_id FROM golden_version WHERE full_name IS NOT NULL LIMIT 1")
        ).scalar_one()
        connection.execute(_CHANGE[table], {"resident": one})
        found = traced(project, engine, connection, [one])

    assert wrong(found) == {(one, "full_name", reason)}


_CHANGE = {
    "golden_version": sa.text("UPDATE golden_version SET full_name = 'X' WHERE resident_id = :resident"),
    "person_record": sa.text("""
        UPDATE person_record SET full_name = 'X'
        WHERE record_id = (SELECT name_record FROM golden_version
                           WHERE resident_id = :resident AND known_to IS NULL)
    """),
}


def test_a_value_changed_in_record_and_golden_version_alike_is_found(
    project: Project, engine: sa.Engine
) -> None:
    with undone(engine) as connection:
        one = connection.execute(
            sa.text("SELECT resident_id FROM golden_version WHERE postal_code IS NOT NULL LIMIT 1")
        ).scalar_one()
        connection.execute(
            sa.text("UPDATE golden_version SET postal_code = '0000000' WHERE resident_id = :r"), {"r": one}
        )
        connection.execute(
            sa.text("""
                UPDATE person_record SET postal_code = '0000000'
                WHERE record_id = (SELECT address_record FROM golden_version
                                   WHERE resident_id = :r AND known_to IS NULL)
            """),
            {"r": one},
        )
        found = traced(project, engine, connection, [one])

    assert wrong(found) == {(one, "postal_code", "record")}


def test_one_byte_changed_in_a_landed_object_is_found(project: Project, engine: sa.Engine) -> None:
    with engine.connect() as connection:
        sha256, feed = connection.execute(
            sa.text("SELECT sha256, feed FROM delivery WHERE feed = 'juki.resident' AND verdict = 'merged'")
        ).one()
        place = Landing(project.var / "landing").path(sha256)
        whole = place.read_bytes()
        place.chmod(0o640)
        place.write_bytes(whole[:-100] + bytes([whole[-100] ^ 1]) + whole[-99:])
        try:
            found = traced(project, engine, connection)
        finally:
            place.write_bytes(whole)

    told = [
        each
        for fields in found.values()
        for each in fields
        if each.origin is not None and each.origin.feed == feed
    ]
    assert told
    assert {(each.state, each.reason) for each in told} == {("differs", "bytes")}


def test_without_the_text_of_the_time_nothing_is_called_proved(project: Project, engine: sa.Engine) -> None:
    with undone(engine) as connection:
        connection.execute(sa.text("UPDATE unit SET mapping_digest = repeat('0', 64)"))
        found = traced(project, engine, connection)

    assert states(found)["proved"] == 0
    assert {reason for _, _, reason in wrong(found)} == {"mapping"}


# which version, whose text ------------------------------------------------------------------------


def test_an_earlier_version_is_found_by_what_was_known_and_by_the_day(engine: sa.Engine) -> None:
    with undone(engine) as connection:
        one = connection.execute(sa.text("SELECT min(resident_id) FROM golden_version")).scalar_one()
        first = golden_of(connection, [one])[one]
        connection.execute(_NEWER, {"resident": one, "golden": first.golden_id})
        newer = golden_of(connection, [one])[one]
        then = golden_of(connection, [one], known_at=first.known_from)[one]
        before = golden_of(connection, [one], as_of=newer.valid_from - timedelta(days=1))[one]

    assert newer.golden_id > first.golden_id == then.golden_id == before.golden_id
    assert newer.values["full_name"] == "X"


_NEWER = sa.text("""
    WITH closed AS (
        UPDATE golden_version SET known_to = known_from + interval '1 hour' WHERE golden_id = :golden
        RETURNING *
    )
    INSERT INTO golden_version (resident_id, full_name, golden_rule_id, valid_from, known_from, unit_id)
    SELECT resident_id, 'X', golden_rule_id, valid_from + 1, known_to, unit_id FROM closed
""")


def test_the_person_who_approved_the_text_is_named(engine: sa.Engine) -> None:
    with undone(engine) as connection:
        record = connection.execute(sa.text("SELECT min(record_id) FROM person_record")).scalar_one()
        founded = origins_of(connection, [record])[record]
        connection.execute(_APPROVED)
        approved = origins_of(connection, [record])[record]

    assert (founded.author, founded.approved_by) == ("tester", None)
    assert (approved.author, approved.approved_by) == ("tester", "cli:second")


_APPROVED = sa.text("""
    WITH made AS (
        INSERT INTO plan (author, made_at, as_of, base_digest, digest, object, data, data_digest, is_over, result)
        SELECT author, in_force_from, current_date, digest, digest, object, '{}', '', false, '{}' FROM declaration
        RETURNING plan_id
    )
    UPDATE declaration SET plan_id = (SELECT plan_id FROM made), approved_by = 'cli:second'
""")


def test_a_text_changed_since_is_proved_by_the_one_that_was_in_force(draft: Path, engine: sa.Engine) -> None:
    mapping = draft / "mappings" / "juki.toml"
    mapping.write_text(mapping.read_text("utf-8").replace("max = 80", "max = 81"), "utf-8")

    with engine.connect() as connection:
        found = traced(load(draft), engine, connection)

    assert wrong(found) == set()
    assert states(found)["proved"] > 1000
