"""What a mapping may say of its values, codes, sizes and examples, and how each mistake is told."""

import time
from datetime import date
from pathlib import Path

import pytest
from tests.unit.mapping.small import CODES, DAY, HEAD, batch, field, load, mapped

from renkei import mapping
from renkei.errors import FixDeclaration, Hold

SEX = '[{ code = "sex" }]'


def told(text: str, folder: Path, *, codes: Path = CODES) -> list[str]:
    with pytest.raises(FixDeclaration) as caught:
        load(text, folder, codes=codes)
    return str(caught.value.facts["problems"]).splitlines()


def table(folder: Path, *rows: str, more: str = "") -> Path:
    """A folder with the one code table ``sex``."""
    codes = folder / "codes"
    codes.mkdir(exist_ok=True)
    text = 'title = "t"\n' + more + "".join(f"\n[[codes]]\n{row}\n" for row in rows)
    (codes / "sex.toml").write_text(text, "utf-8")
    return codes


OLD = 'code = "1"\nto = "1"\nvalid_to = 2027-03-31'
NEW = 'code = "1"\nto = "2"\nvalid_from = 2027-04-01'


def test_a_code_may_change_its_meaning_on_a_day(tmp_path: Path) -> None:
    [made] = load(HEAD + field("sex", '"s"', SEX), tmp_path, codes=table(tmp_path, OLD, NEW))

    said = [
        mapping.apply(made, batch(bango=["A"], s=["1"]), as_of=day).records["sex"].to_pylist()
        for day in (date(2027, 3, 31), date(2027, 4, 1))
    ]

    assert said == [["1"], ["2"]]


@pytest.mark.parametrize("more", ["", 'match = "prefix"\n'])
def test_two_rows_of_one_code_are_never_valid_on_the_same_day(more: str, tmp_path: Path) -> None:
    overlapping = NEW.replace("2027-04-01", "2027-03-31")
    codes = table(tmp_path, OLD, 'code = "12"\nto = "9"', overlapping, more=more)

    first, third = (4, 13) if more else (3, 12)
    [problem] = told(HEAD, tmp_path, codes=codes)
    assert problem == (
        f"sex.toml:{third}: expected one row a code and day, found '1' of line {third} and of line {first}"
    )


def test_a_row_that_ends_before_it_begins_is_refused(tmp_path: Path) -> None:
    inverted = 'code = "1"\nto = "1"\nvalid_from = 2027-04-01\nvalid_to = 2027-03-31'

    [problem] = told(HEAD, tmp_path, codes=table(tmp_path, inverted))

    assert problem == "sex.toml:3: expected valid_from before valid_to, found 2027-04-01 to 2027-03-31"


def test_a_column_has_its_class_and_a_mapping_may_only_raise_it(tmp_path: Path) -> None:
    fields = field("sex", '"s"', more='sensitivity = "personal"') + field("full_name", '"n"')
    [made] = load(HEAD + fields, tmp_path)

    assert {rule.to: rule.sensitivity for rule in made.fields} == {
        "source_key": "personal",
        "sex": "personal",
        "full_name": "personal",
    }
    lowered = HEAD + field("full_name", '"n"', more='sensitivity = "plain"')
    assert told(lowered, tmp_path) == [
        "test.toml:22: expected at least personal for full_name, found plain (nearest: personal)"
    ]
    unknown = HEAD + field("full_name", '"n"', more='sensitivity = "secret"')
    assert "expected plain | personal | guarded" in told(unknown, tmp_path)[0]


EXAMPLE = """
[[feed.example]]
title = "女性"
given = { bango = "001", s = "2" }
gives = { sex = "2" }

[[feed.example]]
title = "知らない符号"
given = { bango = "001", s = "x" }
refused = "E_UNKNOWN_CODE"
day = 2026-11-20
"""


def test_examples_are_read_with_their_lines(tmp_path: Path) -> None:
    [made] = load(HEAD + field("sex", '"s"', '[{ code = "sex_digit" }]') + EXAMPLE, tmp_path)

    woman, unknown = made.examples
    assert (woman.title, woman.given, woman.gives) == ("女性", {"bango": "001", "s": "2"}, {"sex": "2"})
    assert (woman.refused, woman.day, woman.line) == (None, None, 24)
    assert (unknown.refused, unknown.day, unknown.line) == ("E_UNKNOWN_CODE", date(2026, 11, 20), 29)


def test_an_example_changes_nothing_of_what_the_mapping_means(tmp_path: Path) -> None:
    plain = HEAD + field("sex", '"s"')

    assert load(plain, tmp_path)[0].digest == load(plain + EXAMPLE, tmp_path)[0].digest


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ('s = "2"', 't = "2"', "expected a raw column, found t"),
        ("gives = { sex", "gives = { sexx", "expected a column of person, found sexx (nearest: sex)"),
        ('"E_UNKNOWN_CODE"', '"E_UNKNOWN_CODES"', "found E_UNKNOWN_CODES (nearest: E_UNKNOWN_CODE)"),
        ('refused = "E_UNKNOWN_CODE"\n', "", "expected either gives or refused, found both or neither"),
        ('title = "女性"\n', "", "expected key title"),
        ('s = "2"', "s = 2", "expected s: type string, found 2"),
    ],
)
def test_an_example_that_names_what_is_not_there_is_refused(
    right: str, wrong: str, said: str, tmp_path: Path
) -> None:
    text = HEAD + field("sex", '"s"') + EXAMPLE.replace(right, wrong)

    assert any(said in problem for problem in told(text, tmp_path)), told(text, tmp_path)


RANGE = '\n[[feed.expect]]\nfield = "%s"\n%s\nshare = 0.9\n'


@pytest.mark.parametrize(
    ("target", "steps", "bounds", "good", "bad"),
    [
        ("household_number", "[]", "least = 8\nmost = 10", "12345678", "1234567"),
        ("date_of_death", '["iso_date"]', "least = 1900-01-01", "2026-01-02", "1899-12-31"),
        ("date_of_death", '["iso_date"]', "most = 2026-12-31", "2026-01-02", "2027-01-02"),
    ],
)
def test_values_out_of_their_range_hold_the_delivery(
    target: str, steps: str, bounds: str, good: str, bad: str, tmp_path: Path
) -> None:
    fields = field(target, '"v"', steps) + RANGE % (target, bounds)

    assert mapped(fields, tmp_path, v=[good] * 108 + [bad] * 12).records.num_rows == 120
    with pytest.raises(Hold) as caught:
        mapped(fields, tmp_path, v=[good] * 107 + [bad] * 13)

    assert caught.value.code == "E_RANGE"
    assert (caught.value.facts["share"], caught.value.facts["limit"]) == ("89.2%", "90.0%")
    assert bad not in str(caught.value)


def test_amounts_have_a_range(tmp_path: Path) -> None:
    head = HEAD.replace('"person"', '"tax"')
    text = (
        head
        + field("annual_amount", '"v"', '["integer"]')
        + RANGE % ("annual_amount", "least = 0\nmost = 100")
    )
    [made] = load(text, tmp_path)
    keys = [f"{number:03d}" for number in range(100)]

    assert mapping.apply(made, batch(bango=keys, v=["100"] * 100), as_of=DAY).records.num_rows == 100
    with pytest.raises(Hold, match="between 0 and 100"):
        mapping.apply(made, batch(bango=keys, v=["101"] * 100), as_of=DAY)


@pytest.mark.parametrize(
    ("target", "steps", "bounds", "said"),
    [
        ("household_number", "[]", "least = 1900-01-01", "expected a whole number for household_number"),
        ("date_of_death", '["iso_date"]', "least = 8", "expected a date for date_of_death, found 8"),
        ("household_number", "[]", "least = 9\nmost = 8", "expected least before most, found 9 to 8"),
        ("household_number", "[]", 'least = "8"', "a whole number or a date"),
        ("is_household_head", '[{ equals = "head" }]', "least = 8", "expected no bound"),
        ("date_of_death", '["iso_date"]', 'matches = "^a$"', "expected matches on a text"),
    ],
)
def test_a_range_is_of_its_columns_kind(
    target: str, steps: str, bounds: str, said: str, tmp_path: Path
) -> None:
    problems = told(HEAD + field(target, '"v"', steps) + RANGE % (target, bounds), tmp_path)

    assert any(said in problem for problem in problems), problems


@pytest.mark.parametrize(("records", "held"), [(1, True), (2, False), (3, False), (4, True)])
def test_a_delivery_of_an_odd_size_is_held(records: int, held: bool, tmp_path: Path) -> None:
    [made] = load(HEAD + "\n[feed.size]\nleast = 2\nmost = 3\n", tmp_path)
    delivery = batch(bango=[str(number) for number in range(records)])

    if not held:
        mapping.hold_odd_size(made, delivery, as_of=DAY)
        return
    with pytest.raises(Hold, match=f"has {records} records; between 2 and 3") as caught:
        mapping.hold_odd_size(made, delivery, as_of=DAY)
    assert caught.value.code == "E_SIZE"


def test_a_feed_without_a_size_takes_any_number_of_records(tmp_path: Path) -> None:
    mapping.hold_odd_size(load(HEAD, tmp_path)[0], batch(bango=[]), as_of=DAY)

    assert told(HEAD + "\n[feed.size]\nleast = 3\nmost = 2\n", tmp_path) == [
        "test.toml:18: expected least before most, found 3 to 2"
    ]


def folder_of(place: Path, **ranks: str) -> Path:
    """One file a system, each with a field for the name at the given rank."""
    for system, rank in ranks.items():
        text = HEAD.replace('"test"', f'"{system}"') + field("full_name", '"n"', more=rank)
        (place / f"{system}.toml").write_text(text, "utf-8")
    (place / "codes").symlink_to(CODES)
    return place


def test_the_feed_of_the_lowest_rank_goes_first(tmp_path: Path) -> None:
    feeds = mapping.load_all(folder_of(tmp_path, juki="rank = 2", tax="rank = 1", welfare=""))

    assert mapping.ranked(feeds, "full_name", day=DAY) == ("tax.people", "juki.people")
    assert mapping.ranked(feeds, "sex", day=DAY) == ()


def test_two_feeds_with_one_rank_for_one_field_are_refused_with_both_places(tmp_path: Path) -> None:
    with pytest.raises(FixDeclaration) as caught:
        mapping.load_all(folder_of(tmp_path, juki="rank = 1", tax="rank = 1"))

    assert str(caught.value.facts["problems"]) == (
        "tax.toml:18: expected one feed a rank for full_name, found rank 1 in juki.toml:18 and tax.toml:18"
    )


def test_a_rank_is_on_the_field_that_decides_for_its_group(tmp_path: Path) -> None:
    wrong = HEAD + field("full_name_kana", '"n"', more="rank = 1")

    assert "found a rank on full_name_kana (nearest: full_name)" in told(wrong, tmp_path)[0]


def test_one_feed_in_two_files_is_told_with_both(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.toml").write_text(HEAD, "utf-8")
    (tmp_path / "codes").symlink_to(CODES)

    with pytest.raises(FixDeclaration, match=r"a.toml, b.toml:0: expected one mapping a feed"):
        mapping.load_all(tmp_path)


@pytest.mark.parametrize("pattern", [r"(?=a)b", r"(?<!a)b", r"(a)\\1", "(?P<x>a)(?P=x)", "a++", "("])
def test_an_expression_that_must_track_back_is_refused(pattern: str, tmp_path: Path) -> None:
    text = HEAD + field("full_name", '"n"', f'[{{ matches = "{pattern}" }}]')

    assert any("an RE2 expression" in problem for problem in told(text, tmp_path))


def test_an_expression_that_would_explode_elsewhere_stays_linear_here(tmp_path: Path) -> None:
    fields = field("full_name", '"n"', '[{ matches = "^(a+)+$" }]')
    taken = []
    for length in (2_000, 64_000):
        begin = time.perf_counter()
        result = mapped(fields, tmp_path, n=["a" * length + "!"] * 20)
        taken.append(time.perf_counter() - begin)
        assert result.rejects["code"].to_pylist() == ["E_BAD_FORMAT"] * 20

    assert taken[1] < 5  # 32 times the text; a matcher that tracks back would not end in a lifetime
