"""Keeps cases (要確認案件): brings what is open to what a night found, in the caller's transaction.

One case for each subject and cause. A difference that is gone closes its case; the same one back reopens it.
What people settled (``renkei.reconcile.work``) stays settled as long as it is the difference that they saw.
The caller holds the lease, checks the fence, writes run and audit event, and commits.
"""

import json
import re
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib import resources
from uuid import UUID

import pyarrow as pa
import sqlalchemy as sa

from renkei.bulk import copy_in
from renkei.reconcile.calendar import due_on
from renkei.reconcile.find import Found, Outcome

#: Who opens and closes cases by what was found.
ACTOR = "system"

_DAYS = pa.schema([("feed", pa.string()), ("as_of", pa.date32())])
_STEP = re.compile(r"^-- step: (\w+)\n", re.MULTILINE)
_INSERT_RULE = sa.text("""
    INSERT INTO rule_now VALUES (
        :rule_id, :rule_digest, :kind, :owner, :severity, :due_on, :lasting,
        :state, :compared, :looked_at, :whole, :missing_feeds, :seconds,
        :error_code, CAST(:error_facts AS jsonb)
    )
""")


@dataclass(frozen=True, kw_only=True)
class CaseCounts:
    """What one reconciliation changed. All zero when it is run again on the same data.

    ``due_again``: a wait is over, or a correction was not seen in time.
    """

    new_mismatches: int
    gone_mismatches: int
    opened: int
    reopened: int
    joined: int
    closed: int
    due_again: int


def settle(connection: sa.Connection, found: Found, *, run_id: UUID, now: datetime) -> CaseCounts:
    """Open, join, reopen and close, and leave one ``rule_result`` a rule; a repeat changes nothing."""
    _stage(connection, found)
    bound = {"as_of": found.as_of, "run_id": run_id, "now": now, "actor": ACTOR}
    for statement in _steps("settle.sql"):
        named = {name: value for name, value in bound.items() if f":{name}" in statement}
        connection.execute(sa.text(statement), named)
    return _counts(connection)


def results_of(connection: sa.Connection, run_id: UUID) -> dict[str, tuple[int, int]]:
    """Rule → how many mismatches stand and how many differences wait after a run; events: this run's."""
    asked = "SELECT rule_id, found, in_transit FROM rule_result WHERE run_id = :run_id ORDER BY rule_id"
    rows = connection.execute(sa.text(asked), {"run_id": run_id})
    return {str(rule): (int(found), int(waiting)) for rule, found, waiting in rows}


def _stage(connection: sa.Connection, found: Found) -> None:
    connection.exec_driver_sql(_text("stage.sql"))
    for outcome in found.outcomes:
        connection.execute(_INSERT_RULE, _rule_row(outcome, found.as_of))
    copy_in(connection, "found_now", found.mismatches)
    days = {"feed": list(found.days), "as_of": list(found.days.values())}
    copy_in(connection, "feed_now", pa.table(days, _DAYS))
    if found.again is not None:
        copy_in(connection, "again_now", found.again)
    connection.exec_driver_sql("ANALYZE found_now; ANALYZE again_now")


def _rule_row(outcome: Outcome, as_of: date) -> dict[str, object]:
    rule = outcome.rule
    declared = {name: getattr(rule, name) for name in ("kind", "owner", "severity", "lasting")}
    counted = {
        name: getattr(outcome, name) for name in ("state", "compared", "looked_at", "whole", "seconds")
    }
    worked_out = {
        "rule_id": rule.id,
        "rule_digest": rule.digest,
        "due_on": due_on(as_of, rule.severity),
        "missing_feeds": list(outcome.missing_feeds),
        "error_code": outcome.fault.code if outcome.fault else None,
        "error_facts": json.dumps(outcome.fault.facts) if outcome.fault else None,
    }
    return declared | counted | worked_out


def _counts(connection: sa.Connection) -> CaseCounts:
    return CaseCounts(**connection.execute(sa.text(_text("counts.sql"))).mappings().one())


def _steps(name: str) -> list[str]:
    """The statements of a file, one for each ``-- step:``."""
    return _STEP.split(_text(name))[2::2]


@cache
def _text(name: str) -> str:
    return resources.files("renkei.reconcile").joinpath("sql", name).read_text("utf-8")
