"""The way from one record of a resident to another."""

from datetime import UTC, datetime

from renkei.likeness.links import Link, chain

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def link(key: str, rule: str, via: str | None = None) -> Link:
    return Link(
        feed="f", source_key=key, rule=rule, known_from=NOW, via_feed=None if via is None else "f", via_key=via,
        decision_id=None,
    )  # fmt: skip


def told(links: list[Link], start: str, end: str) -> list[tuple[str, str, str]]:
    steps = chain(links, ("f", start), ("f", end))
    return [(step.left[1], step.rule, step.right[1]) for step in steps]


def test_a_chain_is_gone_both_ways_and_is_the_shortest() -> None:
    links = [
        link("a", "founder"),
        link("b", "strong_id", "a"),
        link("c", "decision", "b"),
        link("d", "said_same", "a"),
    ]

    assert told(links, "c", "d") == [("c", "decision", "b"), ("b", "strong_id", "a"), ("a", "said_same", "d")]
    assert told(links, "a", "b") == [("a", "strong_id", "b")]


def test_links_that_name_each_other_end() -> None:
    links = [link("a", "founder"), link("b", "strong_id", "c"), link("c", "strong_id", "b")]

    assert told(links, "b", "c") == [("b", "strong_id", "c")]
    assert told(links, "a", "c") == []


def test_a_record_needs_no_link_to_itself() -> None:
    assert told([link("a", "founder")], "a", "a") == []
