"""Who is who, as a function of a set of records and decisions: no order, no clock, no database.

A node is a source key that speaks of one person; edges join nodes, and a resident is what hangs together.
Its id is the smallest home of its nodes.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import combinations
from typing import Literal, NamedTuple

Rule = Literal[
    "decision",
    "strong_id",
    "resident_code",
    "individual_number",
    "residence_card",
    "said_same",
    "four_attributes",
]
#: Strongest first; a decision is level 0, strong numbers level 1, four equal attributes level 2.
RULES: tuple[Rule, ...] = (
    "decision",
    "strong_id",
    "resident_code",
    "individual_number",
    "residence_card",
    "said_same",
    "four_attributes",
)
FOUR_ATTRIBUTES = RULES.index("four_attributes")
#: Tokens of which a person has one: two that differ are two people, however alike they look.
SINGLE = ("resident_code", "individual_number")
#: More records than these under one number are no person but a default that somebody typed.
MOST_OF_A_NUMBER = 50

Reason = Literal["number_contradicted", "ambiguous_number", "number_shared_by_many"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """What a record says, or last said, of who it is. ``names`` are its strict keys: name, kana, 通称.

    ``strong`` are (rule, value) pairs, ``says`` the values of other people's numbers that it says are its own
    person's; ``match_keys`` are of every version that it ever had.
    """

    home: int
    feed: str
    key: str
    birth: tuple[date | None, date | None] = (None, None)
    name: str | None = None
    kana: str | None = None
    common_name: str | None = None
    strong: tuple[tuple[Rule, str], ...] = ()
    says: tuple[str, ...] = ()
    match_keys: frozenset[str] = frozenset()


class Edge(NamedTuple):
    """Two homes that a rule joins; ``rank`` is the rule's place in :data:`RULES`."""

    rank: int
    left: int
    right: int
    decision_id: int | None = None

    @property
    def rule(self) -> Rule:
        """The rule's name."""
        return RULES[self.rank]

    def other(self, home: int) -> int:
        """The home at the far end."""
        return self.right if home == self.left else self.left


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """A pair that a number joins and something forbids: for a person to judge."""

    left: int
    right: int
    reason: Reason


@dataclass(frozen=True, kw_only=True)
class Decided:
    """Decisions in force between homes. ``same`` also says by which decision."""

    same: Mapping[tuple[int, int], int] = field(default_factory=dict)
    different: frozenset[tuple[int, int]] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Resolution:
    """Home → resident, the edge that each home hangs by (the smallest by none), what was held and refused."""

    labels: Mapping[int, int]
    edges: Mapping[int, Edge]
    held: tuple[Held, ...]
    refused: tuple[Edge, ...] = ()


def pair(one: int, other: int) -> tuple[int, int]:
    """Two homes in their order."""
    return (one, other) if one < other else (other, one)


def contradict(one: Node, other: Node) -> bool:
    """True when the births cannot be one day and no name of the one is a name of the other."""
    if not _apart(one.birth, other.birth):
        return False
    same_kana = bool(one.kana) and one.kana == other.kana
    return not (same_kana or _names(one) & _names(other))


def _names(node: Node) -> set[str]:
    return {name for name in (node.name, node.common_name) if name}


def _apart(one: tuple[date | None, date | None], other: tuple[date | None, date | None]) -> bool:
    (one_lo, one_hi), (other_lo, other_hi) = one, other
    first = one_lo is not None and other_hi is not None and one_lo > other_hi
    return first or (other_lo is not None and one_hi is not None and other_lo > one_hi)


def differ(one: Node, other: Node) -> bool:
    """True when a number of which a person has only one is known of both and is not the same."""
    theirs = dict(other.strong)
    return any(rule in SINGLE and theirs.get(rule, value) != value for rule, value in one.strong)


def solve(nodes: Iterable[Node], decided: Decided, *, refuse: bool = True) -> Resolution:
    """Everything from the definition: the edges between these nodes, then who hangs together.

    The nodes must be all that their edges reach. Without ``refuse`` nothing contradicts.
    """
    known = {node.home: node for node in nodes}
    edges, held = _edges(known, refuse=refuse)
    same = (Edge(0, *each, number) for each, number in decided.same.items() if set(each) <= known.keys())
    names = {home: (node.feed, node.key, home) for home, node in known.items()}
    found = resolve(names, [*same, *edges], decided.different, nodes=known if refuse else None)
    more = (
        Held(left=edge.left, right=edge.right, reason="number_contradicted")
        for edge in found.refused
        if 0 < edge.rank < FOUR_ATTRIBUTES and pair(edge.left, edge.right) not in decided.different
    )
    kept = {
        pair(each.left, each.right): each
        for each in (*held, *more)
        if found.labels[each.left] != found.labels[each.right]
        and pair(each.left, each.right) not in decided.different
    }
    return Resolution(labels=found.labels, edges=found.edges, held=tuple(kept.values()))


def resolve(
    names: Mapping[int, tuple[str, str, int]] | Iterable[int],
    edges: Iterable[Edge],
    vetoes: Collection[tuple[int, int]] = (),
    *,
    nodes: Mapping[int, Node] | None = None,
) -> Resolution:
    """Join homes by edges, strongest first, and refuse each that would bring a forbidden pair together.

    ``vetoes`` (pairs in their order) bind every edge; what ``nodes`` say binds all but decisions. Edges of
    one strength are taken by the names of their records, never by ids, so that no order of arrival shows.
    """
    order = dict(names) if isinstance(names, Mapping) else {home: ("", "", home) for home in names}
    groups = {home: {home} for home in order}
    forbidden = defaultdict(set)
    for one, other in vetoes:
        forbidden[one].add(other)
        forbidden[other].add(one)
    taken: list[Edge] = []
    refused: list[Edge] = []
    for edge in sorted(edges, key=lambda each: (each.rank, *sorted((order[each.left], order[each.right])))):
        mine, theirs = groups[edge.left], groups[edge.right]
        if mine is not theirs:
            small, large = (mine, theirs) if len(mine) < len(theirs) else (theirs, mine)
            if any(forbidden[home] & large for home in small if home in forbidden) or (
                edge.rank and nodes is not None and _any_contradicts(small, large, nodes, edge.rank)
            ):
                refused.append(edge)
                continue
            large |= small
            for home in small:
                groups[home] = large
        taken.append(edge)
    smallest = {id(group): min(group) for group in groups.values()}
    labels = {home: smallest[id(group)] for home, group in groups.items()}
    return Resolution(labels=labels, edges=_hanging(labels, taken), held=(), refused=tuple(refused))


def _any_contradicts(small: set[int], large: set[int], nodes: Mapping[int, Node], rank: int) -> bool:
    return any(
        contradict(nodes[one], nodes[other]) or (rank == FOUR_ATTRIBUTES and differ(nodes[one], nodes[other]))
        for one in small
        for other in large
    )


def _hanging(labels: Mapping[int, int], taken: Iterable[Edge]) -> dict[int, Edge]:
    """The strongest edge at each home that is not the smallest of its resident."""
    best: dict[int, Edge] = {}
    for edge in taken:
        for home in (edge.left, edge.right):
            if labels[home] != home and (
                home not in best or (edge.rank, edge.other(home)) < (best[home].rank, best[home].other(home))
            ):
                best[home] = edge
    return best


def _edges(nodes: Mapping[int, Node], *, refuse: bool) -> tuple[list[Edge], list[Held]]:
    edges: list[Edge] = []
    held: list[Held] = []
    for (rule, _), members in _groups(nodes.values()).items():
        made, kept = _of_group(RULES.index(rule), sorted(members), nodes, refuse=refuse)
        edges += made
        held += kept
    return edges, held


def _groups(nodes: Iterable[Node]) -> dict[tuple[Rule, str], set[int]]:
    """(rule, value) → homes that share it. Whoever says that a number is its own shares it by saying so."""
    groups: dict[tuple[Rule, str], set[int]] = defaultdict(set)
    said: dict[str, set[int]] = defaultdict(set)
    for node in nodes:
        for rule, value in node.strong:
            groups[rule, value].add(node.home)
        for value in node.says:
            said[value].add(node.home)
        for value in node.match_keys:
            groups["four_attributes", value].add(node.home)
    for value, homes in said.items():
        groups["said_same", value] = homes | groups.get(("strong_id", value), set())
    return {name: homes for name, homes in groups.items() if len(homes) > 1}


def _of_group(
    rank: int, members: Sequence[int], nodes: Mapping[int, Node], *, refuse: bool
) -> tuple[Iterable[Edge], list[Held]]:
    if len(members) > MOST_OF_A_NUMBER:
        first, *rest = members
        return [], [Held(left=home, right=first, reason="number_shared_by_many") for home in rest]
    pairs = list(combinations(members, 2))
    apart = {each for each in pairs if refuse and contradict(nodes[each[0]], nodes[each[1]])}
    if not apart:
        return [Edge(rank, *each) for each in pairs], []
    torn = {home for home in members if _fits_both(home, apart)}
    level_one = rank < FOUR_ATTRIBUTES
    held = [Held(left=one, right=other, reason="number_contradicted") for one, other in apart if level_one]
    held += [
        Held(left=home, right=other, reason="ambiguous_number")
        for home in torn if level_one for other in members
        if other != home and pair(home, other) not in apart
    ]  # fmt: skip
    return [Edge(rank, *each) for each in pairs if each not in apart and torn.isdisjoint(each)], held


def _fits_both(home: int, apart: set[tuple[int, int]]) -> bool:
    """True for one who contradicts neither of two who contradict each other."""
    return any(
        home not in each and pair(home, each[0]) not in apart and pair(home, each[1]) not in apart
        for each in apart
    )
