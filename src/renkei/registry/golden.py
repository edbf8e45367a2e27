"""Derives the golden record (統合レコード) of touched residents from what the systems say.

Each group of fields is taken whole from the record that the city trusts most for it, so that one
person's name and reading, or town and number, never come from two systems. Protection is the
strictest of all sources.
"""

import json
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from renkei.records import GOLDEN
from renkei.registry.protection import STANDING

#: Group → its fields; the first one must be present for a record to win the group.
GROUPS = GOLDEN
FIELDS = tuple(field for fields in GROUPS.values() for field in fields)
#: The column of each group that names the record which won it.
RECORDS = tuple(f"{group}_record" for group in GROUPS)
#: In an order of trust: from here on the latest event wins, whoever tells it.
FRESHEST = "freshest"
#: Field → its group.
GROUP_OF = {field: group for group, fields in GROUPS.items() for field in fields}

_KEEP_RULE = "INSERT INTO golden_rule (body) VALUES (CAST(:body AS jsonb)) ON CONFLICT DO NOTHING"
_RULE = "SELECT golden_rule_id FROM golden_rule WHERE body = CAST(:body AS jsonb)"
_CLOSE = """
    UPDATE golden_version AS old
    SET known_to = greatest(:now, old.known_from)
    FROM touched AS t
    LEFT JOIN derived AS new ON new.resident_id = t.resident_id
    WHERE old.resident_id = t.resident_id AND old.known_to IS NULL
      AND (new.resident_id IS NULL OR ({new}) IS DISTINCT FROM ({old}) OR EXISTS (
          -- another key won the same value; a newer version of the key that won it is no other origin
          SELECT
          FROM unnest(ARRAY[{new_records}], ARRAY[{old_records}]) AS won (new, old)
          WHERE won.new IS DISTINCT FROM won.old
            AND (SELECT ROW(feed, source_key) FROM person_record WHERE record_id = won.new) IS DISTINCT FROM
                (SELECT ROW(feed, source_key) FROM person_record WHERE record_id = won.old)
      ))
"""
# who waited for the linker may be told an earlier hour than what was written meanwhile: nothing overlaps
_OPEN = """
    INSERT INTO golden_version (resident_id, {names}, protected, {records}, golden_rule_id, valid_from,
                                known_from, unit_id)
    SELECT resident_id, {names}, protected, {records}, golden_rule_id, valid_from,
           coalesce(written.known_to, :now), :unit_id
    FROM derived
    LEFT JOIN (
        SELECT resident_id, max(known_to) AS known_to FROM golden_version WHERE known_to > :now GROUP BY 1
    ) AS written USING (resident_id)
    WHERE NOT EXISTS (
        SELECT FROM golden_version AS open
        WHERE open.resident_id = derived.resident_id AND open.known_to IS NULL
    )
    ORDER BY resident_id
"""


def derive(
    connection: sa.Connection,
    *,
    trust: Mapping[str, tuple[str, ...]],
    unit_id: int | None,
    now: datetime,
    is_load: bool = False,
) -> None:
    """Write a new golden version for each resident in the temporary table ``touched`` whose values changed.

    ``trust`` maps each group of :data:`GROUPS` to systems or feeds (``tax.taxpayer``), most trusted first; a
    feed that is named itself stands where its own name stands. From :data:`FRESHEST` on the latest event is
    taken, and the order only decides between events of one day. A record that a person has chosen for a group
    stands before all. ``unit_id`` is None where no delivery but a decision changed something. In a load
    (``is_load``) nearly all are residents of whom nothing was said before: those are written at once.
    """
    few = connection.exec_driver_sql("SELECT count(*) FROM touched").scalar_one() <= _FEW
    connection.exec_driver_sql(_CLAIM.format(looked_up="OFFSET 0" if few else ""))
    connection.exec_driver_sql("ANALYZE claim")
    connection.exec_driver_sql(_CHOICE)
    order = {f"trust_{group}": list(trust[group]) for group in GROUPS}
    rule = rule_id(connection, {group: "trust:" + ">".join(trust[group]) for group in GROUPS})
    if is_load:
        connection.exec_driver_sql("ALTER TABLE claim RENAME TO every_claim")
        connection.exec_driver_sql(_NOT_SIMPLE)
        connection.exec_driver_sql("ANALYZE claim")
    connection.execute(sa.text(_derived()), {**order, "rule": rule})
    _say_choices(connection, trust)
    names = [*FIELDS, "protected", "golden_rule_id"]
    compared = {side: ", ".join(f"{side}.{name}" for name in names) for side in ("new", "old")}
    for side in ("new", "old"):
        compared[f"{side}_records"] = ", ".join(f"{side}.{name}" for name in RECORDS)
    connection.execute(sa.text(_CLOSE.format(**compared)), {"now": now})
    opened = sa.text(_OPEN.format(names=", ".join(FIELDS), records=", ".join(RECORDS)))
    connection.execute(opened, {"now": now, "unit_id": unit_id})
    if is_load:
        connection.execute(sa.text(_OPEN_SIMPLE), {"now": now, "unit_id": unit_id, "rule": rule})
        connection.exec_driver_sql("DROP TABLE every_claim")
    connection.exec_driver_sql("DROP TABLE claim, choice, derived")


def rule_id(connection: sa.Connection, rules: Mapping[str, str]) -> int:
    """The row that says by which rule each group was taken; written when it is new."""
    asked = {"body": json.dumps(dict(rules))}
    connection.execute(sa.text(_KEEP_RULE), asked)
    return int(connection.execute(sa.text(_RULE), asked).scalar_one())


def leave_out_outranked(
    connection: sa.Connection, *, feed: str, trust: Mapping[str, tuple[str, ...]]
) -> None:
    """Take from ``touched`` whom a first load of this feed cannot change: feeds trusted more say all.

    Only sound where no record of the feed has won anything yet; whoever was joined or parted stays.
    """
    if any(FRESHEST in trust[group] for group in GROUPS):
        return
    asked = {f"trust_{group}": list(trust[group]) for group in GROUPS} | {"feed": feed}
    rivals = connection.execute(sa.text(_RIVALS), asked).scalars().all()
    unfilled = " OR ".join(f"g.{record} IS NULL" for record in RECORDS)
    connection.exec_driver_sql("ALTER TABLE touched RENAME TO told_of")
    outranked = sa.text(_OUTRANKED.format(unfilled=unfilled, rival=_RIVAL if rivals else "false"))
    connection.execute(outranked, {"feed": feed} | ({"rivals": rivals} if rivals else {}))
    connection.exec_driver_sql("DROP TABLE told_of")
    connection.exec_driver_sql("ANALYZE touched")


_OUTRANKED = """
    CREATE TEMP TABLE touched ON COMMIT DROP AS
    WITH marked AS MATERIALIZED (
        SELECT source_key FROM person_record
        WHERE feed = :feed AND known_to IS NULL AND protected = 'protected'
    ), outranked AS (
        SELECT g.resident_id
        FROM golden_version AS g
        WHERE g.known_to IS NULL AND g.protected = 'none' AND NOT ({unfilled})
          AND NOT EXISTS (SELECT FROM moved WHERE moved.resident_id = g.resident_id)
          AND NOT EXISTS (
              SELECT
              FROM open_link AS l
              JOIN marked USING (source_key)
              WHERE l.feed = :feed AND l.resident_id = g.resident_id
          )
    )
    SELECT t.resident_id
    FROM told_of AS t
    LEFT JOIN outranked AS g USING (resident_id)
    WHERE g.resident_id IS NULL OR {rival}
"""
_RIVAL = "EXISTS (SELECT FROM open_link AS l WHERE l.resident_id = t.resident_id AND l.feed = ANY(:rivals))"
_CLAIM = """
    CREATE TEMP TABLE claim ON COMMIT DROP AS
    SELECT l.resident_id, l.home_id, p.record_id, p.feed, split_part(p.feed, '.', 1) AS system, p.source_key,
           p.valid_from, p.protected, {said}
    FROM touched AS t
    CROSS JOIN LATERAL (SELECT * FROM open_link WHERE resident_id = t.resident_id {{looked_up}}) AS l
    CROSS JOIN LATERAL (
        SELECT * FROM person_record
        WHERE feed = l.feed AND source_key = l.source_key AND known_to IS NULL AND NOT removed
        {{looked_up}}
    ) AS p
""".format(said=", ".join(f"p.{fields[0]} IS NOT NULL AS says_{group}" for group, fields in GROUPS.items()))
#: So many are looked up one by one by their index (OFFSET 0), whatever the planner makes of few among many.
_FEW = 20_000
# what people chose: the newest decision of a group counts, where its record still says anything of it
_CHOICE = """
    CREATE TEMP TABLE choice ON COMMIT DROP AS
    SELECT DISTINCT ON (c.resident_id, d.field_group)
        c.resident_id, d.field_group, c.record_id, d.decision_id
    FROM decision AS d
    JOIN claim AS c ON c.home_id = d.left_home
    WHERE d.kind = 'value' AND d.in_force_from IS NOT NULL AND d.in_force_until IS NULL
    ORDER BY c.resident_id, d.field_group, d.decision_id DESC
"""


#: What one record alone says of each field, and the record itself by group.
_ALONE = ", ".join(
    f"CASE WHEN c.says_{group} THEN p.{field} END" for group, fields in GROUPS.items() for field in fields
)
_ALONE_RECORDS = ", ".join(f"CASE WHEN c.says_{group} THEN c.record_id END" for group in GROUPS)
# where a resident is new, has one record and nothing is decided, nothing is compared and nothing won
_NOT_SIMPLE = """
    CREATE TEMP TABLE claim ON COMMIT DROP AS
    SELECT *
    FROM every_claim AS c
    WHERE resident_id IN (SELECT resident_id FROM every_claim GROUP BY resident_id HAVING count(*) > 1)
       OR resident_id IN (SELECT resident_id FROM choice)
       -- each half has an index of its own
       OR EXISTS (SELECT FROM golden_version WHERE resident_id = c.resident_id AND known_to IS NULL)
       OR EXISTS (SELECT FROM golden_version WHERE resident_id = c.resident_id AND known_to IS NOT NULL)
"""
_OPEN_SIMPLE = f"""
    INSERT INTO golden_version (resident_id, {", ".join(FIELDS)}, protected, {", ".join(RECORDS)},
                                golden_rule_id, valid_from, known_from, unit_id)
    SELECT
        c.resident_id, {_ALONE},
        CASE
            WHEN c.protected = 'protected' OR c.resident_id IN (SELECT resident_id FROM protected_resident)
                THEN 'protected'
            WHEN c.protected = 'none' THEN 'none'
        END,
        {_ALONE_RECORDS}, :rule, c.valid_from, :now, :unit_id
    FROM every_claim AS c
    JOIN person_record AS p USING (record_id)
    WHERE NOT EXISTS (SELECT FROM claim WHERE claim.resident_id = c.resident_id)
    ORDER BY c.resident_id
"""


def _derived() -> str:
    """Most residents have one record, which then says all; only of several is there anything to win."""
    values = ", ".join(f"{group}.{field}" for group, fields in GROUPS.items() for field in fields)
    winners = ",\n".join(_winner(group) for group in GROUPS)
    joins = "\n".join(
        f"LEFT JOIN person_record AS {group} ON {group}.record_id = won.{group}_record" for group in GROUPS
    )
    return f"""
        CREATE TEMP TABLE derived ON COMMIT DROP AS
        WITH standing AS (
            SELECT resident_id, {STANDING} AS protected, max(valid_from) AS valid_from
            FROM claim
            GROUP BY resident_id
        ), several AS (
            SELECT resident_id FROM claim GROUP BY resident_id HAVING count(*) > 1
        ), won AS (
            SELECT resident_id, {winners}
            FROM claim
            WHERE resident_id IN (SELECT resident_id FROM several)
            GROUP BY resident_id
        )
        SELECT won.resident_id, {values}, s.protected, s.valid_from, {", ".join(RECORDS)},
               CAST(:rule AS bigint) AS golden_rule_id
        FROM won
        JOIN standing AS s USING (resident_id)
        {joins}
        UNION ALL
        SELECT c.resident_id, {_ALONE}, s.protected, s.valid_from, {_ALONE_RECORDS}, CAST(:rule AS bigint)
        FROM claim AS c
        JOIN standing AS s USING (resident_id)
        JOIN person_record AS p USING (record_id)
        WHERE NOT EXISTS (SELECT FROM several WHERE several.resident_id = c.resident_id)
    """


def _winner(group: str) -> str:
    chosen = (
        f"(resident_id, '{group}', record_id) IN (SELECT resident_id, field_group, record_id FROM choice)"
    )
    # never the order of arrival: of two records that are trusted alike, the later event, then the key
    place, fresh = _place(group, "feed"), f"array_position(CAST(:trust_{group} AS text[]), '{FRESHEST}')"
    order = f"{chosen} DESC, least({place}, {fresh}), valid_from DESC, {place}, feed, source_key"
    return f"(array_agg(record_id ORDER BY {order}) FILTER (WHERE says_{group}))[1] AS {group}_record"


def _place(group: str, feed: str) -> str:
    trusted = f"CAST(:trust_{group} AS text[])"
    return (
        f"coalesce(array_position({trusted}, {feed}), array_position({trusted}, split_part({feed}, '.', 1)))"
    )


def _stands_before(group: str) -> str:
    return f"coalesce({_place(group, 'other.feed')} < {_place(group, 'CAST(:feed AS text)')}, false)"


#: Feeds that are there and do not stand before this one in every group.
_RIVALS = f"""
    SELECT other.feed
    FROM (SELECT DISTINCT feed FROM open_link WHERE feed <> :feed) AS other
    WHERE NOT ({" AND ".join(map(_stands_before, GROUPS))})
"""


def _say_choices(connection: sa.Connection, trust: Mapping[str, tuple[str, ...]]) -> None:
    """Where a chosen record won its group, the rule is the decision."""
    chosen: dict[int, dict[str, str]] = defaultdict(dict)
    for row in connection.execute(sa.text(_CHOSEN)):
        chosen[row.resident_id][row.field_group] = f"decision:{row.decision_id}"
    usual = {group: "trust:" + ">".join(trust[group]) for group in GROUPS}
    for resident, decided in chosen.items():
        rule = rule_id(connection, usual | decided)
        connection.execute(sa.text(_BY_DECISION), {"resident": resident, "rule": rule})


_CHOSEN = """
    SELECT c.resident_id, c.field_group, c.decision_id
    FROM choice AS c
    JOIN derived AS d USING (resident_id)
    WHERE c.record_id = CASE c.field_group {records} END
""".format(records=" ".join(f"WHEN '{group}' THEN d.{group}_record" for group in GROUPS))
_BY_DECISION = "UPDATE derived SET golden_rule_id = :rule WHERE resident_id = :resident"
