"""What differs between two mappings is told once, in words, and nothing is left out."""

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from tests.unit.mapping.small import CODES, HEAD, field, load

from renkei import mapping
from renkei.mapping import Mapping
from renkei.mapping.diff import PARTS, Change, between, difference, written
from renkei.mapping.steps import parse

ROOT = Path(__file__).parents[3]
SEX = field("sex", '"seibetsu"', '[{ code = "sex_digit" }]')
NAME = field("full_name", '"shimei"', '["trim"]', "required = true\nmax = 80")
VERSION = """
[[feed.version]]
from = 2027-04-01
[[feed.version.field]]
to = "sex"
from = "seibetsu"
steps = [{ code = "sex_letter" }]
"""
EXPECT = '\n[[feed.expect]]\nfield = "full_name"\nshare = 0.9\n'
EXAMPLE = '\n[[feed.example]]\ntitle = "男"\ngiven = { seibetsu = "1" }\ngives = { sex = "1" }\n'


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Mapping]:
    def make(text: str, codes: Path = CODES) -> Mapping:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        [one] = load(text, folder, codes=codes)
        return one

    return make


def told(changes: tuple[Change, ...]) -> list[str]:
    return [change.en for change in changes]


def test_equal_mappings_do_not_differ(made: Callable[..., Mapping]) -> None:
    assert difference(made(HEAD + NAME + SEX), made(HEAD + NAME + SEX)) == ()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (NAME, NAME + SEX, ["raw column seibetsu added", 'field sex added: from = seibetsu; steps = { code = "sex_digit" }']),
        (NAME + SEX, NAME, ["raw column seibetsu removed", "field sex removed"]),
        (NAME, NAME.replace('["trim"]', '["trim", "wide_kana"]'), ["field full_name, steps changed: trim → trim, wide_kana"]),
        (NAME, NAME.replace('"shimei"', '"namae"'), ["field full_name, from changed: shimei → namae"]),
        (NAME, NAME.replace("max = 80", "max = 90"), ["field full_name, max changed: 80 → 90"]),
        (NAME, NAME.replace("required = true\n", ""), ["field full_name, required changed: ✓ → ∅"]),
        (NAME, NAME + EXPECT, ["expectation full_name added: share = 0.9"]),
        (NAME + EXPECT, NAME + EXPECT.replace("0.9", "0.8"), ["expectation full_name, share changed: 0.9 → 0.8"]),
        (SEX, SEX + EXAMPLE, ["example 男 added"]),
        (SEX, SEX + VERSION, ['from 2027-04-01: field sex, steps changed: { code = "sex_digit" } → { code = "sex_letter" }']),
    ],
)  # fmt: skip
def test_a_difference_is_told_by_what_it_is_of(
    made: Callable[..., Mapping], old: str, new: str, said: list[str]
) -> None:
    found = told(difference(made(HEAD + old), made(HEAD + new)))

    for each in said:
        assert any(line.startswith(each) for line in found), found


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"0 2 * * *"', '"0 3 * * *"', "feed test.people, schedule changed: 0 2 * * * → 0 3 * * *"),
        ('"full"', '"delta"', "feed test.people, delivers changed: full → delta"),
        ('"test_odbc"', '"other_odbc"', "feed test.people, connection changed: test_odbc → other_odbc"),
    ],
)
def test_a_difference_of_the_feed_itself_is_told(
    made: Callable[..., Mapping], old: str, new: str, said: str
) -> None:
    assert told(difference(made(HEAD + NAME), made(HEAD.replace(old, new) + NAME))) == [said]


def test_a_change_that_holds_from_the_beginning_is_not_told_again_for_its_versions(
    made: Callable[..., Mapping],
) -> None:
    longer = NAME.replace("max = 80", "max = 90")

    found = difference(made(HEAD + NAME + SEX + VERSION), made(HEAD + longer + SEX + VERSION))

    assert [(each.name, each.since) for each in found] == [("full_name", None)]


def test_rows_of_a_code_table_are_told(made: Callable[..., Mapping], tmp_path: Path) -> None:
    codes = tmp_path / "codes"
    shutil.copytree(CODES, codes)
    text = (codes / "sex_digit.toml").read_text("utf-8")
    (codes / "sex_digit.toml").write_text(
        text + '\n[[codes]]\ncode = "7"\nto = "9"\nlabel = "適用外"\n', "utf-8"
    )

    found = told(difference(made(HEAD + SEX), made(HEAD + SEX, codes)))

    assert found == ["code sex_digit.7 added: = 9（適用外）"]


def test_the_days_of_one_mapping_differ_by_their_version_and_their_valid_codes(
    made: Callable[..., Mapping], tmp_path: Path
) -> None:
    codes = tmp_path / "codes"
    shutil.copytree(CODES, codes)
    table = '\n[[codes]]\ncode = "7"\nto = "9"\nvalid_from = 2026-01-01\nvalid_to = 2026-12-31\n'
    place = codes / "sex_digit.toml"
    place.write_text(place.read_text("utf-8") + table, "utf-8")
    one = made(HEAD + SEX + VERSION, codes)

    assert told(between(one, date(2025, 1, 1), date(2026, 6, 1))) == ["code sex_digit.7 added: = 9"]
    assert told(between(one, date(2026, 6, 1), date(2026, 6, 2))) == []
    later = told(between(one, date(2026, 6, 1), date(2027, 4, 1)))
    assert any(line.startswith("field sex, steps changed") for line in later)


def test_a_note_alone_is_told_as_such(made: Callable[..., Mapping]) -> None:
    [change] = difference(made(HEAD + NAME), made(HEAD + NAME + 'note = "x"\n'))

    assert change.part == "files"


def test_both_languages_say_the_same_values(made: Callable[..., Mapping]) -> None:
    [change] = difference(made(HEAD + NAME), made(HEAD + NAME.replace("80", "90")))

    assert change.ja == "項目 full_name の最大長を変更：80 → 90"
    assert change.part in PARTS


@pytest.mark.parametrize(
    "declared",
    [
        "trim",
        {"pad": 10},
        {"wareki": "GYYMMDD", "unknown": "00"},
        {"boolean": True, "yes": ["1"], "no": ["0"]},
    ],
)
def test_a_step_is_written_as_a_mapping_writes_it(declared: object) -> None:
    import tomllib

    text = written([parse(declared)])  # type: ignore[arg-type]  # each is one of the two forms

    assert text == declared or tomllib.loads(f"step = {text}")["step"] == declared


@pytest.mark.parametrize("feed", ["juki.resident", "tax.taxpayer", "welfare.benefit"])
def test_every_field_of_the_citys_mappings_would_be_missed(feed: str) -> None:
    from dataclasses import replace

    whole = {each.feed.id: each for each in mapping.load_all(ROOT / "mappings")}[feed]

    for rule in whole.fields:
        less = replace(whole, fields=tuple(each for each in whole.fields if each != rule), versions=())
        found = difference(replace(whole, versions=()), less)
        assert [(each.part, each.name, each.kind) for each in found] == [("field", rule.to, "removed")]
