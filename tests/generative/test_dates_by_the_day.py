"""Every day from 1868 to 2199 and every impossible one, beside a reader that knows no table."""

import calendar
from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renkei.mapping.dates import Form, read_dates, write_dates

FIRST, LAST = date(1868, 1, 25), date(2199, 12, 31)
DAYS = [FIRST + timedelta(days=number) for number in range((LAST - FIRST).days + 1)]
ERA_PATTERNS = ("GYYMMDD", "EYYMMDD", "GGYYMMDD", "TEXT")
PATTERNS = (*ERA_PATTERNS, "YYYYMMDD", "YYYY/MM/DD", "ISO")

Read = tuple[date | None, date | None] | None


def era_figure(day: date, *, late: bool) -> int:
    """On a day that two eras share, the older one, or with ``late`` the newer."""
    edges = [date(1912, 7, 30), date(1926, 12, 25)]
    passed = sum(edge < day or (late and edge == day) for edge in edges)
    return 1 + passed + (day > date(1989, 1, 7)) + (day > date(2019, 4, 30))


def first_year(figure: int) -> int:
    return [1868, 1912, 1926, 1989, 2019][figure - 1]


def reference(figure: int, year: int, month: int, day: int) -> Read:
    """First and last day of what GYYMMDD says; two Nones where nothing is known, None where it is no date."""
    if not 1 <= figure <= 5 or month > 12 or day > 31:
        return None
    if year == 0:
        return None, None
    if month == 0 and day:
        return None
    full = first_year(figure) - 1 + year
    length = calendar.monthrange(full, month or 12)[1]
    if day > length and (month, day) != (2, 29):
        return None
    low, high = date(full, month or 1, day or 1) if day <= length else date(full, 2, 28), None
    high = date(full, 3, 1) if day > length else date(full, month or 12, day or length)
    inside = [
        each
        for each in (low + timedelta(days=number) for number in range((high - low).days + 1))
        if figure in (era_figure(each, late=False), era_figure(each, late=True)) and each >= FIRST
    ]
    return (inside[0], inside[-1]) if inside else None


@pytest.mark.timeout(120)
def test_every_text_of_seven_figures_is_read_as_a_reader_without_tables_reads_it() -> None:
    parts = [(figure, year, month, day) for figure in range(1, 7) for year in range(100)
             for month in (0, 1, 2, 4, 5, 7, 12, 13) for day in (0, 1, 7, 8, 24, 25, 28, 29, 30, 31, 32)]  # fmt: skip

    read = read_dates(pl.Series([f"{f}{y:02}{m:02}{d:02}" for f, y, m, d in parts]), Form(pattern="GYYMMDD"))

    said = [None if each["bad"] else (each["lo"], each["hi"]) for each in read.to_list()]
    assert [(part, ours) for part, ours in zip(parts, said, strict=True) if ours != reference(*part)] == []


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_day_is_written_and_read_back(pattern: str) -> None:
    form = Form(pattern=pattern)
    within = [day for day in DAYS if pattern not in ERA_PATTERNS[:3] or day.year <= 2018 + 99]
    days = pl.Series(within, dtype=pl.Date)

    written = pl.DataFrame({"day": days}).select(write_dates(pl.col("day"), form).alias("text"))["text"]

    read = read_dates(written, form)
    assert written.null_count() == 0
    assert read.struct.field("date").equals(days.alias("date"))
    assert set(read.struct.field("precision")) == {"D"}


def test_the_new_era_is_written_on_the_day_of_change() -> None:
    days = pl.DataFrame({"day": [date(1912, 7, 30), date(1926, 12, 25), date(1989, 1, 8), date(2019, 5, 1)]})

    written = days.select(write_dates(pl.col("day"), Form(pattern="TEXT"))).to_series().to_list()

    assert written == ["大正元年7月30日", "昭和元年12月25日", "平成元年1月8日", "令和元年5月1日"]


def test_no_figures_are_invented_for_a_year_that_two_places_cannot_hold() -> None:
    days = pl.DataFrame({"day": [date(2118, 1, 1), date(1867, 12, 31)]})

    assert days.select(write_dates(pl.col("day"), Form(pattern="GYYMMDD"))).to_series().to_list() == [
        None,
        None,
    ]


KANJI = "〇一二三四五六七八九"


def in_kanji(number: int) -> str:
    tens, ones = divmod(number, 10)
    return ("" if tens == 0 else "十" if tens == 1 else KANJI[tens] + "十") + (KANJI[ones] if ones else "")


def test_kanji_numerals_and_full_width_say_the_same_as_figures() -> None:
    days = DAYS[::17][:5000]
    era = ["明治", "大正", "昭和", "平成", "令和"]
    numbers = [(era_figure(day, late=True), day) for day in days]
    plain = [(era[f - 1], day.year - first_year(f) + 1, day.month, day.day) for f, day in numbers]
    kanji = [f"{e}{in_kanji(y)}年{in_kanji(m)}月{in_kanji(d)}日" for e, y, m, d in plain if y < 100]
    wide = str.maketrans("0123456789", "０１２３４５６７８９")
    full = [f"{e}{y}年{m}月{d}日".translate(wide) for e, y, m, d in plain if y < 100]

    for written in (kanji, full):
        read = read_dates(pl.Series(written), Form(pattern="TEXT"))

        assert read.struct.field("date").to_list() == days[: len(written)]


PIECES = st.sampled_from(
    [
        *"昭和平成令元年月日春冬上中下旬頃推定不詳から までの間同0123456789一二十.-/～",
        "昭和20年",
        "3月",
        "5日",
        "不詳",
    ]
)


@settings(max_examples=100, deadline=None)
@given(st.lists(PIECES, max_size=12).map("".join), st.booleans())
def test_whatever_is_written_gives_an_interval_or_a_refusal(text: str, by_rule: bool) -> None:
    [read] = read_dates(pl.Series([text], dtype=pl.String), Form(pattern="TEXT", by_rule=by_rule)).to_list()

    assert read["bad"] in (True, False)
    if read["bad"] or read["precision"] == "X":
        assert (read["date"], read["lo"], read["hi"]) == (None, None, None)
    else:
        assert read["lo"] <= read["hi"]
        assert read["date"] in (None, read["lo"])
