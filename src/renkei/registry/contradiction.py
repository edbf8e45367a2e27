"""Which decisions cannot stand together: asked before one comes into force, so that none is overridden."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from renkei.registry.decisions import Decision, Kind


def contradicted(
    kind: Kind,
    left: int,
    right: int | None,
    standing: Iterable[Decision],
    residents: Mapping[int, int],
    *,
    field_group: str | None = None,
) -> tuple[int, ...]:
    """Acts in force that a decision between two homes would go against; empty when it may stand.

    ``residents`` maps every home of the residents concerned to its resident, as they stand now. `same` goes
    against a `different` across the two residents, and against two values for one group; `different` and
    `cannot_say` against the chain of `same` between their homes, `cannot_say` also against their
    `different`; a value against another value of its group in the same resident.
    """
    known = [each for each in standing if each.in_force_from is not None and each.in_force_until is None]
    if right is None:
        return _other_values(left, field_group, known, residents)
    if kind == "same":
        return _across(left, right, known, residents) or _two_values(left, right, known, residents)
    chain = _chain(left, right, [each for each in known if each.kind == "same"])
    if kind == "different" or chain:
        return chain
    return tuple(
        each.act_id for each in known if each.kind == "different" and set(each.homes) == {left, right}
    )


def _across(
    left: int, right: int, known: Iterable[Decision], residents: Mapping[int, int]
) -> tuple[int, ...]:
    both = {residents.get(left, left), residents.get(right, right)}
    found = (
        each.act_id
        for each in known
        if each.kind == "different"
        and {residents.get(home, home) for home in each.homes} == both
        and len(both) > 1
    )
    return tuple(dict.fromkeys(found))


def _two_values(
    left: int, right: int, known: Iterable[Decision], residents: Mapping[int, int]
) -> tuple[int, ...]:
    """Values of one group on both sides: joined, one of them would be silently outranked."""
    sides = (residents.get(left, left), residents.get(right, right))
    if sides[0] == sides[1]:
        return ()
    groups: dict[str | None, dict[int, int]] = defaultdict(dict)
    for each in known:
        if each.kind == "value" and residents.get(each.left_home, each.left_home) in sides:
            groups[each.field_group][residents.get(each.left_home, each.left_home)] = each.act_id
    return next((tuple(sorted(acts.values())) for acts in groups.values() if len(acts) > 1), ())


def _other_values(
    home: int, group: str | None, known: Iterable[Decision], residents: Mapping[int, int]
) -> tuple[int, ...]:
    resident = residents.get(home, home)
    return tuple(
        each.act_id
        for each in known
        if each.kind == "value"
        and each.field_group == group
        and each.left_home != home
        and residents.get(each.left_home, each.left_home) == resident
    )


def _chain(left: int, right: int, same: Sequence[Decision]) -> tuple[int, ...]:
    """The acts of the shortest way from one home to the other by `same`; empty when there is none."""
    neighbours = defaultdict(list)
    for each in same:
        one, other = each.homes
        neighbours[one].append((other, each.act_id))
        neighbours[other].append((one, each.act_id))
    ways: dict[int, tuple[int, ...]] = {left: ()}
    reached = [left]
    for home in reached:
        for other, number in neighbours[home]:
            if other not in ways:
                ways[other] = (*ways[home], number)
                reached.append(other)
    return tuple(dict.fromkeys(ways.get(right, ())))


def stands(
    kind: Kind, left: int, right: int | None, standing: Iterable[Decision], *, field_group: str | None = None
) -> int | None:
    """The act that already says just this, waiting or in force."""
    homes = {left} if right is None else {left, right}
    return next(
        (
            each.act_id
            for each in standing
            if each.kind == kind and set(each.homes) == homes and each.field_group == field_group
        ),
        None,
    )
