"""Versions and codes by the record's own date: last year's record is read as last year's law meant it."""

from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from tests.unit.mapping.small import CODES, DAY, HEAD, batch, field, load, reasons

from renkei import mapping
from renkei.errors import FixDeclaration
from renkei.mapping import compile as plan
from renkei.mapping import segments

BY_EVENT = HEAD.replace('record = "person"', 'record = "person"\nversion_by = "valid_from"')
FIELDS = (
    field("valid_from", '"d"', '[{ seireki = "YYYYMMDD", unknown = "00" }]')
    + field("sex", '"s"', '[{ code = "sex" }]')
    + field("full_name", '"n"')
    + field("common_name", '"m"')
)
VERSION = """
[[feed.version]]
from = 2026-07-01

[[feed.version.field]]
to = "full_name"
from = "m"

[[feed.version.field]]
to = "common_name"
from = "n"
"""
ROWS = (
    'code = "1"\nto = "1"\nvalid_to = 2026-03-31',
    'code = "1"\nto = "2"\nvalid_from = 2026-04-01\nvalid_to = 2026-09-30',
)


def codes(folder: Path) -> Path:
    place = folder / "codes"
    place.mkdir(exist_ok=True)
    rows = "".join(f"\n[[codes]]\n{row}\n" for row in ROWS)
    (place / "sex.toml").write_text(f'title = "t"\n{rows}', "utf-8")
    return place


@pytest.fixture
def feed(tmp_path: Path) -> mapping.Mapping:
    return load(BY_EVENT + FIELDS + VERSION, tmp_path, codes=codes(tmp_path))[0]


def given(*days: str | None) -> dict[str, list[str | None]]:
    rows = len(days)
    return {
        "bango": [f"{number:03d}" for number in range(1, rows + 1)],
        "d": list(days),
        "s": ["1"] * rows,
        "n": ["甲"] * rows,
        "m": ["乙"] * rows,
    }


def test_each_record_has_the_version_and_the_codes_of_its_own_day(feed: mapping.Mapping) -> None:
    days = ["20260930", "20260331", "20260401", "20260630", "20260701", "20261001"]

    result = mapping.apply(feed, batch(**given(*days)), as_of=DAY)

    said = [(row["__rec_no"], row["sex"], row["full_name"]) for row in result.records.to_pylist()]
    assert said == [(1, "2", "乙"), (2, "1", "甲"), (3, "2", "甲"), (4, "2", "甲"), (5, "2", "乙")]
    assert reasons(result) == [(6, "s", "E_UNKNOWN_CODE")]  # no code 1 after September


def test_a_record_without_its_date_has_the_deliverys_day(feed: mapping.Mapping) -> None:
    without = batch(**given(None, "00000000"))

    for as_of, sex, name in ((date(2026, 3, 31), "1", "甲"), (date(2026, 7, 1), "2", "乙")):
        result = mapping.apply(feed, without, as_of=as_of)
        assert result.records["sex"].to_pylist() == [sex, sex]
        assert result.records["full_name"].to_pylist() == [name, name]
        assert result.records["valid_from"].to_pylist() == [as_of, as_of]  # stand-ins stay the delivery's


def test_an_unknown_day_does_no_harm_inside_one_segment(feed: mapping.Mapping) -> None:
    """March 2026 lies whole before April; the year 2026 does not, and the delivery's day decides."""
    result = mapping.apply(feed, batch(**given("20260300", "20260000")), as_of=date(2026, 8, 1))

    assert result.records["sex"].to_pylist() == ["1", "2"]
    assert result.records["full_name"].to_pylist() == ["甲", "乙"]


def test_an_impossible_date_is_set_aside_by_its_own_reason(feed: mapping.Mapping) -> None:
    assert reasons(mapping.apply(feed, batch(**given("20260231", "20260301")), as_of=DAY)) == [
        (1, "d", "E_IMPOSSIBLE_DATE")
    ]


def test_by_the_deliverys_day_all_records_have_one_version(tmp_path: Path) -> None:
    """The known-bad twin: without version_by last year's records are read by today's law."""
    [made] = load(HEAD + FIELDS + VERSION, tmp_path, codes=codes(tmp_path))

    result = mapping.apply(made, batch(**given("20260331", "20260701")), as_of=date(2026, 8, 1))

    assert result.records["sex"].to_pylist() == ["2", "2"]
    assert result.records["full_name"].to_pylist() == ["乙", "乙"]


def test_the_cut_gives_what_every_record_gives_alone_in_any_block(
    feed: mapping.Mapping, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = [f"{date(2026, 1, 1) + timedelta(days=7 * number):%Y%m%d}" for number in range(50)][::-1]
    whole = mapping.apply(feed, batch(**given(*days)), as_of=DAY)
    alone = [
        mapping.apply(feed, batch(**given(day)), as_of=DAY).records.drop(["__rec_no", "source_key"])
        for day in days
    ]
    assert whole.records.drop(["__rec_no", "source_key"]).equals(pa.concat_tables(alone).combine_chunks())
    numbers = whole.records["__rec_no"].to_pylist()
    assert numbers == sorted(numbers)
    assert len(numbers) + whole.rejects.num_rows == len(days)

    monkeypatch.setattr(plan, "BLOCK", 7)
    again = mapping.apply(feed, batch(**given(*days)), as_of=DAY)

    assert again.records.equals(whole.records)
    assert again.rejects.equals(whole.rejects)


def test_one_key_in_two_segments_is_still_one_key_twice(feed: mapping.Mapping) -> None:
    rows = given("20260331", "20260701") | {"bango": ["A", "A"]}

    result = mapping.apply(feed, batch(**rows), as_of=DAY)

    assert result.records.num_rows == 0
    assert reasons(result) == [(1, "bango", "E_KEY_TWICE"), (2, "bango", "E_KEY_TWICE")]


def test_time_is_cut_where_a_version_begins_and_where_a_code_begins_or_has_ended(
    feed: mapping.Mapping,
) -> None:
    assert segments.turns(feed) == (date(2026, 4, 1), date(2026, 7, 1), date(2026, 10, 1))


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ('"valid_from"\n', '"valid_form"\n', "found valid_form (nearest: valid_from)"),
        ('"valid_from"\n', '"full_name"\n', "expected delivery | valid_from, found full_name"),
        ('from = "m"\n\n[[feed.version', 'from = "x"\n\n[[feed.version', "found other columns: x"),
        (
            'to = "full_name"\nfrom = "m"',
            'to = "valid_from"\nfrom = "d"\nsteps = ["iso_date"]',
            "found another valid_from",
        ),
        ('to = "full_name"\nfrom = "m"', 'to = "source_key"\nfrom = "m"', "found another source_key"),
        ("from = 2026-07-01\n", 'from = 2026-07-01\ndrop = ["valid_from"]\n', "found another valid_from"),
    ],
)
def test_what_chooses_the_version_may_not_change_with_it(
    right: str, wrong: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(FixDeclaration) as caught:
        load((BY_EVENT + FIELDS + VERSION).replace(right, wrong, 1), tmp_path, codes=codes(tmp_path))

    problems = str(caught.value.facts["problems"]).splitlines()
    assert any(said in problem for problem in problems), problems


def test_a_version_that_drops_the_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FixDeclaration, match="expected a field to = source_key"):
        load(HEAD + '\n[[feed.version]]\nfrom = 2027-04-01\ndrop = ["source_key"]\n', tmp_path, codes=CODES)


SIMPLE = HEAD + field("full_name", '"n"') + '\n[[feed.ignored]]\nname = "sex"\nreason = "試験"\n'
SINCE = "\n[[feed.version]]\nfrom = 2027-04-01\n"
SEX = '[[feed.version.field]]\nto = "sex"\nfrom = "sex"\n'
LATER = "\n[[feed.version]]\nfrom = 2028-04-01\n"


def problems_of(text: str, folder: Path) -> list[str]:
    with pytest.raises(FixDeclaration) as caught:
        load(text, folder)
    return str(caught.value.facts["problems"]).splitlines()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ('drop = ["fullname"]\n', "target or an ignored column, found fullname (nearest: full_name)"),
        ('drop = ["n"]\n', "target or an ignored column, found n"),  # mapped: its field is what goes
        ('drop = ["full_name"]\n' + LATER + 'drop = ["full_name"]\n', "ignored column, found full_name"),
        (SINCE, "expected one version a day, found 2027-04-01 twice"),
        ('format = { kind = "arow" }\n', "expected arrow |"),
        ('format = { header = "first" }\n', "expected a known key, found header"),
        ('format = { kind = "fixed" }\n', "expected key "),
    ],
)
def test_a_version_that_cannot_be_laid_over_its_feed_is_refused(
    wrong: str, said: str, tmp_path: Path
) -> None:
    told = problems_of(SIMPLE + SINCE + wrong, tmp_path)

    assert any(said in problem for problem in told), told


def test_what_a_version_drops_is_what_was_there_before_it(tmp_path: Path) -> None:
    """A column that was ignored and has a field from now on, both of one name."""
    [made] = load(SIMPLE + SINCE + 'drop = ["sex"]\n' + SEX, tmp_path)

    there = made.at(date(2027, 4, 1))

    assert [rule.to for rule in there.fields] == ["source_key", "full_name", "sex"]
    assert there.raw_columns == ("bango", "n", "sex")


def test_versions_hold_in_order_of_their_days_and_not_of_the_file(tmp_path: Path) -> None:
    forth = SINCE + 'drop = ["sex"]\n' + SEX
    back = LATER + 'drop = ["sex"]\n' + SEX.replace("sex", "common_name")

    one = load(SIMPLE + forth + back, tmp_path)[0]
    other = load(SIMPLE + back + forth, tmp_path)[0]

    assert [since for since, _ in other.versions] == [date(2027, 4, 1), date(2028, 4, 1)]
    for day in (date(2026, 1, 1), date(2027, 4, 1), date(2028, 4, 1)):
        assert [rule.to for rule in one.at(day).fields] == [rule.to for rule in other.at(day).fields]
    [told] = problems_of(SIMPLE + back + forth.replace('["sex"]', '["sox"]'), tmp_path)[:1]
    lines = (SIMPLE + back + forth).splitlines()
    assert told.startswith(f"test.toml:{len(lines) - 3}:"), told


def test_a_key_that_a_code_table_makes_does_not_change_with_the_records_day(tmp_path: Path) -> None:
    coded = 'from = "bango"\nsteps = [{ code = "sex_digit" }]'
    text = (BY_EVENT + FIELDS).replace('from = "bango"', coded, 1)

    assert any("a key that needs no code table" in each for each in problems_of(text, tmp_path))
