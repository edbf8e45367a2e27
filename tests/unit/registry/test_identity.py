"""Who is who, as a function of records and decisions alone."""

from collections import defaultdict
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renkei.registry.identity import Decided, Node, solve
from renkei.registry.identity.definition import MOST_OF_A_NUMBER, contradict

SPRING, AUTUMN = date(1980, 4, 1), date(2012, 10, 1)


def node(
    home: int, key: str = "", *, feed: str = "juki.resident", number: str | None = None, **values
) -> Node:
    strong = [("strong_id", f"resident|{number}")] if number else []
    strong += [(rule, values.pop(rule)) for rule in ("resident_code", "individual_number") if rule in values]
    born = values.pop("born", None)
    return Node(
        home=home, feed=feed, key=key or str(home), strong=tuple(strong), birth=(born, born), **values
    )


def together(nodes: list[Node], decided: Decided | None = None, **options) -> list[set[int]]:
    labels = solve(nodes, decided or Decided(), **options).labels
    groups = defaultdict(set)
    for home, label in labels.items():
        groups[label].add(home)
    return sorted(groups.values(), key=min)


def reasons(nodes: list[Node], decided: Decided | None = None) -> set[str]:
    return {each.reason for each in solve(nodes, decided or Decided()).held}


MOTHER = node(1, number="1", born=SPRING, name="山田花子", kana="ヤマダハナコ")
CHILD = node(2, number="2", born=AUTUMN, name="山田一郎", kana="ヤマダイチロウ")


def test_the_smallest_home_names_the_resident() -> None:
    found = solve([node(7, number="1"), node(3, number="1"), node(9, number="1")], Decided())

    assert set(found.labels.values()) == {3}
    assert [found.edges[home].rule for home in (7, 9)] == ["strong_id", "strong_id"]


def test_a_childs_record_under_the_mothers_number_joins_neither() -> None:
    swapped = replace(CHILD, home=3, feed="tax.taxpayer", strong=MOTHER.strong)

    assert together([MOTHER, CHILD, swapped]) == [{1}, {2}, {3}]
    assert reasons([MOTHER, CHILD, swapped]) == {"number_contradicted"}
    assert together([MOTHER, CHILD, swapped], refuse=False) == [{1, 3}, {2}]  # what the guard prevents


def test_a_record_that_says_nothing_under_a_number_of_two_people_is_nobodys() -> None:
    stranger = replace(CHILD, home=3, feed="tax.taxpayer", strong=MOTHER.strong)
    silent = node(4, feed="welfare.recipient", number="1")

    assert {4} in together([MOTHER, stranger, silent])
    assert "ambiguous_number" in reasons([MOTHER, stranger, silent])
    assert together([MOTHER, silent]) == [{1, 4}]


def test_two_numbers_of_one_record_bring_two_others_together_whatever_came_first() -> None:
    one, two = node(1, number="1"), node(2, resident_code="t")
    bridge = node(3, number="1", resident_code="t")

    assert together([one, two, bridge]) == [{1, 2, 3}]
    assert together([replace(one, home=9), two, bridge]) == [{2, 3, 9}]


def test_a_bridge_never_brings_together_two_who_contradict_each_other() -> None:
    mother, child = (
        replace(MOTHER, strong=(("resident_code", "m"),)),
        replace(CHILD, strong=(("strong_id", "c"),)),
    )
    bridge = node(3, resident_code="m")
    bridge = replace(bridge, strong=(*bridge.strong, ("strong_id", "c")))

    assert len(together([mother, child, bridge])) == 2
    assert reasons([mother, child, bridge]) == {"number_contradicted"}


def test_four_equal_attributes_join_unless_a_number_of_which_one_has_only_one_differs() -> None:
    one, other = (node(home, match_keys=frozenset({"k"})) for home in (1, 2))

    assert together([one, other]) == [{1, 2}]
    apart = [replace(each, strong=(("individual_number", str(each.home)),)) for each in (one, other)]
    assert together(apart) == [{1}, {2}]


def test_four_attributes_count_whenever_they_were_said() -> None:
    moved = node(1, match_keys=frozenset({"old", "new"}))

    assert together([moved, node(2, match_keys=frozenset({"old"}))]) == [{1, 2}]


def test_what_a_person_decided_outranks_numbers() -> None:
    one, other = node(1, number="1"), node(2, number="1", feed="tax.taxpayer")

    assert together([one, other], Decided(different=frozenset({(1, 2)}))) == [{1}, {2}]
    assert together([MOTHER, CHILD], Decided(same={(1, 2): 17})) == [{1, 2}]


def test_two_who_are_decided_different_are_not_brought_together_by_a_third() -> None:
    one, other = node(1, number="1"), node(2, resident_code="t")
    bridge = node(3, number="1", resident_code="t")

    found = together([one, other, bridge], Decided(different=frozenset({(1, 2)})))

    assert found == [{1, 3}, {2}]  # the stronger rule holds


def test_a_number_that_the_source_says_is_the_same_person_joins_even_in_a_circle() -> None:
    one, other = node(1, number="1", says=("resident|2",)), node(2, number="2", says=("resident|1",))

    assert together([one, other]) == [{1, 2}]
    assert together([node(1, number="1", says=("resident|1",))]) == [{1}]


def test_a_number_that_everybody_has_is_nobodys() -> None:
    many = [node(home, number="9999999999") for home in range(1, MOST_OF_A_NUMBER + 2)]
    found = solve(many, Decided())

    assert len(set(found.labels.values())) == len(many)
    assert len(found.held) == len(many) - 1  # a line a record, not one a pair


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (node(2, born=AUTUMN, name="山田花子"), False),
        (node(2, born=AUTUMN, kana="ヤマダハナコ"), False),
        (node(2, born=AUTUMN, name="佐藤花子", common_name="山田花子"), False),
        (node(2, born=AUTUMN, name="佐藤花子"), True),
        (node(2, born=AUTUMN), True),
        (node(2, born=None, name="佐藤花子"), False),
        (node(2, born=SPRING, name="佐藤花子"), False),
    ],
)
def test_births_apart_contradict_only_where_no_name_agrees(other: Node, expected: bool) -> None:
    assert contradict(MOTHER, other) is expected
    assert contradict(other, MOTHER) is expected


# order, and taking back ---------------------------------------------------------------------------

WHO = st.tuples(
    st.sampled_from([SPRING, AUTUMN, None]),
    st.sampled_from(["甲", "乙", None]),
    st.sampled_from([None, "1", "2"]),
    st.sampled_from([None, "t", "u"]),
    st.frozensets(st.sampled_from(["k", "l"]), max_size=1),
    st.sampled_from([(), ("resident|1",), ("resident|2",)]),
)


def people(drawn: list[tuple], homes: list[int]) -> list[Node]:
    return [
        Node(
            home=home, feed="f", key=f"{place:03}", birth=(born, born), name=name, says=says, match_keys=keys,
            strong=tuple(
                each for each in (("strong_id", f"resident|{number}"), ("resident_code", token))
                if not each[1].endswith("None") and each[1]
            ),
        )
        for place, (home, (born, name, number, token, keys, says)) in enumerate(zip(homes, ((*w[:3], w[3] or "", *w[4:]) for w in drawn), strict=True))
    ]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(WHO, min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_no_order_of_arrival_shows_in_who_is_together(drawn: list[tuple], dice) -> None:
    homes = list(range(1, len(drawn) + 1))
    shuffled = dice.sample(homes, len(homes))
    first, second = people(drawn, homes), people(drawn, shuffled)
    by_key = [{each.key: label for each in nodes for label in [solve(nodes, Decided()).labels[each.home]]} for nodes in (first, second)]  # fmt: skip
    parts = [
        {frozenset(key for key in labels if labels[key] == label) for label in labels.values()}
        for labels in by_key
    ]

    assert parts[0] == parts[1]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(WHO, min_size=2, max_size=8),
    st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=4),
    st.randoms(use_true_random=False),
)
def test_nobody_is_ever_with_whom_a_person_called_different(drawn: list[tuple], pairs, dice) -> None:
    nodes = people(drawn, dice.sample(range(1, 100), len(drawn)))
    asked = {tuple(sorted((nodes[a % len(nodes)].home, nodes[b % len(nodes)].home))) for a, b in pairs}
    different = frozenset(each for each in asked if each[0] != each[1])

    labels = solve(nodes, Decided(different=different)).labels

    assert all(labels[one] != labels[other] for one, other in different)


def test_an_empty_name_is_nobodys_name() -> None:
    empty = {"name": "", "kana": "", "common_name": ""}
    mother, child = replace(MOTHER, **empty), replace(CHILD, **empty)

    assert contradict(mother, child)
    assert contradict(child, mother)
