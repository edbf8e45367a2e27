"""Decisions as a set: what contradicts what, and that a withdrawal leaves no trace in who is who."""

import random
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from renkei.registry.contradiction import contradicted, stands
from renkei.registry.decisions import Decision, Kind
from renkei.registry.identity import Edge, resolve

NOW = datetime(2026, 11, 20, tzinfo=UTC)
STRONG, FOUR = 1, 6


def decision(number: int, kind: Kind, left: int, right: int | None = None, **more: object) -> Decision:
    defaults: dict[str, object] = {
        "decision_id": number, "act_id": number, "kind": kind, "left_feed": "a.b", "left_key": f"{left}",
        "left_home": left, "right_feed": None if right is None else "a.b", "right_key": None if right is None else f"{right}",
        "right_home": right, "field_group": None, "author": "cli:asako", "reason": "-", "decided_at": NOW, "seen": {},
        "approved_by": None, "in_force_from": NOW, "withdrawn_by": None, "withdrawn_reason": None, "withdrawn_at": None,
        "withdraw_approved_by": None, "in_force_until": None,
    }  # fmt: skip
    return Decision(**{**defaults, **more})  # type: ignore[arg-type]  # defaults are of every field's type


def apart(*homes: int) -> dict[int, int]:
    return {home: home for home in homes}


# what contradicts what ----------------------------------------------------------------------------


def test_same_goes_against_different_between_the_same_two() -> None:
    assert contradicted("same", 1, 2, [decision(7, "different", 2, 1)], apart(1, 2)) == (7,)


def test_same_goes_against_different_between_others_of_the_two_residents() -> None:
    standing = [decision(7, "different", 3, 4)]

    assert contradicted("same", 1, 2, standing, {1: 1, 3: 1, 2: 2, 4: 2}) == (7,)
    assert contradicted("same", 1, 2, standing, apart(1, 2, 3, 4)) == ()


def test_different_goes_against_the_whole_chain_of_same() -> None:
    chain = [decision(1, "same", 1, 2), decision(2, "same", 3, 2), decision(3, "same", 3, 9)]

    assert contradicted("different", 1, 3, chain, dict.fromkeys((1, 2, 3, 9), 1)) == (1, 2)
    assert contradicted("different", 1, 4, chain, apart(1, 4)) == ()


def test_what_waits_or_was_withdrawn_contradicts_nothing() -> None:
    waiting = decision(7, "different", 1, 2, in_force_from=None)
    withdrawn = decision(8, "different", 1, 2, in_force_until=NOW)

    assert contradicted("same", 1, 2, [waiting, withdrawn], apart(1, 2)) == ()
    assert (waiting.state, withdrawn.state) == ("waiting", "withdrawn")


def test_cannot_say_goes_against_who_could_say() -> None:
    assert contradicted("cannot_say", 1, 2, [decision(7, "different", 1, 2)], apart(1, 2)) == (7,)
    assert contradicted("cannot_say", 1, 2, [decision(7, "same", 1, 2)], {1: 1, 2: 1}) == (7,)
    assert contradicted("same", 1, 2, [decision(7, "cannot_say", 1, 2)], apart(1, 2)) == ()


def test_a_value_goes_against_another_value_of_its_group_in_one_resident() -> None:
    standing = [decision(7, "value", 2, field_group="name")]

    assert contradicted("value", 1, None, standing, {1: 1, 2: 1}, field_group="name") == (7,)
    assert contradicted("value", 1, None, standing, {1: 1, 2: 1}, field_group="sex") == ()
    assert contradicted("value", 1, None, standing, apart(1, 2), field_group="name") == ()


def test_same_would_bring_two_values_of_one_group_together() -> None:
    standing = [decision(7, "value", 1, field_group="name"), decision(8, "value", 2, field_group="name")]

    assert contradicted("same", 1, 2, standing, apart(1, 2)) == (7, 8)
    assert contradicted("same", 1, 2, standing[:1], apart(1, 2)) == ()


def test_the_same_pair_in_either_order_is_said_once() -> None:
    assert stands("same", 2, 1, [decision(7, "same", 1, 2)]) == 7
    assert stands("different", 2, 1, [decision(7, "same", 1, 2)]) is None


# exact both ways ----------------------------------------------------------------------------------

TRIALS = 10_000
Links = dict[int, int]


class World:
    """A small registry as a set: homes, the edges that rules make, the decisions in force."""

    def __init__(self, homes: Iterable[int], edges: Iterable[Edge]) -> None:
        self.homes, self.edges = list(homes), list(edges)
        self.standing: dict[int, Decision] = {}

    def copy(self) -> "World":
        made = World(self.homes, self.edges)
        made.standing = dict(self.standing)
        return made

    def links(self) -> Links:
        known = self.standing.values()
        same = [Edge(0, each.left_home, each.right_home or 0) for each in known if each.kind == "same"]
        vetoes = [tuple(sorted(each.homes)) for each in known if each.kind == "different"]
        return dict(resolve(self.homes, [*same, *self.edges], vetoes).labels)  # type: ignore[arg-type]  # pairs

    def decide(self, each: Decision) -> bool:
        """As the verb does: refused where it goes against what stands."""
        found = contradicted(each.kind, each.left_home, each.right_home, self.standing.values(), self.links())
        if not found:
            self.standing[each.decision_id] = each
        return not found

    def holds(self) -> bool:
        links = self.links()
        return all(
            (links[each.left_home] == links[each.right_home or 0]) == (each.kind == "same")
            for each in self.standing.values()
        )


def some_world(chance: random.Random) -> World:
    homes = range(1, chance.randint(3, 7))
    edges = [some_edge(chance, homes) for _ in range(chance.randint(0, 5))]
    return World(homes, edges)


def some_edge(chance: random.Random, homes: Iterable[int]) -> Edge:
    return Edge(chance.choice((STRONG, FOUR)), *sorted(chance.sample(list(homes), 2)))


def some_decision(chance: random.Random, number: int, homes: Iterable[int]) -> Decision:
    kinds: tuple[Kind, ...] = ("same", "different")
    return decision(number, chance.choice(kinds), *chance.sample(list(homes), 2))


def go_on(chance: random.Random, *worlds: World) -> None:
    """A delivery or a decision that comes to each of the worlds, or a decision taken back in each."""
    homes = worlds[0].homes
    what = chance.random()
    if what < 0.4:
        arrived = max(homes) + 1
        edges = [Edge(STRONG, chance.choice(homes), arrived)] if chance.random() < 0.7 else []
        for world in worlds:
            world.homes.append(arrived)
            world.edges += edges
    elif what < 0.6:
        edge = some_edge(chance, homes)
        for world in worlds:
            world.edges.append(edge)
    elif what < 0.9:
        made = some_decision(chance, 100 + len(homes) * 20 + chance.randint(0, 19), homes)
        taken = [world.decide(made) for world in worlds]
        if not all(taken):
            for world in worlds:
                world.standing.pop(made.decision_id, None)
    else:
        number = chance.choice([0, *worlds[0].standing])
        for world in worlds:
            if number != 1:
                world.standing.pop(number, None)


def after_a_withdrawal(
    chance: random.Random, withdraw: Callable[[World, Decision], Links]
) -> tuple[Links, Links]:
    """Who is who after a decision was taken and withdrawn, with much in between, and where it never was."""
    world = some_world(chance)
    for number in range(2, chance.randint(2, 4)):
        world.decide(some_decision(chance, number, world.homes))
    twin = world.copy()
    made = some_decision(chance, 1, world.homes)
    world.decide(made)
    for _ in range(chance.randint(0, 3)):
        go_on(chance, world, twin)
    assert world.holds()
    assert twin.holds()
    return withdraw(world, made), twin.links()


def taken_back(world: World, made: Decision) -> Links:
    world.standing.pop(made.decision_id, None)
    return world.links()


def test_a_withdrawn_decision_leaves_what_there_would_have_been() -> None:
    chance = random.Random(20261120)

    for _ in range(TRIALS):
        with_it, without_it = after_a_withdrawal(chance, taken_back)
        assert with_it == without_it


def test_an_unmerge_that_moves_only_links_of_one_feed_is_caught() -> None:
    def moves_one_feed(world: World, made: Decision) -> Links:
        before = world.links()
        right = taken_back(world, made)
        return {home: right[home] if home % 2 else before[home] for home in right}  # odd homes are one feed's

    chance = random.Random(20261120)

    differ = sum(
        one != other for one, other in (after_a_withdrawal(chance, moves_one_feed) for _ in range(500))
    )
    assert differ > 20


def test_without_the_guard_a_decision_in_force_would_be_overridden() -> None:
    chance = random.Random(20261120)

    def broken() -> bool:
        world = some_world(chance)
        for number in range(1, 5):
            world.standing[number] = some_decision(chance, number, world.homes)
        return not world.holds()

    assert sum(broken() for _ in range(500)) > 20
