"""What must be looked at anew when some homes change: all that their numbers, keys and decisions reach."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from renkei.bulk import copy_in
from renkei.registry.identity.definition import MOST_OF_A_NUMBER, Decided, Node, Rule, pair
from renkei.registry.sql import statement


@dataclass(frozen=True, kw_only=True)
class Neighbourhood:
    """Nodes with all that their edges reach, the decisions between them, and their present link rows."""

    nodes: tuple[Node, ...]
    decided: Decided
    links: Mapping[int, sa.RowMapping]


def gather(connection: sa.Connection, homes: Iterable[int]) -> Neighbourhood:
    """Everything that hangs together with these homes, or might from now on. Leaves a table ``near``."""
    connection.exec_driver_sql("DROP TABLE IF EXISTS near")
    connection.exec_driver_sql(
        "CREATE TEMP TABLE near (home_id bigint PRIMARY KEY, round smallint NOT NULL) ON COMMIT DROP"
    )
    seeds = pa.array(sorted(set(homes)), pa.int64())
    copy_in(connection, "near", pa.table({"home_id": seeds, "round": pa.array([0] * len(seeds), pa.int16())}))
    grow = sa.text(statement("grow_neighbourhood"))
    # two or three as a rule; whoever is met is met with all that reaches them, however long the chain
    for number in count():
        connection.exec_driver_sql("ANALYZE near")
        grown = connection.execute(grow, {"round": number, "most": MOST_OF_A_NUMBER + 1}).rowcount
        if not grown:
            break
    return _read(connection)


def _read(connection: sa.Connection) -> Neighbourhood:
    rows = connection.execute(sa.text(statement("neighbours"))).mappings().all()
    strong: dict[int, list[tuple[Rule, str]]] = defaultdict(list)
    says: dict[int, list[str]] = defaultdict(list)
    for home, kind, value in connection.exec_driver_sql(_STRONG):
        if kind.startswith("says:"):
            says[home].append(f"{kind.removeprefix('says:')}|{value}")
        else:
            strong[home].append((kind, value))
    keys: dict[int, set[str]] = defaultdict(set)
    for home, key in connection.exec_driver_sql(statement("match_keys_of_neighbours")):
        keys[home].add(key)
    return Neighbourhood(
        nodes=tuple(
            _node(dict(row), strong[row["home_id"]], says[row["home_id"]], keys[row["home_id"]])
            for row in rows
        ),
        decided=decided_among(connection),
        links={row["home_id"]: row for row in rows},
    )


def _node(
    row: Mapping[str, Any], strong: Iterable[tuple[Rule, str]], says: Iterable[str], keys: Iterable[str]
) -> Node:
    numbered: list[tuple[Rule, str]] = []
    if row["numbering"] is not None and row["party_number"]:
        numbered.append(("strong_id", f"{row['numbering']}|{row['party_number']}"))
    return Node(
        home=row["home_id"],
        feed=row["feed"],
        key=row["source_key"],
        birth=(row["date_of_birth_lo"], row["date_of_birth_hi"]),
        name=row["name_key"],
        kana=row["kana_key"],
        common_name=row["common_name_key"],
        strong=(*numbered, *strong),
        says=tuple(says),
        match_keys=frozenset(keys),
    )


_STRONG = "SELECT home_id, kind, value FROM strong_number JOIN near USING (home_id)"
_DECIDED = """
    SELECT decision_id, kind, left_home, right_home
    FROM decision
    WHERE kind IN ('same', 'different') AND in_force_from IS NOT NULL AND in_force_until IS NULL
      AND left_home IN (SELECT home_id FROM near) AND right_home IN (SELECT home_id FROM near)
    ORDER BY decision_id
"""


def decided_among(connection: sa.Connection) -> Decided:
    """The decisions in force between homes of the table ``near``."""
    same: dict[tuple[int, int], int] = {}
    different: set[tuple[int, int]] = set()
    for row in connection.exec_driver_sql(_DECIDED):
        each = pair(row.left_home, row.right_home)
        if row.kind == "same":
            same.setdefault(each, row.decision_id)
        else:
            different.add(each)
    return Decided(same=same, different=frozenset(different))
