"""Two columns that changed places: found by what they usually look like, and ordinary nights never held."""

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pyarrow as pa
import pytest
from tests.unit.mapping.contract.nights import feeds, looks, nights

from renkei.formats.layout import rejects_table
from renkei.mapping.contract import compare
from renkei.mapping.contract.declared import Contract
from renkei.mapping.contract.profile import Profile, profile_of
from renkei.model import REC_NO, Batch, Control, Mapped

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
    ("juki.resident", "kyu_uji", "zairyu_shikaku"): "a name or a code of few people; the codes then fail alone",
    ("juki.resident", "kyu_uji", "zairyu_manryo_ymd"): "filled for fewer than ten people; the dates then fail alone",
    ("juki.resident", "kyu_uji", "tenshutsu_yotei_ymd"): "filled for fewer than ten people; the dates then fail alone",
    ("juki.resident", "kyu_uji", "tennyu_tsuchi_ymd"): "filled for fewer than ten people; the dates then fail alone",
    ("juki.resident", "tenshutsu_ymd", "tenshutsu_yotei_ymd"): "most leave on the day that they announced",
    ("tax.assessment", "SOFU_SHITEI", "SHOGAISHA"): "0 in nearly all records of both",
    ("tax.assessment", "SOFU_SHITEI", "HO294"): "0 in nearly all records of both",
    ("tax.assessment", "SHOGAISHA", "HO294"): "0 in nearly all records of both",
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


def drifting(share: float) -> Profile:
    """Two columns of a figure each, of which one holds ``2`` in this part of the records."""
    table = pa.table({
        REC_NO: range(1, 201),
        **{name: ["12"[nth < 200 * part] for nth in range(200)]
           for name, part in (("KBN", share), ("KAISU", 1 - share))},
        **{name: ["x"] * 200 for name in ("ATENA_NO", "SHIMEI")},
    })  # fmt: skip
    columns = [{"name": name} for name in table.column_names[1:]]
    made = feeds()["tax.taxpayer"]
    plain = replace(made, feed=replace(made.feed, format={"columns": columns}), fields=())
    batch = Batch(feed="f", table=table, rejects=rejects_table(()), records=200, control=Control())
    nothing = pa.table({REC_NO: pa.array([], pa.int64())})
    mapped = Mapped(feed="f", record="tax", records=nothing, rejects=batch.rejects, mapping_digest="")
    return profile_of(plain, batch, mapped)


def test_two_columns_that_drift_past_each_other_are_not_swapped(monkeypatch: pytest.MonkeyPatch) -> None:
    weeks = [drifting(0.3 + 0.05 * week) for week in range(9)]  # 30 % and 70 %, then 70 % and 30 %
    past = [*reversed(weeks[:8])]

    assert compare.findings(weeks[8], past, Contract()) == ()
    assert pairs(drifting(0.9), [drifting(0.1)] * 8) == {("KBN", "KAISU")}

    monkeypatch.setattr(
        compare, "_swapped", lambda now, measures, true=compare._swapped: true(now, measures[:1])
    )
    assert compare.findings(weeks[8], past[3:], Contract()), "by the median alone it would be"


def test_the_manual_tells_how_many_pairs_are_found(week) -> None:
    counts = [len(looks(feed, week[1][feed]).columns) for feed in FEEDS]
    every = sum(count * (count - 1) // 2 for count in counts)
    found = every - len(INDISTINGUISHABLE)

    manual = Path(__file__).parents[4].joinpath("docs", "contracts.md").read_text("utf-8")
    assert f"Of the {every} pairs of columns of five feeds of the sample city {found} are found" in manual


@pytest.mark.parametrize("share", [0.2, 1.0])
def test_an_ignored_column_of_a_fixed_layout_that_begins_to_be_filled_is_found(share: float, week) -> None:
    feed = "tax.taxpayer"
    past, batch = week[0][feed], week[1][feed]
    [name, *_] = [each.name for each in past[0].columns if "#" not in each.fills and not each.filled]
    filled = ["1" if nth < share * batch.records else "" for nth in range(batch.table.num_rows)]
    at = batch.table.column_names.index(name)
    table = batch.table.set_column(at, name, pa.array(filled, pa.string()))

    found = compare.findings(looks(feed, replace(batch, table=table)), past, Contract())

    assert [(each.kind, each.column) for each in found] == [("begun", name)]


def test_without_the_past_nobody_would_see_it_begin(week, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "_beside", lambda *_: ())

    with pytest.raises(AssertionError):
        test_an_ignored_column_of_a_fixed_layout_that_begins_to_be_filled_is_found(1.0, week)


def test_without_the_comparison_no_pair_would_be_found(week, monkeypatch: pytest.MonkeyPatch) -> None:
    past, last = week
    broken = exchanged(looks("tax.taxpayer", last["tax.taxpayer"]), "SHIMEI", "JUSHO")
    assert pairs(broken, past["tax.taxpayer"]) == {("SHIMEI", "JUSHO")}

    monkeypatch.setattr(compare, "_swapped", lambda *_: ())

    with pytest.raises(AssertionError):
        assert pairs(broken, past["tax.taxpayer"]) == {("SHIMEI", "JUSHO")}
