"""Dates as the systems write them, and what the hub may say of each."""

from datetime import date, timedelta

import polars as pl
import pytest

from renkei.mapping import dates, eras, intervals
from renkei.mapping.dates import Form, read_dates
from renkei.mapping.moments import ZONES, read_timestamps, write_timestamps

D = date.fromisoformat

TABLE = """
form     | written            | date       | from       | to         | precision
GYYMMDD  | 3010102            | -          | -          | -          | bad
GYYMMDD  | 3011225            | 1926-12-25 | 1926-12-25 | 1926-12-25 | D
GYYMMDD  | 2151225            | 1926-12-25 | 1926-12-25 | 1926-12-25 | D
GYYMMDD  | 2151226            | -          | -          | -          | bad
GYYMMDD  | 1450730            | 1912-07-30 | 1912-07-30 | 1912-07-30 | D
GYYMMDD  | 2010730            | 1912-07-30 | 1912-07-30 | 1912-07-30 | D
GYYMMDD  | 2010729            | -          | -          | -          | bad
GYYMMDD  | 3640107            | 1989-01-07 | 1989-01-07 | 1989-01-07 | D
GYYMMDD  | 3640108            | -          | -          | -          | bad
GYYMMDD  | 3650101            | -          | -          | -          | bad
GYYMMDD  | 3640000            | -          | 1989-01-01 | 1989-01-07 | Y
GYYMMDD  | 4010000            | -          | 1989-01-08 | 1989-12-31 | Y
GYYMMDD  | 4310430            | 2019-04-30 | 2019-04-30 | 2019-04-30 | D
GYYMMDD  | 4310501            | -          | -          | -          | bad
GYYMMDD  | 5010501            | 2019-05-01 | 2019-05-01 | 2019-05-01 | D
GYYMMDD  | 4990101            | -          | -          | -          | bad
GYYMMDD  | 3400500            | -          | 1965-05-01 | 1965-05-31 | M
GYYMMDD  | 3400015            | -          | -          | -          | bad
GYYMMDD  | 3400230            | -          | -          | -          | bad
GYYMMDD  | 3401301            | -          | -          | -          | bad
GYYMMDD  | 3560229            | -          | 1981-02-28 | 1981-03-01 | D
GYYMMDD  | 3550229            | 1980-02-29 | 1980-02-29 | 1980-02-29 | D
GYYMMDD  | 0000000            | -          | -          | -          | X
GYYMMDD  | 3000000            | -          | -          | -          | X
GYYMMDD  | 6010101            | -          | -          | -          | bad
GYYMMDD  | 301010             | -          | -          | -          | bad
EYYMMDD  | S640107            | 1989-01-07 | 1989-01-07 | 1989-01-07 | D
EYYMMDD  | r010501            | 2019-05-01 | 2019-05-01 | 2019-05-01 | D
EYYMMDD  | X010501            | -          | -          | -          | bad
YYYYMMDD | 19800102           | 1980-01-02 | 1980-01-02 | 1980-01-02 | D
YYYYMMDD | 19800100           | -          | 1980-01-01 | 1980-01-31 | M
YYYYMMDD | 19800000           | -          | 1980-01-01 | 1980-12-31 | Y
YYYYMMDD | 00000000           | -          | -          | -          | X
YYYYMMDD | 00000503           | -          | -          | -          | X
YYYYMMDD | 19810229           | -          | 1981-02-28 | 1981-03-01 | D
YYYYMMDD | 19810230           | -          | -          | -          | bad
YYYYMMDD | 99999999           | -          | -          | -          | bad
YYYYMMDD | 18670101           | -          | -          | -          | bad
ISO      | 1980-01-02         | 1980-01-02 | 1980-01-02 | 1980-01-02 | D
ISO      | 1980-02            | -          | 1980-02-01 | 1980-02-29 | M
ISO      | 1980               | -          | 1980-01-01 | 1980-12-31 | Y
ISO      | 不詳               | -          | -          | -          | X
ISO      | 1980-13            | -          | -          | -          | bad
ISO      | 1980-1-2           | -          | -          | -          | bad
ISO      | 80-01-02           | -          | -          | -          | bad
TEXT     | 令和元年5月1日     | 2019-05-01 | 2019-05-01 | 2019-05-01 | D
TEXT     | 昭和64年1月7日     | 1989-01-07 | 1989-01-07 | 1989-01-07 | D
TEXT     | 昭和64年1月8日     | -          | -          | -          | bad
TEXT     | S63.1.2            | 1988-01-02 | 1988-01-02 | 1988-01-02 | D
TEXT     | ㍻1年1月8日        | 1989-01-08 | 1989-01-08 | 1989-01-08 | D
TEXT     | 平成12年3月        | -          | 2000-03-01 | 2000-03-31 | M
TEXT     | 大正15年           | -          | 1926-01-01 | 1926-12-25 | Y
TEXT     | 慶応3年1月1日      | -          | -          | -          | bad
"""


def rows() -> list[list[str]]:
    lines = TABLE.strip().splitlines()[1:]
    return [[cell.strip() for cell in line.split("|")] for line in lines]


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row[0]} {row[1]}")
def test_a_date_says_no_more_than_was_known(row: list[str]) -> None:
    form, written, *expected = row

    [read] = read_dates(pl.Series([written]), Form(pattern=form)).to_list()

    said = [str(read[name] or "-") for name in ("date", "lo", "hi")] + [read["precision"]]
    assert [*said[:3], "bad" if read["bad"] else said[3]] == expected


def test_the_table_catches_a_reader_that_guesses_the_first_of_january(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = next(row for row in rows() if row[1] == "19800000")
    monkeypatch.setattr(intervals, "_exact_day", lambda: pl.col("lo"))

    with pytest.raises(AssertionError):
        test_a_date_says_no_more_than_was_known(row)


def test_the_table_catches_a_reader_that_takes_00_for_01(monkeypatch: pytest.MonkeyPatch) -> None:
    row = next(row for row in rows() if row[1] == "19800100")
    monkeypatch.setattr(
        dates, "_number", lambda name, _: pl.col(name).replace("00", "01").cast(pl.Int32, strict=False)
    )

    with pytest.raises(AssertionError):
        test_a_date_says_no_more_than_was_known(row)


@pytest.mark.parametrize("written", ["3640108", "4310501"])
def test_the_table_catches_a_reader_that_lets_an_era_run_on(
    written: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = next(row for row in rows() if row[1] == written)
    monkeypatch.setattr(eras, "last", lambda era: pl.when(era != "").then(D("2199-12-31")))

    with pytest.raises(AssertionError):
        test_a_date_says_no_more_than_was_known(row)


def test_other_marks_for_unknown_parts_can_be_declared() -> None:
    form = Form(pattern="YYYYMMDD", unknown=("00", "99"))

    [read] = read_dates(pl.Series(["19809999"]), form).to_list()

    assert (read["lo"], read["hi"], read["precision"]) == (D("1980-01-01"), D("1980-12-31"), "Y")


TIMES = """
pattern        | written                          | in Japan
YYYYMMDDhhmmss | 20261120050001                   | 2026-11-20T05:00:01+09:00
YYYYMMDDhhmmss | 20261120246000                   | -
YYYYMMDDhhmmss | 2026112005000                    | -
ISO            | 2026-11-20 05:00:01              | 2026-11-20T05:00:01+09:00
ISO            | 2026-11-20 05:00:01.5            | 2026-11-20T05:00:01.500000+09:00
ISO            | 2026-11-20T05:00:01.000007       | 2026-11-20T05:00:01.000007+09:00
ISO            | 2026-11-20T05:00:01+09:00        | 2026-11-20T05:00:01+09:00
ISO            | 2026-11-19T20:00:01Z             | 2026-11-20T05:00:01+09:00
ISO            | 2026-11-19T15:00:01.25-05:00     | 2026-11-20T05:00:01.250000+09:00
ISO            | 2026-11-20T05:00:01 09:00        | -
ISO            | 2026-02-30T05:00:01              | -
ISO            | 2026-11-20                       | -
"""


@pytest.mark.parametrize(
    "row", [line.split("|") for line in TIMES.strip().splitlines()[1:]], ids=lambda row: row[1].strip()
)
def test_an_instant_is_shown_in_japan(row: list[str]) -> None:
    pattern, written, expected = (cell.strip() for cell in row)

    read = pl.DataFrame({"t": [written]}).select(read_timestamps(pl.col("t"), pattern)).item()

    assert (read.isoformat() if read else "-") == expected


@pytest.mark.parametrize("zone", ZONES)
def test_a_moment_is_written_back_on_the_same_clock(zone: str) -> None:
    for pattern, written in (("YYYYMMDDhhmmss", "20261119200001"), ("ISO", "2026-11-19 20:00:01.000500")):
        moment = pl.DataFrame({"t": [written]}).select(read_timestamps(pl.col("t"), pattern, zone=zone))

        assert moment.select(write_timestamps(pl.col("t"), pattern, zone=zone)).item() == written


def test_parts_of_a_second_are_not_lost_in_a_pattern_of_whole_seconds() -> None:
    moment = pl.DataFrame({"t": ["2026-11-19 20:00:01.5"]}).select(read_timestamps(pl.col("t"), "ISO"))

    assert moment.select(write_timestamps(pl.col("t"), "YYYYMMDDhhmmss")).item() is None


def test_a_reader_that_takes_utc_for_the_clock_of_japan_is_nine_hours_off() -> None:
    clocks = [
        pl.DataFrame({"t": ["20261119200001"]})
        .select(read_timestamps(pl.col("t"), "YYYYMMDDhhmmss", zone=zone))
        .item()
        for zone in ZONES
    ]

    assert clocks[1] - clocks[0] == timedelta(hours=9)
