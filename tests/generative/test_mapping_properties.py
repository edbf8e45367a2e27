"""What must hold for any input: eras by the day, characters cut anywhere, every record accounted for."""

import tempfile
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.formats.fixed_file import File, data, read, to_cp932
from tests.unit.mapping.small import HEAD, batch, field, load

from renkei import mapping
from renkei.mapping.dates import Form, read_dates
from renkei.mapping.eras import ERAS
from renkei.mapping.folds import strict_key

FIRST, LAST = date(1868, 1, 25), date(2100, 12, 31)


def days() -> list[date]:
    return [FIRST + timedelta(days=number) for number in range((LAST - FIRST).days + 1)]


def written(day: date) -> list[str]:
    """Every way to write the day: once, or twice on a day that belongs to two eras."""
    holding = [era for era in ERAS if era.first <= day and (era.last is None or day <= era.last)]
    return [f"{era.digit}{day.year - era.offset:02d}{day:%m%d}" for era in holding]


def test_every_day_from_1868_to_2100_is_read_back_from_its_era() -> None:
    pairs = [(text, day) for day in days() for text in written(day)]

    read_back = read_dates(pl.Series([text for text, _ in pairs]), Form(pattern="GYYMMDD"))

    assert len(pairs) == len(days()) + 2  # 1912-07-30 and 1926-12-25 are each two days of two eras
    assert read_back.struct.field("date").to_list() == [day for _, day in pairs]
    assert not read_back.struct.field("bad").any()


def test_every_text_of_seven_figures_that_is_no_day_of_its_era_is_refused() -> None:
    known = {text for day in days() for text in written(day)}
    texts = [f"{era}{year:02d}{month:02d}{day:02d}" for era in range(1, 5) for year in range(1, 100)
             for month in range(1, 14) for day in (1, 28, 29, 30, 31, 32)]  # fmt: skip

    read_back = read_dates(pl.Series(texts), Form(pattern="GYYMMDD"))

    dated = {text for text, day in zip(texts, read_back.struct.field("date").to_list(), strict=True) if day}
    assert dated == known & set(texts)


def test_every_day_lies_inside_what_is_said_of_its_month_and_year() -> None:
    sample = days()[::61]
    for cut, precision in ((4, "Y"), (6, "M")):
        texts = [f"{day:%Y%m%d}"[:cut].ljust(8, "0") for day in sample]

        read_back = read_dates(pl.Series(texts), Form(pattern="YYYYMMDD")).to_list()

        assert all(said["lo"] <= day <= said["hi"] for said, day in zip(read_back, sample, strict=True))
        assert {said["precision"] for said in read_back} == {precision}
        assert all(said["date"] is None for said in read_back)


NAMES = ["髙﨑ソ表", "ｱｲｳ山田能", "A漢B字C予", "ｶﾞ葛原ー～"]


@pytest.mark.parametrize("name", NAMES)
def test_a_character_cut_anywhere_never_reaches_its_neighbour(name: str, tmp_path: Path) -> None:
    raw = to_cp932(name)
    for cut in range(len(raw) + 1):
        # the cut text is pushed to the end of its column, so that the reading's first byte follows the cut
        cell = raw[:cut].rjust(10)
        record = data(2)[:5] + cell + data(2)[15:]

        result = read(File(records=(data(1), record, data(3))).bytes, tmp_path)

        whole = len(to_cp932(name[: len(raw[:cut].decode("cp932", "ignore"))])) == cut
        assert result.rejects.num_rows == (0 if whole else 1)
        assert set(result.table.column("KANA").to_pylist()) == {"ﾔﾏﾀﾞ ﾀﾛｳ"}
        assert "\ufffd" not in str(result.table.column("SHIMEI").to_pylist())


FIELDS = (
    field("sex", '"s"', '[{ code = "sex_digit" }]')
    + field("full_name", '"n"', "[]", "max = 5")
    + field("date_of_birth", '"d"', '[{ wareki = "GYYMMDD" }]')
    + field("changed_at", '"t"', '[{ timestamp = "ISO" }]')
    + field("address_key", '"n"', '[{ address_key = { code = "132993" } }]')
)


@pytest.fixture(scope="module")
def people() -> mapping.Mapping:
    with tempfile.TemporaryDirectory() as folder:
        return load(HEAD + FIELDS, Path(folder))[0]


TEXT = st.none() | st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
RECORD = st.tuples(
    st.sampled_from(["A", "B", "C", "D", "", None]),
    st.sampled_from(["1", "2", "9", "x", ""]) | TEXT,
    TEXT,
    st.from_regex(r"[0-6][0-9]{6}", fullmatch=True) | TEXT,
    st.datetimes().map(str) | TEXT,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(RECORD, max_size=12))
def test_every_record_is_in_exactly_one_table(
    people: mapping.Mapping, records: list[tuple[str | None, ...]]
) -> None:
    columns = {
        name: [record[place] for record in records]
        for place, name in enumerate(("bango", "s", "n", "d", "t"))
    }

    result = mapping.apply(people, batch(**columns), as_of=date(2026, 11, 20))

    taken = result.records.column("__rec_no").to_pylist()
    aside = result.rejects.column("__rec_no").to_pylist()
    assert sorted(taken + aside) == list(range(1, len(records) + 1))
    keys = result.records.column("source_key").to_pylist()
    assert len(keys) == len(set(keys))


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=20))
def test_a_key_of_a_key_is_the_key(text: str) -> None:
    frame = pl.DataFrame({"t": [text]}, schema={"t": pl.String})
    once = frame.select(strict_key(pl.col("t")).alias("t"))

    assert once.select(strict_key(pl.col("t")).alias("t"))["t"].to_list() == once["t"].to_list()
