"""Derived again (I16): golden records from scratch, links of a sample, and decisions taken back.

All of it happens in transactions that are rolled back.
"""

import random
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from renkei.prove.ground import Findings, Ground
from renkei.registry import golden, sql
from renkei.registry.identity import neighbourhood
from renkei.registry.identity.settle import settle

#: Homes whose links are solved again, and decisions that are taken back.
_SAMPLE, _MOST_DECISIONS, _SEED = 300, 200, 20_261_120
_NOW = "SELECT greatest(clock_timestamp(), max(known_from)) FROM link"


def derived_again(ground: Ground, findings: Findings) -> None:
    """Derived now as it was then, and without a decision as if it had never been made."""
    dice = random.Random(_SEED)  # noqa: S311 - a sample that can be drawn again, no secret
    for check in (_golden_again, _links_again, _without_decisions):
        ground.progress(check.__name__.strip("_").replace("_", " "))
        with ground.engine.connect() as connection, connection.begin() as never:
            # as units do when they say who is who: nobody else does meanwhile
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('renkei.link'))")
            check(connection, findings, dice, ground)
            never.rollback()


def _golden_again(connection: sa.Connection, findings: Findings, _: random.Random, _ground: Ground) -> None:
    now = connection.exec_driver_sql(_NOW).scalar_one()
    for row in connection.exec_driver_sql(_RULES_IN_USE).all():
        _touch(connection, _TOUCHED_BY_RULE, rule=row.golden_rule_id)
        findings.checked += row.residents
        before = _written(connection)
        _derive(connection, row.body, now=now)
        changed = _written(connection) - before
        findings.expect(not changed, f"golden_rule:{row.golden_rule_id} derives {changed} rows anew")


def _links_again(connection: sa.Connection, findings: Findings, dice: random.Random, ground: Ground) -> None:
    now = connection.exec_driver_sql(_NOW).scalar_one()
    homes = (
        connection.exec_driver_sql("SELECT home_id FROM link WHERE known_to IS NULL ORDER BY 1")
        .scalars()
        .all()
    )
    some = dice.sample(homes, min(_SAMPLE, len(homes)))
    findings.checked += len(some)
    again = settle(connection, some, now=now, refuse=ground.refuse_contradictions)
    for resident in sorted(again.touched):
        findings.broken(f"resident:{resident} is another one when its links are settled again")


def _without_decisions(
    connection: sa.Connection, findings: Findings, dice: random.Random, ground: Ground
) -> None:
    """Take each decision back, and beside it build its residents anew as if it had never been made."""
    decisions = connection.exec_driver_sql(_IN_FORCE).all()
    for decision in dice.sample(decisions, min(_MOST_DECISIONS, len(decisions))):
        about = [home for home in (decision.left_home, decision.right_home) if home is not None]
        homes = sorted(neighbourhood.gather(connection, about).links)
        terms = {
            "decision": decision.decision_id,
            "homes": homes,
            "about": about,
            "refuse": ground.refuse_contradictions,
        }
        taken_back = _state_after(connection, (_WITHDRAW,), **terms)
        never_made = _state_after(connection, (_NEVER_MADE, _ASUNDER, _NO_MERGES, _NO_GOLDEN), **terms)
        same = taken_back == never_made
        findings.expect(same, f"decision:{decision.decision_id} taken back leaves something behind")
    if len(decisions) > _MOST_DECISIONS:
        findings.notes.append(f"decisions={_MOST_DECISIONS} of {len(decisions)}")


def _state_after(
    connection: sa.Connection,
    steps: Sequence[str],
    *,
    decision: int,
    homes: Sequence[int],
    about: Sequence[int],
    refuse: bool,
) -> list[tuple[Any, ...]]:
    """Links and golden values of these homes after some steps, which are then undone."""
    point = connection.begin_nested()
    now = connection.exec_driver_sql(_NOW).scalar_one()
    rules = connection.execute(sa.text(_RULE_OF), {"homes": homes}).scalars().all()
    was = connection.execute(sa.text(_RESIDENTS_OF), {"homes": homes}).scalars().all()
    for step in steps:
        sql.execute(connection, step, {"decision": decision, "homes": homes, "now": now})
    settle(connection, homes if len(steps) > 1 else about, now=now, refuse=refuse)
    residents = {*was, *connection.execute(sa.text(_RESIDENTS_OF), {"homes": homes}).scalars()}
    _touch(
        connection, "SELECT unnest(CAST(:residents AS bigint[])) AS resident_id", residents=sorted(residents)
    )
    if rules:
        _derive(connection, rules[0], now=now)
    found = connection.execute(sa.text(_STATE), {"homes": homes, "residents": sorted(residents)}).all()
    point.rollback()
    return [tuple(row) for row in found]


def _derive(connection: sa.Connection, rules: Mapping[str, str], *, now: datetime) -> None:
    golden.derive(connection, trust=_trust(rules), unit_id=None, now=now)


def _trust(rules: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """``trust:juki>tax`` by group; a group that a decision gave has the order of another one."""
    orders = {
        group: tuple(rule.removeprefix("trust:").split(">"))
        for group, rule in rules.items()
        if rule and rule.startswith("trust:")
    }
    other = next(iter(orders.values()), ())
    return {group: orders.get(group, other) for group in golden.GROUPS}


def _touch(connection: sa.Connection, query: str, **values: object) -> None:
    connection.exec_driver_sql("DROP TABLE IF EXISTS touched")
    connection.execute(sa.text(f"CREATE TEMP TABLE touched ON COMMIT DROP AS {query}"), values)
    connection.exec_driver_sql("ANALYZE touched")


def _written(connection: sa.Connection) -> int:
    return int(connection.exec_driver_sql(_WRITTEN).scalar_one())


_WRITTEN = """
    SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)
    FROM pg_stat_xact_user_tables
    WHERE relid = 'golden_version'::regclass
"""
_RULES_IN_USE = """
    SELECT r.golden_rule_id, r.body, count(*) AS residents
    FROM golden_version AS g
    JOIN golden_rule AS r USING (golden_rule_id)
    WHERE g.known_to IS NULL
    GROUP BY r.golden_rule_id, r.body
    ORDER BY 1
"""
_TOUCHED_BY_RULE = "SELECT resident_id FROM golden_version WHERE known_to IS NULL AND golden_rule_id = :rule"
_IN_FORCE = """
    SELECT decision_id, left_home, right_home
    FROM decision
    WHERE in_force_from IS NOT NULL AND in_force_until IS NULL AND kind <> 'cannot_say'
    ORDER BY decision_id
"""
_WITHDRAW = "UPDATE decision SET in_force_until = greatest(:now, in_force_from) WHERE decision_id = :decision"
_NEVER_MADE = "DELETE FROM decision WHERE decision_id = :decision"
_ASUNDER = """
    UPDATE link
    SET resident_id = home_id, rule = 'founder', via_feed = NULL, via_key = NULL, decision_id = NULL
    WHERE known_to IS NULL AND home_id = ANY(:homes)
"""
_NO_MERGES = "DELETE FROM resident_merge WHERE home_id = ANY(:homes)"
_NO_GOLDEN = """
    DELETE FROM golden_version
    WHERE resident_id = ANY(:homes) AND known_to IS NULL
"""
_RESIDENTS_OF = "SELECT DISTINCT resident_id FROM link WHERE known_to IS NULL AND home_id = ANY(:homes)"
_RULE_OF = """
    SELECT r.body
    FROM link AS l
    JOIN golden_version AS g ON g.resident_id = l.resident_id AND g.known_to IS NULL
    JOIN golden_rule AS r USING (golden_rule_id)
    WHERE l.known_to IS NULL AND l.home_id = ANY(:homes)
    ORDER BY g.resident_id
    LIMIT 1
"""
_VALUES = ", ".join((*golden.FIELDS, "protected"))
_STATE = f"""
    SELECT home_id AS id, resident_id, rule, decision_id::text AS values
    FROM link
    WHERE known_to IS NULL AND home_id = ANY(:homes)
    UNION ALL
    SELECT resident_id, NULL, NULL, md5(ROW({_VALUES})::text)
    FROM golden_version
    WHERE known_to IS NULL AND resident_id = ANY(:residents)
    UNION ALL
    SELECT home_id, resident_id, 'merge', NULL
    FROM resident_merge
    WHERE known_to IS NULL AND home_id = ANY(:homes)
    ORDER BY 1, 2, 3, 4
"""
