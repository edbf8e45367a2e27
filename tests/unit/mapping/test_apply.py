"""Applying a mapping: typed records or a reason, never both, never neither."""

from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from tests.unit.mapping.small import HEAD, batch, field, load, mapped, reasons

from renkei import mapping
from renkei.errors import Hold
from renkei.formats.layout import Reject, rejects_table
from renkei.mapping import compile as plan
from renkei.records import PERSON

NAME = field("full_name", '"shimei"', '["trim"]', "required = true\nmax = 8")
SEX = field("sex", '"s"', '[{ code = "sex_digit" }]')
BIRTH = field("date_of_birth", '"d"', '[{ wareki = "GYYMMDD", unknown = "00" }]')


def test_records_have_exactly_the_record_types_schema(tmp_path: Path) -> None:
    result = mapped(NAME, tmp_path, shimei=["山田"])

    assert result.records.schema == PERSON.schema
    assert result.record == "person"


def test_padding_goes_and_nothing_else_does(tmp_path: Path) -> None:
    result = mapped(NAME, tmp_path, shimei=["髙﨑　①　 ", "　神", "~～〜"])

    assert result.records.column("full_name").to_pylist() == ["髙﨑　①", "　神", "~～〜"]


@pytest.mark.parametrize(
    ("fields", "columns", "code"),
    [
        (SEX, {"s": ["3"]}, "E_UNKNOWN_CODE"),
        (SEX, {"s": ["１"]}, "E_UNKNOWN_CODE"),
        (BIRTH, {"d": ["3640108"]}, "E_IMPOSSIBLE_DATE"),
        (NAME, {"shimei": ["　"]}, "E_MISSING_VALUE"),
        (NAME, {"shimei": [None]}, "E_MISSING_VALUE"),
        (NAME, {"shimei": ["九文字の氏名は長い"]}, "E_TOO_LONG"),
        (NAME, {"shimei": ["山\x00田"]}, "E_BAD_CHARACTER"),
        (NAME, {"shimei": ["山\n田"]}, "E_BAD_CHARACTER"),
        (NAME, {"shimei": ["山\x85田"]}, "E_BAD_CHARACTER"),
        (NAME, {"shimei": ["山\ufffd"]}, "E_BAD_CHARACTER"),
        (field("party_number", '"n"', '[{ check_digit = "atena" }]'), {"n": ["1234567891"]}, "E_CHECK_DIGIT"),
        (
            field("address_municipality_code", '"n"', '[{ check_digit = "dantai" }]'),
            {"n": ["132994"]},
            "E_CHECK_DIGIT",
        ),
        (field("postal_code", '"p"', '["postal"]'), {"p": ["198-00"]}, "E_BAD_FORMAT"),
        (
            field("changed_at", '"t"', '[{ timestamp = "ISO" }]'),
            {"t": ["2026-11-31T00:00:00"]},
            "E_IMPOSSIBLE_DATE",
        ),
        (field("operator_kind", '"o"', '[{ code = "operator_kind" }]'), {"o": ["X01"]}, "E_UNKNOWN_CODE"),
    ],
)
def test_a_record_that_cannot_be_taken_is_set_aside_with_its_reason(
    fields: str, columns: dict[str, list[str | None]], code: str, tmp_path: Path
) -> None:
    result = mapped(fields, tmp_path, **columns)

    assert reasons(result) == [(1, next(iter(columns)), code)]
    assert result.records.num_rows == 0


@pytest.mark.parametrize(
    ("steps", "given", "kept"),
    [
        ('[{ matches = "^[0-9]{3,10}$" }, { pad = 10 }]', "1", None),  # what came of it would have matched
        ('[{ matches = "^[0-9]{1,9}$" }, { pad = 10 }]', "1", "0000000001"),  # what came of it would not
        ('[{ matches = "^[0-9]$" }, { code = "sex_digit" }]', "1", "1"),
        ('["postal", { present = "有" }]', "198", None),
    ],
)
def test_a_step_judges_what_it_was_given_and_not_what_a_later_step_made_of_it(
    steps: str, given: str, kept: str | None, tmp_path: Path
) -> None:
    target = "sex" if "code" in steps else "household_number"
    result = mapped(field(target, '"n"', steps), tmp_path, n=[given])

    assert result.records.column(target).to_pylist() == ([kept] if kept else [])
    assert reasons(result) == ([] if kept else [(1, "n", "E_BAD_FORMAT")])


def test_a_rule_of_form_may_stand_before_a_step_that_makes_no_text(tmp_path: Path) -> None:
    dated = field("date_of_birth", '"d"', '[{ matches = "^[0-9]{7}$" }, { wareki = "GYYMMDD" }]')

    result = mapped(dated, tmp_path, d=["3630102", "S630102"])

    assert result.records.column("date_of_birth").to_pylist() == [date(1988, 1, 2)]
    assert reasons(result) == [(2, "d", "E_BAD_FORMAT")]


def test_a_reject_names_the_record_and_holds_no_value(tmp_path: Path) -> None:
    [reject] = mapped(SEX, tmp_path, s=["ひみつ"]).rejects.to_pylist()

    assert reject == {
        "__rec_no": 1,
        "__byte_offset": 100,
        "__byte_length": 100,
        "source_key": "001",
        "field": "s",
        "code": "E_UNKNOWN_CODE",
        "detail": "to=sex",
    }


def test_private_characters_selectors_and_bidi_marks_are_kept(tmp_path: Path) -> None:
    names = ["\ue000田", "葛\U000e0100原", "\u202eabc"]

    assert mapped(NAME, tmp_path, shimei=list(names)).records.column("full_name").to_pylist() == names


def test_nothing_said_is_null_and_no_fault(tmp_path: Path) -> None:
    result = mapped(SEX + BIRTH, tmp_path, s=["", None, " "], d=["", "　", None])

    assert result.rejects.num_rows == 0
    assert result.records.column("sex").to_pylist() == [None] * 3
    assert result.records.column("date_of_birth_precision").to_pylist() == [None] * 3


def all_records_of_a_key_fall(result: object) -> None:
    assert reasons(result) == [
        (1, "bango", "E_KEY_TWICE"),
        (2, "s", "E_UNKNOWN_CODE"),
        (4, "bango", "E_KEY_TWICE"),
    ]
    assert result.records.column("source_key").to_pylist() == ["B"]


TWICE = {"bango": ["A", "A", "B", "A"], "s": ["1", "7", "1", "2"]}


def test_all_records_of_a_key_that_comes_twice_are_set_aside(tmp_path: Path) -> None:
    all_records_of_a_key_fall(mapped(SEX, tmp_path, **TWICE))


def test_the_proof_catches_a_mapping_that_prefers_one_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "_keys_twice", lambda *_: pa.array([], pa.string()))

    with pytest.raises(AssertionError):
        all_records_of_a_key_fall(mapped(SEX, tmp_path, **TWICE))


def test_a_key_that_comes_twice_in_different_blocks_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "BLOCK", 2)

    all_records_of_a_key_fall(mapped(SEX, tmp_path, **TWICE))


def test_the_size_of_a_block_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    columns = {"s": ["1", "2", "x", "0", ""], "d": ["3010101", "3640108", "4010108", "5010500", "0000000"]}
    whole = mapped(SEX + BIRTH, tmp_path, **columns)
    monkeypatch.setattr(plan, "BLOCK", 2)

    pieces = mapped(SEX + BIRTH, tmp_path, **columns)

    assert pieces.records.equals(whole.records)
    assert pieces.rejects.equals(whole.rejects)


def test_records_the_reader_set_aside_are_among_the_rejects(tmp_path: Path) -> None:
    [made] = load(HEAD + SEX, tmp_path)
    raw = batch(bango=["A", "B"], s=["1", "2"])
    before = rejects_table([Reject(rec_no=3, field="s", code="E_ENCODING")])
    raw = type(raw)(**{**vars(raw), "rejects": before, "records": 3})

    result = mapping.apply(made, raw, as_of=date(2026, 11, 20))

    numbers = result.records.column("__rec_no").to_pylist() + result.rejects.column("__rec_no").to_pylist()
    assert sorted(numbers) == [1, 2, 3]


def test_an_empty_batch_gives_empty_tables(tmp_path: Path) -> None:
    result = mapped(SEX, tmp_path, s=[], bango=[])

    assert (result.records.num_rows, result.rejects.num_rows) == (0, 0)
    assert result.records.schema == PERSON.schema


def test_the_version_and_the_event_date_have_stand_ins(tmp_path: Path) -> None:
    changed = field("changed_at", '"t"', '[{ timestamp = "YYYYMMDDhhmmss" }]')
    event = field("valid_from", '"e"', '[{ wareki = "GYYMMDD" }]')

    result = mapped(
        changed + event,
        tmp_path,
        t=["20260401003000", "20260401003000", None],
        e=["5080101", "0000000", None],
    )

    assert result.records.column("source_version").to_pylist() == ["2026-11-20"] * 3
    assert result.records.column("valid_from").to_pylist() == [
        date(2026, 1, 1),
        date(2026, 4, 1),
        date(2026, 11, 20),
    ]


FOUR = (
    field("name_key", '"n"', '["name_key"]')
    + field("sex", '"s"', '[{ code = "sex_digit" }]')
    + field("date_of_birth", '"d"', '[{ seireki = "YYYYMMDD" }]')
    + field("address_key", '"a"', '[{ address_key = { code = "132993" } }]')
)


@pytest.mark.parametrize(
    ("name", "sex", "birth", "address", "expected"),
    [
        ("山田　太郎", "1", "19800102", "本町1-2", "山田太郎|1980-01-02|1|132993|本町1-2"),
        ("山田　太郎", "0", "19800102", "本町1-2", None),
        ("山田　太郎", "1", "19800100", "本町1-2", None),
        ("山田　太郎", "1", "19810229", "本町1-2", None),
        ("山田　太郎", "1", "19800102", "", None),
        ("", "1", "19800102", "本町1-2", None),
    ],
)
def test_the_match_key_needs_all_four_exact(
    name: str, sex: str, birth: str, address: str, expected: str | None, tmp_path: Path
) -> None:
    result = mapped(FOUR, tmp_path, n=[name], s=[sex], d=[birth], a=[address])

    assert result.records.column("match_key").to_pylist() == [expected]


def test_a_code_is_valid_only_between_its_days(tmp_path: Path) -> None:
    codes = tmp_path / "codes"
    codes.mkdir()
    table = 'title = "t"\n[[codes]]\ncode = "1"\nto = "1"\nvalid_from = 2026-04-01\nvalid_to = 2027-03-31\n'
    (codes / "sex.toml").write_text(table, "utf-8")
    [made] = load(HEAD + field("sex", '"s"', '[{ code = "sex" }]'), tmp_path, codes=codes)

    days = [date(2026, 3, 31), date(2026, 4, 1), date(2027, 3, 31), date(2027, 4, 1)]
    taken = [mapping.apply(made, batch(bango=["A"], s=["1"]), as_of=day).records.num_rows for day in days]

    assert taken == [0, 1, 1, 0]


def test_the_longest_prefix_tells_who_typed(tmp_path: Path) -> None:
    kinds = field("operator_kind", '"o"', '[{ code = "operator_kind" }]')

    result = mapped(kinds, tmp_path, o=["S0123", "BATCH01", "RPA01", None])

    assert result.records.column("operator_kind").to_pylist() == ["person", "batch", "robot", None]


def test_a_code_that_says_nothing_is_null_and_no_fault(tmp_path: Path) -> None:
    kinds = field("resident_kind", '"k"', '[{ code = "resident_kind_tax" }]')

    assert mapped(kinds, tmp_path, k=["1", "2"]).records.column("resident_kind").to_pylist() == [
        None,
        "non_registered",
    ]


EXPECT = '\n[[feed.expect]]\nfield = "full_name_kana"\nmatches = "^[ァ-ヶー　]+$"\nshare = 0.9\n'


def test_two_columns_that_changed_places_are_held(tmp_path: Path) -> None:
    fields = field("full_name_kana", '"kana"') + EXPECT

    assert mapped(fields, tmp_path, kana=["ヤマダ　タロウ"] * 120).records.num_rows == 120
    with pytest.raises(Hold, match="E_PROFILE"):
        mapped(fields, tmp_path, kana=["山田　太郎"] * 120)


def test_a_few_records_say_nothing_of_the_profile(tmp_path: Path) -> None:
    assert (
        mapped(field("full_name_kana", '"kana"') + EXPECT, tmp_path, kana=["山田"] * 99).records.num_rows
        == 99
    )


def test_several_columns_join_in_order_and_the_first_filled_one_can_be_picked(tmp_path: Path) -> None:
    fields = field("address", '["town", "number"]') + field(
        "common_name", '["a", "b"]', "[]", 'pick = "first"'
    )

    result = mapped(
        fields, tmp_path, town=["本町", "本町"], number=["1-2", None], a=[None, "甲"], b=["乙", "丙"]
    )

    assert result.records.column("address").to_pylist() == ["本町1-2", "本町"]
    assert result.records.column("common_name").to_pylist() == ["乙", "甲"]


def test_a_share_that_is_met_exactly_is_met(tmp_path: Path) -> None:
    """One less ninety of a hundred is a hair under a tenth where it is worked out in two roundings."""
    fields = field("full_name", '"n"') + '\n[[feed.expect]]\nfield = "full_name"\nshare = 0.1\n'

    assert mapped(fields, tmp_path, n=["甲"] * 10 + [None] * 90).records.num_rows == 100
    with pytest.raises(Hold, match="E_PROFILE"):
        mapped(fields, tmp_path, n=["甲"] * 9 + [None] * 91)


def test_a_code_that_says_nothing_says_it_by_its_beginning_and_after_other_steps(tmp_path: Path) -> None:
    tables = tmp_path / "codes"
    tables.mkdir()
    rows = '[[codes]]\ncode = "9"\nto = "2"\n[[codes]]\ncode = "99"\nto = ""\n'
    (tables / "prefix.toml").write_text(f'title = "t"\nmatch = "prefix"\n{rows}', "utf-8")
    (tables / "whole.toml").write_text('title = "t"\n[[codes]]\ncode = "00"\nto = ""\n', "utf-8")
    fields = field("sex", '"s"', '[{ code = "prefix" }]')
    fields += field("relationship", '"r"', '[{ pad = 2 }, { code = "whole" }]')
    [made] = load(HEAD + fields, tmp_path, codes=tables)

    given = {"bango": ["1", "2", "3", "4"], "s": ["91", "9901", "8", "91"], "r": ["0", "00", "0", "1"]}
    result = mapping.apply(made, batch(**given), as_of=date(2026, 11, 20))

    assert [row["sex"] for row in result.records.to_pylist()] == ["2", None]
    assert reasons(result) == [(3, "s", "E_UNKNOWN_CODE"), (4, "r", "E_UNKNOWN_CODE")]
