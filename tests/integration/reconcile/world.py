"""A registry with two residents and a run, and nights of findings written as text tables."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import sqlalchemy as sa
from tests.unit.reconcile.support import RULE, rules_of

from renkei.reconcile import Rule
from renkei.reconcile.cases import CaseCounts, settle
from renkei.reconcile.example import rows_of
from renkei.reconcile.find import FOUND_SCHEMA, Found, Outcome, State

FIRST_NIGHT = date(2026, 11, 20)
#: One difference of addresses of resident 1; the columns a night may write differently.
ADDRESS = {
    "rule_id": "R90",
    "subject_kind": "resident",
    "subject_id": "1",
    "cause": "R90:address",
    "field": "address",
    "class": "other_place",
    "left_feed": "juki.resident",
    "left_key": "J1",
    "right_feed": "tax.taxpayer",
    "right_key": "T1",
    "since": "2026-11-01",
    "minutes": "",
    "in_transit": "false",
}


def plain_rule(folder: Path, **changed: str) -> Rule:
    """The short rule of the unit tests, with keys written differently."""
    text = RULE
    for key, value in changed.items():
        old = next((line for line in text.splitlines() if line.startswith(f"{key} = ")), None)
        text = text.replace(old, f"{key} = {value}") if old else f"{key} = {value}\n{text}"
    (rule,) = rules_of(folder, text)
    return rule


def night(
    rule: Rule,
    table: str = "",
    *,
    as_of: date = FIRST_NIGHT,
    state: State = "compared",
    missing: Sequence[str] = (),
    days: Mapping[str, date] | None = None,
    again: Sequence[int] | None = None,
) -> Found:
    """What a night found: rows of ``table``, each :data:`ADDRESS` but for the columns written.

    ``days`` are those that the feeds speak for (the night's unless given); ``again`` the only residents that
    were looked at.
    """
    rows = [ADDRESS | row for row in rows_of(table)] if table else []
    columns = {name: [_typed(name, row[name] if name in row else row["subject_id"]) for row in rows]
               for name in FOUND_SCHEMA.names}  # fmt: skip
    mismatches = pa.Table.from_pydict(columns, schema=FOUND_SCHEMA)
    outcome = Outcome(
        rule=rule, state=state, compared=2, found=len(rows), missing_feeds=tuple(missing), seconds=0.1,
        whole=again is None, looked_at=2 if again is None else len(again),
    )  # fmt: skip
    spoken_for = {"juki.resident": as_of, "tax.taxpayer": as_of} if days is None else days
    some = None if again is None else pa.table({"resident_id": pa.array(again, pa.int64())})
    return Found(as_of=as_of, outcomes=(outcome,), mismatches=mismatches, days=spoken_for, again=some)


def _typed(name: str, cell: str) -> object:
    if name == "since":
        return date.fromisoformat(cell) if cell else None
    if name in ("resident_id", "minutes"):
        return int(cell) if cell else None
    return cell == "true" if name == "in_transit" else cell


class Hub:
    """A registry in which nights pass. ``residents`` exist, so that mismatches may point at them."""

    def __init__(self, engine: sa.Engine, *, residents: int = 2) -> None:
        self.engine = engine
        with engine.begin() as connection:
            run = self.open_run(connection, FIRST_NIGHT, kind="sync_in")
            connection.exec_driver_sql(f"""
                INSERT INTO object VALUES ('{"0" * 64}', 0, now());
                INSERT INTO delivery (feed, name, sha256, received_at, run_id, verdict)
                VALUES ('juki.resident', 'first', '{"0" * 64}', now(), '{run}', 'merged');
                INSERT INTO unit (
                    delivery_id, feed, as_of, run_id, mapping_digest, fence, records, merged, unchanged,
                    superseded, rejected, ended, dispositions, snapshot, done_at
                ) VALUES (
                    1, 'juki.resident', '2026-11-20', '{run}', 'x', 1, 2, 2, 0, 0, 0, 0,
                    '{"0" * 64}', '{"0" * 64}', now()
                );
                INSERT INTO resident (founded_at, founded_by_unit)
                SELECT now(), 1 FROM generate_series(1, {residents});
            """)

    def pass_night(self, found: Found) -> CaseCounts:
        """Settle what a night found, as the workflow does."""
        with self.engine.begin() as connection:
            run = self.open_run(connection, found.as_of, kind="reconcile")
            now = datetime(2026, 11, 20, tzinfo=UTC) + (found.as_of - FIRST_NIGHT)
            return settle(connection, found, run_id=run, now=now + timedelta(hours=5))

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """The answer of a query, as plain tuples."""
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(query)]

    def case(self) -> tuple[object, ...]:
        """State, reopened and number of open mismatches of the only case."""
        (row,) = self.rows("""
            SELECT c.state, c.reopened, count(m.mismatch_id) FILTER (WHERE m.gone_at IS NULL)
            FROM "case" AS c JOIN mismatch AS m USING (case_id)
            GROUP BY c.case_id
        """)
        return row

    def events(self) -> list[object]:
        """Kinds of case events in the order in which they happened."""
        return [row[0] for row in self.rows("SELECT kind FROM case_event ORDER BY case_event_id")]

    @staticmethod
    def open_run(connection: sa.Connection, as_of: date, *, kind: str) -> uuid.UUID:
        run = uuid.uuid4()
        connection.exec_driver_sql(f"""
            INSERT INTO run (
                run_id, kind, target, as_of, state, actor, trigger, project_digest, code_version, started_at
            ) VALUES ('{run}', '{kind}', 'x', '{as_of}', 'running', 'tester', 'test', 'x', 'x', now())
        """)
        return run
