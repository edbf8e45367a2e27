"""Which cases a draft would open or close: every rule on the present state and on the one it would make."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import sqlalchemy as sa

from renkei import snapshot
from renkei.bulk import copy_out
from renkei.engine.duck import DuckEngine
from renkei.landing import Landing
from renkei.project import Project
from renkei.reconcile import FeedTerms, Source, inputs, past
from renkei.reconcile.find import Found, find
from renkei.registry import control


@dataclass(frozen=True, kw_only=True)
class CaseEffect:
    """Cases of one department and rule that the next reconciliation would open, and close."""

    owner: str
    rule_id: str
    opens: int
    closes: int


_OPEN_SCHEMA = pa.schema(
    [
        ("subject_kind", pa.string()),
        ("subject_id", pa.string()),
        ("cause", pa.string()),
        ("rule_id", pa.string()),
        ("owner", pa.string()),
    ]
)
_OPEN = """
    SELECT subject_kind, subject_id, cause, rule_id, owner
    FROM "case"
    WHERE state NOT IN ('closed', 'dismissed')
"""
# what waits, or does not know its age and has not stood before, is of no case yet
_RAISED = """
    SELECT f.*
    FROM {found} AS f
    WHERE NOT f.in_transit
        AND (
            f.since IS NOT NULL
            OR f.rule_id IN (SELECT rule_id FROM lasting)
            OR (f.rule_id, f.subject_id) IN (SELECT (rule_id, subject_id) FROM standing)
        )
"""
_OPENS = """
    SELECT rule_id, count(*) AS cases
    FROM (
        SELECT subject_kind, subject_id, cause, min(rule_id) AS rule_id
        FROM after
        GROUP BY subject_kind, subject_id, cause
    ) AS a
    ANTI JOIN before AS b USING (subject_kind, subject_id, cause)
    ANTI JOIN known AS k USING (subject_kind, subject_id, cause)
    GROUP BY rule_id
"""
# an event stays found, and a rule that is gone, or could not compare, closes nothing
_CLOSES = """
    SELECT k.owner, k.rule_id, count(*) AS cases
    FROM known AS k
    SEMI JOIN judged AS j ON j.rule_id = k.rule_id
    SEMI JOIN before AS b
        ON b.subject_kind = k.subject_kind AND b.subject_id = k.subject_id AND b.cause = k.cause
    ANTI JOIN after AS a
        ON a.subject_kind = k.subject_kind AND a.subject_id = k.subject_id AND a.cause = k.cause
    GROUP BY ALL
"""


def cases_of(
    engine: sa.Engine,
    *,
    base: Project,
    draft: Project,
    landing: Landing,
    after: Mapping[str, Path],
    as_of: date,
    scratch: Path,
) -> tuple[tuple[CaseEffect, ...], tuple[str, ...]]:
    """Effects by department and rule, and the rules that cannot be compared on that day.

    ``after`` has the state that the draft makes of a feed, where it differs. Whose record is whose stays as
    it is: a key that the draft changes links nobody until the draft is in force.
    """
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        cursors = control.cursors(connection)
        links = inputs.links(connection)
        hub = inputs.hub(connection, as_of=as_of, offices=draft.offices)
        known, standing = copy_out(connection, _OPEN, _OPEN_SCHEMA), past.standing(connection)
        terms = {feed.id: FeedTerms(record=feed.record, lag=feed.lag) for feed in draft.feeds}
        learned = past.learned(past.normal_lags(connection, terms, as_of=as_of))

    def found(text: Project, changed: Mapping[str, Path]) -> Found:
        with DuckEngine(temp=scratch) as duck:
            return find(
                duck, text.rules, sources=_sources(text, cursors, landing, changed), links=links,
                hub=hub, as_of=as_of, standing=standing, learned=learned,
            )  # fmt: skip

    was, now = found(base, {}), found(draft, after)
    absent = tuple(each.rule.id for each in now.outcomes if each.state in ("not_compared", "held", "refused"))
    return _told(was, now, known, standing, scratch=scratch), absent


def _sources(
    text: Project, cursors: Mapping[str, control.Cursor], landing: Landing, changed: Mapping[str, Path]
) -> list[Source]:
    return [
        Source(
            feed=feed.id,
            terms=FeedTerms(record=feed.record, lag=feed.lag),
            snapshot=_state(changed.get(feed.id), cursors.get(feed.id), landing),
            as_of=cursors[feed.id].as_of if feed.id in cursors else None,
        )
        for feed in text.feeds
    ]


def _state(changed: Path | None, cursor: control.Cursor | None, landing: Landing) -> snapshot.Snapshot | None:
    if cursor is None:
        return None
    return snapshot.Snapshot(whole=changed) if changed else snapshot.proved(landing, cursor.snapshot)


def _told(
    was: Found, now: Found, known: pa.Table, standing: pa.Table, *, scratch: Path
) -> tuple[CaseEffect, ...]:
    owners = {each.rule.id: each.rule.owner for each in now.outcomes}
    judged = [each.rule.id for each in now.outcomes if each.state == "compared" and not each.rule.lasting]
    with DuckEngine(temp=scratch) as duck:
        duck.table("standing", standing)
        duck.table("lasting", pa.table({"rule_id": pa.array(_lasting(was, now), pa.string())}))
        for name, found in (("before", was), ("after", now)):
            duck.table(f"{name}_all", found.mismatches)
            duck.derive(name, _RAISED.format(found=f"{name}_all"), {})
        duck.table("known", known)
        duck.table("judged", pa.table({"rule_id": pa.array(judged, pa.string())}))
        opens = duck.sql(_OPENS, {}).read_all().to_pylist()
        closes = duck.sql(_CLOSES, {}).read_all().to_pylist()
    opened = Counter({(owners[row["rule_id"]], row["rule_id"]): int(row["cases"]) for row in opens})
    closed = Counter({(row["owner"], row["rule_id"]): int(row["cases"]) for row in closes})
    return tuple(
        CaseEffect(owner=owner, rule_id=rule, opens=opened[owner, rule], closes=closed[owner, rule])
        for owner, rule in sorted(opened | closed)
    )


def _lasting(*nights: Found) -> list[str]:
    """Rules of events and of deliveries, which never wait."""
    rules = {each.rule.id: each.rule for found in nights for each in found.outcomes}
    return sorted(rule.id for rule in rules.values() if rule.lasting or rule.kind != "mismatch")
