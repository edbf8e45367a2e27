"""The model that the registry's answers are held against, on stories small enough to judge by eye."""

from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.history_model import Version, forgetting, state

JUNE = date(2026, 6, 1)


def told(*story: tuple[str, int, int], key: str = "1") -> list[Version]:
    """(kind, event day of June, day told) in order; each is known as soon as it is told."""
    return [
        Version(
            key=key,
            version=f"{number:03}",
            valid_from=JUNE + timedelta(event - 1),
            kind=kind,
            told_on=JUNE + timedelta(day - 1),
            known=number,
            arrival=number,
            removed=kind == "gone",
        )
        for number, (kind, event, day) in enumerate(story, 1)
    ]


def on(versions: list[Version], day: int, known_at: int = 99) -> str | None:
    found = state(versions, JUNE + timedelta(day - 1), known_at).get("1")
    return found.version if found else None


DEATH = told(("birth", 1, 1), ("death", 10, 11), ("cancelled", 20, 20))


def test_a_cancelled_death_never_was_as_known_after_and_was_as_known_before() -> None:
    assert [on(DEATH, day) for day in (5, 10, 25)] == ["001", "003", "003"]
    assert [on(DEATH, day, known_at=2) for day in (5, 10, 25)] == ["001", "002", "002"]


def test_without_reaching_back_the_dead_would_stay_dead_until_the_entry() -> None:
    assert on(forgetting(DEATH), 15) == "002"


def test_cancellations_are_stacked() -> None:
    story = told(
        ("birth", 1, 1), ("move", 5, 5), ("death", 10, 10), ("cancelled", 20, 20), ("cancelled", 21, 21)
    )

    assert [on(story, day) for day in (4, 5, 25)] == ["001", "005", "005"]


def test_a_correction_holds_from_the_day_of_what_it_corrects() -> None:
    assert on(told(("birth", 1, 1), ("move", 5, 5), ("correction", 20, 20)), 6) == "003"


def test_a_key_that_is_gone_and_returns_has_a_gap() -> None:
    story = told(("birth", 1, 1), ("gone", 10, 10), ("moved_in", 20, 20))

    assert [on(story, day) for day in (9, 10, 19, 20)] == ["001", None, None, "003"]


def test_what_is_announced_takes_effect_when_it_is_told() -> None:
    assert on(told(("birth", 1, 1), ("moved_out", 25, 10)), 12) == "002"


KINDS = st.sampled_from(["move", "death", "cancelled", "correction", "gone"])
STORIES = st.lists(st.tuples(KINDS, st.integers(1, 30), st.integers(1, 30)), min_size=1, max_size=9)


@settings(max_examples=200, deadline=None)
@given(STORIES, st.integers(1, 30), st.integers(0, 9))
def test_what_comes_later_changes_no_answer_of_before(
    story: list[tuple[str, int, int]], day: int, known_at: int
) -> None:
    everything = told(*story)

    assert on(everything, day, known_at) == on(everything[:known_at], day)


@settings(max_examples=200, deadline=None)
@given(STORIES, st.integers(1, 30), st.randoms())
def test_the_answer_is_of_the_set_and_not_of_its_order(story, day: int, chance) -> None:
    everything = told(*story)
    mixed = chance.sample(everything, len(everything))

    assert on(mixed, day) == on(everything, day)
