"""Two columns that changed places: found by what they usually look like, and ordinary nights never held."""

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest
from tests.unit.mapping.contract.nights import looks, nights

from renkei.mapping.contract import compare
from renkei.mapping.contract.declared import Contract
from renkei.mapping.contract.profile import Profile
from renkei.model import Batch

FEEDS = ("juki.resident", "tax.taxpayer", "tax.assessment", "welfare.recipient", "welfare.benefit")

#: Pairs of columns whose contents do not tell them apart, and why. Every other pair is found.
INDISTINGUISHABLE = {
    ("juki.resident", "ido_ymd", "jutei_ymd"): "both are the day of the last move for most people",
    ("juki.resident", "ido_ymd", "todoke_ymd"): "a move and its notice are days apart",
    ("juki.resident", "jutei_ymd", "todoke_ymd"): "the day of a move, and of its notice",
    ("juki.resident", "jumin_shubetsu", "jumin_jotai"): "1 in nearly all records of both",
    ("juki.resident", "kyu_uji", "tsusho"): "names of few people",
    ("juki.resident", "kyu_uji", "seinengappi_hyoki"): "filled for fewer than ten people",
    ("juki.resident", "kyu_uji", "shibo_ymd"): "filled for fewer than ten people; the dates then fail alone",
    ("juki.resident", "kyu_uji", "tenshutsu_ymd"): "filled for fewer than ten people; the dates then fail alone",
}  # fmt: skip


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, list[Profile]], dict[str, Batch]]:
    """Three nights' profiles, the newest first, and the fourth night's deliveries."""
    folder = tmp_path_factory.mktemp("week")
    *before, last = nights(folder, residents=400, seed=7, count=4)
    past = {feed: [looks(feed, night[feed]) for night in reversed(before)] for feed in FEEDS}
    return past, last


def exchanged(now: Profile, one: str, other: str) -> Profile:
    """The profile of the same delivery with the contents of two columns exchanged."""
    columns = now.by_name()
    places = {one: columns[other], other: columns[one]}
    made = [
        replace(places.get(each.name, each), name=each.name, fills=each.fills, most=each.most)
        for each in now.columns
    ]
    return replace(now, columns=tuple(made))


def pairs(now: Profile, past: list[Profile]) -> set[tuple[str, str]]:
    found = compare.findings(now, past, Contract())
    return {(each.column, each.other) for each in found if each.kind == "swapped"}


@pytest.mark.parametrize("feed", FEEDS)
def test_every_pair_that_can_be_told_apart_is_found_when_it_is_swapped(feed: str, week) -> None:
    past, last = week
    now = looks(feed, last[feed])
    columns = [column.name for column in now.columns]

    missed = {
        (feed, one, other)
        for one, other in combinations(columns, 2)
        if (one, other) not in pairs(exchanged(now, one, other), past[feed])
    }

    assert missed <= set(INDISTINGUISHABLE)


def test_a_delivery_with_exchanged_columns_has_the_exchanged_profile(week) -> None:
    feed, one, other = "tax.taxpayer", "SOSA_ID", "SETAI_NO"
    batch = week[1][feed]
    names = [{one: other, other: one}.get(name, name) for name in batch.table.column_names]
    table = batch.table.rename_columns(names).select(batch.table.column_names)
    now, shown = looks(feed, replace(batch, table=table)), exchanged(looks(feed, batch), one, other)

    for mine, theirs in zip(now.columns, shown.columns, strict=True):
        assert replace(mine, passes=1) == replace(theirs, passes=1)
    assert (one, other) in pairs(now, week[0][feed])


@pytest.mark.parametrize("feed", FEEDS)
def test_the_night_itself_is_not_odd(feed: str, week) -> None:
    past, last = week

    assert compare.findings(looks(feed, last[feed]), past[feed], Contract()) == ()


@pytest.mark.timeout(300)
def test_two_hundred_ordinary_nights_raise_no_alarm(tmp_path: Path) -> None:
    alarms, count = [], 0

    for seed, residents in enumerate((150, 200, 300, 400, 600, 900, 1200, 250)):
        past: dict[str, list[Profile]] = {feed: [] for feed in FEEDS}
        for night in nights(tmp_path, residents=residents, seed=seed, count=6):
            for feed in FEEDS:
                now = looks(feed, night[feed])
                if past[feed]:
                    count += 1
                    found = compare.findings(now, past[feed], Contract())
                    sizes = [each.records for each in past[feed]]
                    alarms += [*found, *compare.volume(now.records, sizes, limit=Contract().volume)]
                past[feed].insert(0, now)

    assert count == 200
    assert alarms == []


def test_without_the_comparison_no_pair_would_be_found(week, monkeypatch: pytest.MonkeyPatch) -> None:
    past, last = week
    broken = exchanged(looks("tax.taxpayer", last["tax.taxpayer"]), "SHIMEI", "JUSHO")
    assert pairs(broken, past["tax.taxpayer"]) == {("SHIMEI", "JUSHO")}

    monkeypatch.setattr(compare, "_swapped", lambda *_: ())

    with pytest.raises(AssertionError):
        assert pairs(broken, past["tax.taxpayer"]) == {("SHIMEI", "JUSHO")}
