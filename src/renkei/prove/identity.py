"""Who is who (I16): homes and residents follow from records and decisions, and from nothing else.

The definition is checked against the links in columns, by other means than those that made them: no pair that
something forbids is one resident, every edge within a resident holds it together, and every edge between two
residents has a reason why it was not taken. People are seen as numbers of homes and hashes only.
"""

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from renkei.prove.ground import Findings, Ground
from renkei.registry.identity.definition import FOUR_ATTRIBUTES, MOST_OF_A_NUMBER, RULES, SINGLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import duckdb

_MEMORY = "1500MB"
_WHOLE, _DAY = pa.int64(), pa.date32()
_NODE = pa.schema(
    [("home", _WHOLE), ("resident", _WHOLE), ("lo", _DAY), ("hi", _DAY),
     ("name", _WHOLE), ("kana", _WHOLE), ("common", _WHOLE)]
)  # fmt: skip
_SHARE = pa.schema([("home", _WHOLE), ("rank", pa.int16()), ("value", _WHOLE)])
_DECIDED = pa.schema([("one", _WHOLE), ("other", _WHOLE), ("same", pa.bool_())])


def who_is_who(ground: Ground, findings: Findings) -> None:
    """Homes and residents as they are kept, then the definition beside them."""
    ground.progress("link")
    findings.checked += ground.count("SELECT count(*) FROM link WHERE known_to IS NULL")
    for row in ground.rows(_KEPT):
        findings.broken(f"{row.what}:{row.id} {row.problem}")
    ground.progress("definition")
    for problem in _against_definition(ground):
        findings.broken(problem)


# how it is kept ----------------------------------------------------------------------------------

_STRONG = """
    SELECT feed, source_key, kind, value
    FROM person_record AS p
    CROSS JOIN LATERAL (VALUES
        ('resident_code', p.resident_code_token), ('individual_number', p.individual_number_token),
        ('residence_card', p.residence_card_number), ('says:' || p.same_as_numbering, p.same_as_party_number)
    ) AS n(kind, value)
    WHERE p.known_to IS NULL AND NOT p.removed AND kind IS NOT NULL AND value <> ''
"""
_KEPT = f"""
    SELECT 'resident' AS what, resident_id AS id, 'is not the smallest home of its records' AS problem
    FROM link WHERE known_to IS NULL
    GROUP BY resident_id
    HAVING min(home_id) <> resident_id
    UNION ALL
    SELECT 'link', link_id, 'belonged to a resident above its home' FROM link WHERE resident_id > home_id
    UNION ALL
    SELECT 'home', home_id, 'was given to two keys'
    FROM link
    GROUP BY home_id
    HAVING min(feed || ' ' || source_key) <> max(feed || ' ' || source_key)
    UNION ALL
    SELECT 'home', home_id, 'has two links that hold'
    FROM link WHERE known_to IS NULL
    GROUP BY home_id
    HAVING count(*) > 1
    UNION ALL
    SELECT DISTINCT 'resident', l.resident_id, 'was never founded'
    FROM link AS l
    WHERE l.known_to IS NULL AND NOT EXISTS (SELECT FROM resident AS r WHERE r.resident_id = l.resident_id)
    UNION ALL
    SELECT 'golden', g.golden_id, 'is of nobody who has a record'
    FROM golden_version AS g
    WHERE g.known_to IS NULL
      AND NOT EXISTS (SELECT FROM open_link AS l WHERE l.resident_id = g.resident_id)
    UNION ALL
    SELECT DISTINCT 'resident', l.resident_id, 'has a record and no golden record'
    FROM open_link AS l
    JOIN person_record AS p
        ON p.feed = l.feed AND p.source_key = l.source_key AND p.known_to IS NULL AND NOT p.removed
    LEFT JOIN golden_version AS g ON g.resident_id = l.resident_id AND g.known_to IS NULL
    WHERE g.golden_id IS NULL
    UNION ALL
    SELECT 'link', l.link_id, 'has another number than its record'
    FROM open_link AS l
    JOIN person_record AS p
        ON p.feed = l.feed AND p.source_key = l.source_key AND p.known_to IS NULL AND NOT p.removed
    WHERE (l.numbering, l.party_number) IS DISTINCT FROM (p.numbering, p.party_number)
    UNION ALL
    SELECT 'home', coalesce(l.home_id, s.home_id), 'has other strong numbers than its record'
    FROM ({_STRONG}) AS said
    JOIN open_link AS l USING (feed, source_key)
    FULL JOIN (
        SELECT s.*
        FROM strong_number AS s
        JOIN open_link USING (home_id)
        JOIN person_record AS p USING (feed, source_key)
        WHERE p.known_to IS NULL AND NOT p.removed
    ) AS s ON s.home_id = l.home_id AND s.kind = said.kind AND s.value = said.value
    WHERE l.home_id IS NULL OR s.home_id IS NULL
    UNION ALL
    SELECT 'merge', m.resident_merge_id, 'is no ray of a star: its middle hangs on another'
    FROM resident_merge AS m
    JOIN resident_merge AS up ON up.home_id = m.resident_id AND up.known_to IS NULL
    WHERE m.known_to IS NULL
    UNION ALL
    SELECT 'merge', m.resident_merge_id, 'says another resident than the links'
    FROM resident_merge AS m
    LEFT JOIN link AS l ON l.home_id = m.home_id AND l.known_to IS NULL
    WHERE m.known_to IS NULL AND l.resident_id IS DISTINCT FROM m.resident_id
    UNION ALL
    SELECT 'merge', m.resident_merge_id, 'does not go down to a smaller home'
    FROM resident_merge AS m
    WHERE m.resident_id >= m.home_id
    ORDER BY 1, 2, 3
    LIMIT 1000
"""


# the definition ----------------------------------------------------------------------------------


def _against_definition(ground: Ground) -> "Iterator[str]":
    from renkei.engine.workbench import workbench

    terms = {"most": MOST_OF_A_NUMBER, "four": FOUR_ATTRIBUTES, "refuse": ground.refuse_contradictions}
    with (
        tempfile.TemporaryDirectory(prefix="renkei-prove-") as spill,
        workbench(memory=_MEMORY, temp=Path(spill), preserve_insertion_order=False) as bench,
    ):
        for name, query, schema in _TAKEN:
            bench.register("taken", ground.table(query, schema))
            bench.execute(f"CREATE TABLE {name} AS SELECT * FROM taken")
            bench.unregister("taken")
        for name, query in _DERIVED.items():
            ground.progress(name)
            _derive(bench, name, query, terms)
        ground.progress("reach")
        _spread(bench)
        ground.progress("compare")
        for query in _BROKEN:
            found = bench.execute(query, _named(query, terms)).fetchall()
            yield from (f"resident:{resident} {problem}" for resident, problem in found)


def _derive(bench: "duckdb.DuckDBPyConnection", name: str, query: str, terms: "Mapping[str, object]") -> None:
    bench.execute(f"CREATE TABLE {name} AS {query}", _named(query, terms))


def _named(query: str, terms: "Mapping[str, object]") -> dict[str, object]:
    """The terms that the query names: DuckDB refuses any other."""
    return {name: terms[name] for name in re.findall(r"\$([a-z]+)", query)}


def _spread(bench: "duckdb.DuckDBPyConnection") -> None:
    """The table ``reached``: each home's label is the smallest home that its edges reach in its resident."""
    _derive(bench, "reached", "SELECT DISTINCT home, home AS label FROM edge", {})
    for _ in range(_MOST_STEPS):
        _derive(bench, "further", _STEP, {})
        (moved,) = bench.execute(_MOVED).fetchall()[0]
        bench.execute("DROP TABLE reached")
        bench.execute("ALTER TABLE further RENAME TO reached")
        if not moved:
            break


#: A chain of records longer than this is no person.
_MOST_STEPS = 64
# what a record says, or last said before it was removed or its key was given to somebody else
_NODES = """
    WITH held AS MATERIALIZED (
        SELECT l.home_id, l.resident_id, l.feed, l.source_key, l.last_record_id, p.record_id
        FROM link AS l
        LEFT JOIN person_record AS p ON p.feed = l.feed AND p.source_key = l.source_key
            AND p.known_to IS NULL AND NOT p.removed AND l.last_record_id IS NULL
        WHERE l.known_to IS NULL
    ), spoken AS (
        SELECT home_id, resident_id, record_id FROM held WHERE record_id IS NOT NULL
        UNION ALL
        SELECT h.home_id, h.resident_id, last.record_id
        FROM held AS h
        LEFT JOIN LATERAL (
            SELECT p.record_id
            FROM person_record AS p
            WHERE p.feed = h.feed AND p.source_key = h.source_key AND NOT p.removed AND NOT p.superseded
              AND (h.last_record_id IS NULL OR p.record_id <= h.last_record_id)
            ORDER BY p.record_id DESC
            LIMIT 1
        ) AS last ON true
        WHERE h.record_id IS NULL
    )
    SELECT s.home_id, s.resident_id, p.date_of_birth_lo, p.date_of_birth_hi,
        hashtextextended(nullif(p.name_key, ''), 0), hashtextextended(nullif(p.kana_key, ''), 0),
        hashtextextended(nullif(p.common_name_key, ''), 0)
    FROM spoken AS s
    LEFT JOIN person_record AS p USING (record_id)
"""
_RANKS = ", ".join(f"('{rule}', {rank})" for rank, rule in enumerate(RULES))
_SHARES = f"""
    SELECT home_id, {RULES.index("strong_id")}, hashtextextended(numbering || '|' || party_number, 0)
    FROM link
    WHERE known_to IS NULL AND numbering IS NOT NULL AND party_number <> ''
    UNION ALL
    SELECT s.home_id, r.rank, hashtextextended(s.value, 0)
    FROM strong_number AS s
    JOIN (VALUES {_RANKS}) AS r(kind, rank) USING (kind)
    UNION ALL
    SELECT home_id, {RULES.index("said_same")}, hashtextextended(substr(kind, 6) || '|' || value, 0)
    FROM strong_number
    WHERE kind LIKE 'says:%'
    UNION ALL
    SELECT DISTINCT l.home_id, {FOUR_ATTRIBUTES}, hashtextextended(p.match_key, 0)
    FROM link AS l
    JOIN person_record AS p ON p.feed = l.feed AND p.source_key = l.source_key AND p.match_key <> ''
    WHERE l.known_to IS NULL
      AND (l.first_record_id IS NULL OR (p.record_id >= l.first_record_id AND NOT p.superseded))
      AND (l.last_record_id IS NULL OR p.record_id <= l.last_record_id)
"""
_DECISIONS = """
    SELECT least(left_home, right_home), greatest(left_home, right_home), kind = 'same'
    FROM decision
    WHERE kind IN ('same', 'different') AND in_force_from IS NOT NULL AND in_force_until IS NULL
"""
#: Table of the bench → what it is taken from, and as what.
_TAKEN = (("node", _NODES, _NODE), ("said", _SHARES, _SHARE), ("decided", _DECISIONS, _DECIDED))
# births that cannot be one day, and no name of the one that is a name of the other
_CONTRADICT = """
    $refuse AND (a.lo > b.hi OR b.lo > a.hi)
    AND coalesce(a.kana <> b.kana, true)
    AND coalesce(a.name <> b.name, true) AND coalesce(a.name <> b.common, true)
    AND coalesce(a.common <> b.name, true) AND coalesce(a.common <> b.common, true)
"""
_SAID_SAME = RULES.index("said_same")
_STRONG_ID = RULES.index("strong_id")
_SINGLE = tuple(RULES.index(rule) for rule in SINGLE)
#: Name → what it is derived from those before it; ``edge`` are memberships that join, within a resident.
_DERIVED = {
    # whoever says that a number is its own person's shares it with those who have it
    "share": f"""
        SELECT DISTINCT home, rank, value FROM said
        UNION
        SELECT has.home, {_SAID_SAME}::SMALLINT, has.value
        FROM said AS has
        WHERE has.rank = {_STRONG_ID} AND has.value IN (SELECT value FROM said WHERE rank = {_SAID_SAME})
    """,
    "member": """
        SELECT s.rank, s.value, s.home, n.resident
        FROM share AS s
        JOIN node AS n USING (home)
        JOIN (SELECT rank, value FROM share GROUP BY ALL HAVING count(*) BETWEEN 2 AND $most) AS g
            USING (rank, value)
    """,
    "apart": f"""
        SELECT m.rank, m.value, a.home AS one, b.home AS other
        FROM member AS m
        JOIN member AS o ON o.rank = m.rank AND o.value = m.value AND o.home > m.home
        JOIN node AS a ON a.home = m.home
        JOIN node AS b ON b.home = o.home
        WHERE {_CONTRADICT}
    """,
    "clash": """
        SELECT rank, value, one AS home, other AS with FROM apart
        UNION ALL
        SELECT rank, value, other, one FROM apart
    """,
    # one who contradicts neither of two who contradict each other may be either
    "torn": """
        SELECT DISTINCT m.rank, m.value, m.home
        FROM (
            SELECT m.rank, m.value, m.home, x.one, x.other
            FROM member AS m
            JOIN apart AS x USING (rank, value)
            WHERE m.home NOT IN (x.one, x.other)
        ) AS m
        ANTI JOIN clash AS c ON c.rank = m.rank AND c.value = m.value AND c.home = m.home AND c.with = m.one
        ANTI JOIN clash AS d ON d.rank = m.rank AND d.value = m.value AND d.home = m.home AND d.with = m.other
    """,
    "edge": """
        SELECT m.resident, m.rank, m.value, m.home
        FROM member AS m
        ANTI JOIN torn AS t USING (rank, value, home)
        UNION ALL
        SELECT a.resident, 0, hash(d.one, d.other)::HUGEINT % 9223372036854775807, unnest([d.one, d.other])
        FROM decided AS d
        JOIN node AS a ON a.home = d.one
        JOIN node AS b ON b.home = d.other AND b.resident = a.resident
        WHERE d.same
    """,
    # edges between two residents
    "untaken": """
        SELECT DISTINCT m.rank, a.home AS one, b.home AS other, a.resident AS resident, b.resident AS beside
        FROM (SELECT rank, value FROM member GROUP BY ALL HAVING count(DISTINCT resident) > 1) AS g
        JOIN member AS m USING (rank, value)
        JOIN member AS o ON o.rank = m.rank AND o.value = m.value AND o.home > m.home
            AND o.resident <> m.resident
        JOIN node AS a ON a.home = m.home
        JOIN node AS b ON b.home = o.home
        ANTI JOIN torn AS t ON t.rank = m.rank AND t.value = m.value AND t.home = m.home
        ANTI JOIN torn AS u ON u.rank = m.rank AND u.value = m.value AND u.home = o.home
        ANTI JOIN apart AS x ON x.rank = m.rank AND x.value = m.value AND x.one = m.home AND x.other = o.home
    """,
    # why two residents are two: any records of theirs contradict, were parted, or have tokens that differ
    "reason": f"""
        SELECT u.resident, u.beside, bool_or({_CONTRADICT} OR d.one IS NOT NULL) AS parts,
            bool_or(s.value <> t.value) AS differs
        FROM (SELECT DISTINCT resident, beside FROM untaken) AS u
        JOIN node AS a ON a.resident = u.resident
        JOIN node AS b ON b.resident = u.beside
        LEFT JOIN decided AS d ON d.one = least(a.home, b.home) AND d.other = greatest(a.home, b.home)
            AND NOT d.same
        LEFT JOIN (FROM said WHERE rank IN {_SINGLE}) AS s ON s.home = a.home
        LEFT JOIN said AS t ON t.home = b.home AND t.rank = s.rank
        GROUP BY ALL
    """,
}  # fmt: skip
_STEP = """
    SELECT e.home, min(least(g.label, r.label)) AS label
    FROM edge AS e
    JOIN reached AS r USING (home)
    JOIN (
        SELECT resident, rank, value, min(label) AS label
        FROM edge JOIN reached USING (home)
        GROUP BY ALL
    ) AS g USING (resident, rank, value)
    GROUP BY e.home
"""
_MOVED = "SELECT count(*) FROM reached AS a JOIN further AS b USING (home) WHERE a.label <> b.label"
#: Each answers residents with what is wrong with them.
_BROKEN = (
    """
    SELECT n.resident, 'is not held together by any rule or decision' AS problem
    FROM node AS n
    LEFT JOIN reached AS r USING (home)
    GROUP BY n.resident
    HAVING count(DISTINCT coalesce(r.label, n.home)) > 1
    """,
    f"""
    SELECT DISTINCT a.resident, 'joins records that contradict each other' AS problem
    FROM node AS a
    JOIN node AS b ON b.resident = a.resident AND b.home > a.home
    WHERE {_CONTRADICT} AND a.resident NOT IN (
        SELECT n.resident FROM decided AS d JOIN node AS n ON n.home = d.one WHERE d.same)
    """,
    """
    SELECT DISTINCT a.resident, 'joins records that a person has decided to be different' AS problem
    FROM decided AS d
    JOIN node AS a ON a.home = d.one
    JOIN node AS b ON b.home = d.other AND b.resident = a.resident
    WHERE NOT d.same
    """,
    """
    SELECT DISTINCT u.resident, 'is the same as resident:' || u.beside || ' by rule ' || u.rank AS problem
    FROM untaken AS u
    JOIN reason AS r USING (resident, beside)
    WHERE NOT coalesce(r.parts, false) AND NOT (u.rank = $four AND coalesce(r.differs, false))
    """,
)  # fmt: skip
