"""全銀 files: to the yen, in the banks' own characters, in both directions."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.conformance.formats import zengin as samples
from tests.unit.formats.twins import twin

from renkei import formats
from renkei.errors import Stop
from renkei.formats import Written, zengin
from renkei.formats.zengin import layout as zengin_layout
from renkei.model import Batch

NAMES = ("bank_code", "branch_code", "account_type", "account_number", "account_holder", "amount")
SOUND = ("0001", "001", "1", "123", "ﾔﾏﾀﾞ ﾊﾅｺ", "1000")


def read(content: bytes, folder: Path, form: dict[str, Any] = samples.TRANSFER) -> Batch:
    path = folder / "delivery"
    path.write_bytes(content)
    return formats.read(path, form, feed="bank.test")


def refusal(content: bytes, folder: Path, form: dict[str, Any] = samples.TRANSFER) -> Stop:
    with pytest.raises(Stop) as caught:
        read(content, folder, form)
    return caught.value


def write(rows: list[tuple[str, ...]], folder: Path, **changes: Any) -> tuple[list[bytes], Written]:
    table = pa.table({name: [row[at] for row in rows] for at, name in enumerate(NAMES)})
    control = changes.pop("control", samples.GIVEN)
    path = folder / "out"
    written = formats.write(table, {**samples.TRANSFER, **changes}, path, feed="bank.test", control=control)
    content = path.read_bytes()
    return [content[at : at + 120] for at in range(0, len(content), 120)], written


@pytest.mark.parametrize("kind", zengin_layout.KINDS)
def test_every_record_is_120_bytes(kind: str) -> None:
    for fields in (zengin_layout.HEADER, *zengin_layout.KINDS[kind]):
        *_, last = zengin_layout.placed(fields)
        assert last["at"] + last["bytes"] == 121


def test_a_transfer_is_read_by_the_names_of_its_fields(tmp_path: Path) -> None:
    batch = read(samples.PAID_DATA, tmp_path)

    assert batch.table.to_pylist()[1]["account_holder"] == "ｶ)ﾔﾏﾀﾞｼﾖｳﾃﾝ"
    assert batch.control.header["consignor_name"] == "ｸｽﾞﾊﾗｼ"
    assert batch.control.trailer["total"] == "000000010001"


def test_a_trailer_off_by_one_yen_stops_the_file(tmp_path: Path) -> None:
    error = refusal(samples.PAID_DATA.replace(b"000000010001", b"000000010002"), tmp_path)

    assert (error.code, error.facts["stated"], error.facts["counted"]) == (
        "E_TRAILER_TOTAL",
        "000000010002",
        10001,
    )


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b"8000002", b"8000003", "E_TRAILER_COUNT"),
        (b"1210", b"1910", "E_ZENGIN_KIND"),
        (b"1210", b"1211", "E_ZENGIN_KIND"),
        (b"11270001", b"13270001", "E_HEADER_DATE"),
        (b"11270001", b"0230 001", "E_HEADER_DATE"),
        (samples.END, b"", "E_END_MISSING"),
        (samples.END, samples.END * 2, "E_RECORD_KIND"),
    ],
)
def test_a_file_that_is_not_as_agreed_is_refused(old: bytes, new: bytes, code: str, tmp_path: Path) -> None:
    assert samples.PAID_DATA.count(old) == 1

    assert refusal(samples.PAID_DATA.replace(old, new), tmp_path).code == code


@pytest.mark.parametrize(
    ("record", "field", "code"),
    [
        (("00A1", "001", "0000001", "ﾔﾏﾀﾞ", 1, ""), "bank_code", "E_BAD_FORMAT"),
        (("0001", "  1", "0000001", "ﾔﾏﾀﾞ", 1, ""), "branch_code", "E_BAD_FORMAT"),
        (("0001", "001", "12-4567", "ﾔﾏﾀﾞ", 1, ""), "account_number", "E_BAD_FORMAT"),
        (("0001", "001", "0000001", "ｼｮｳｺ", 1, ""), "account_holder", "E_BAD_CHARACTER"),
        (("0001", "001", "0000001", "ｻｰﾄ", 1, ""), "account_holder", "E_BAD_CHARACTER"),
        (("0001", "001", "0000001", "Yamada", 1, ""), "account_holder", "E_BAD_CHARACTER"),
        (("0001", "001", "0000001", "山田", 1, ""), "account_holder", "E_BAD_CHARACTER"),
    ],
)
def test_a_value_that_no_bank_takes_sets_its_record_aside(
    record: tuple[Any, ...], field: str, code: str, tmp_path: Path
) -> None:
    content = b"".join(
        [
            samples.header("21"),
            samples.transfer("0001", "001", "0000001", "ﾓﾘ", 5, "A1"),
            samples.transfer(*record),
            samples.record(("8", 1), ("000002", 6), ("000000000006", 12), ("", 101)),
            samples.END,
        ]
    )

    [reject] = read(content, tmp_path).rejects.to_pylist()

    assert (reject["__rec_no"], reject["field"], reject["code"], reject["__byte_offset"]) == (
        2,
        field,
        code,
        240,
    )


def test_the_symbols_and_wo_are_those_of_the_bank(tmp_path: Path) -> None:
    content = samples.PAID_DATA.replace("ｸｽﾞﾊﾗ ﾀﾛｳ".encode("cp932"), "ｶｦ･ﾀﾛｳ   ".encode("cp932")[:9])

    assert read(content, tmp_path).rejects.num_rows == 1
    assert read(content, tmp_path, {**samples.TRANSFER, "symbols": "･)"}).rejects.num_rows == 0
    bank = {**samples.TRANSFER, "symbols": "･)", "wo": "refused"}
    assert read(content, tmp_path, bank).rejects.column("field").to_pylist() == ["account_holder"]


def test_results_are_counted_and_added_up(tmp_path: Path) -> None:
    batch = read(samples.DEBITED_DATA, tmp_path, samples.DEBIT)

    assert batch.table.column("result_code").to_pylist() == ["0", "1", "0"]
    assert batch.table.column("consignor_code").to_pylist() == ["0000012345"] * 2 + ["0000012346"]


def test_a_debit_that_failed_and_is_counted_as_done_stops_the_file(tmp_path: Path) -> None:
    content = samples.DEBITED_DATA.replace(
        samples.sums(2, 5700, 1, 5000, 1, 700), samples.sums(2, 5700, 2, 5700, 0, 0)
    )

    error = refusal(content, tmp_path, samples.DEBIT)

    assert (error.code, error.facts["stated"], error.facts["counted"]) == ("E_TRAILER_COUNT", "000002", 1)


def test_results_that_are_not_counted_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    twin(
        monkeypatch,
        zengin,
        (
            '    if declaration.get("phase") == "result":\n        others',
            '    if declaration.get("phase") == "":\n        others',
        ),
    )

    with pytest.raises(pytest.fail.Exception):
        test_a_debit_that_failed_and_is_counted_as_done_stops_the_file(tmp_path)


def test_a_request_that_states_results_stops(tmp_path: Path) -> None:
    request = {**samples.DEBIT, "phase": "request"}

    assert refusal(samples.DEBITED_DATA, tmp_path, request).code == "E_TRAILER_COUNT"


def test_numbers_are_filled_with_zeros_and_text_with_blanks(tmp_path: Path) -> None:
    [_, record, trailer, end], written = write([SOUND], tmp_path)

    assert record == (b"20001" + b" " * 15 + b"001" + b" " * 19 + b"1" + b"0000123"
                      + "ﾔﾏﾀﾞ ﾊﾅｺ".encode("cp932").ljust(30) + b"0000001000").ljust(120)  # fmt: skip
    assert trailer == b"8000001000000001000".ljust(120)
    assert end == samples.END
    assert (written.records, written.losses.num_rows) == (1, 0)


@pytest.mark.parametrize(
    ("at", "value", "code"),
    [
        (0, "1", "E_BAD_FORMAT"),
        (0, "00001", "E_BAD_FORMAT"),
        (1, "12", "E_BAD_FORMAT"),
        (3, "12345678", "E_TOO_WIDE"),
        (4, "ｱ" * 31, "E_TOO_WIDE"),
        (4, "山田", "E_BAD_CHARACTER"),
        (4, "ｼｮｳｺ", "E_BAD_CHARACTER"),
        (5, "10000000000", "E_TOO_WIDE"),
        (5, "-1", "E_BAD_FORMAT"),
        (5, "1.5", "E_BAD_FORMAT"),
        (5, "", "E_BAD_FORMAT"),
        (5, "１０", "E_BAD_FORMAT"),
    ],
)
def test_a_payment_that_no_bank_takes_is_not_written(at: int, value: str, code: str, tmp_path: Path) -> None:
    bad = tuple(value if place == at else each for place, each in enumerate(SOUND))

    lines, written = write([SOUND, bad, SOUND], tmp_path)

    [reject] = written.rejects.to_pylist()
    assert (reject["__rec_no"], reject["field"], reject["code"]) == (2, NAMES[at], code)
    assert (len(lines), written.records) == (5, 2)
    assert lines[3].startswith(b"8000002000000002000")


def test_small_kana_become_large_only_where_that_is_declared_and_told(tmp_path: Path) -> None:
    rows = [(*SOUND[:4], "クズハラ　しょう"[:5] + "ショーコ", SOUND[5])]

    lines, written = write(rows, tmp_path, normalise=["half_width", "small_kana", "long_vowel"])

    assert lines[1][50:80].decode("cp932").rstrip() == "ｸｽﾞﾊﾗ ｼﾖ-ｺ"
    told = {row["character"]: row["became"] for row in written.losses.to_pylist()}
    assert told["ョ"] == "ﾖ"
    assert told["ー"] == "-"
    assert told["ズ"] == "ｽﾞ"
    assert {tuple(row["records"]) for row in written.losses.to_pylist()} == {(1,)}


def test_small_kana_made_large_in_silence_are_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from renkei.formats.zengin import steps as zengin_steps

    twin(monkeypatch, zengin_steps, ("        if became != char:", "        if not became:"))

    with pytest.raises((AssertionError, KeyError)):
        test_small_kana_become_large_only_where_that_is_declared_and_told(tmp_path)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"due_date": "930"}, "due_date"),
        ({"own_bank_code": "1"}, "own_bank_code"),
        ({"consignor_name": "葛原市"}, "consignor_name"),
        ({"consignor_name": "ｱ" * 41}, "consignor_name"),
    ],
)
def test_a_header_that_no_bank_takes_stops_the_file(
    given: dict[str, str], field: str, tmp_path: Path
) -> None:
    with pytest.raises(Stop) as caught:
        write([SOUND], tmp_path, control={**samples.GIVEN, **given})

    assert (caught.value.code, caught.value.facts["field"]) == ("E_CONTROL_VALUE", field)


def test_a_header_without_a_date_stops_the_file(tmp_path: Path) -> None:
    given = {name: value for name, value in samples.GIVEN.items() if name != "due_date"}

    with pytest.raises(Stop, match="E_CONTROL_MISSING"):
        write([SOUND], tmp_path, control=given)


@pytest.mark.parametrize("kind", ["11", "71", "91"])
def test_other_kinds_are_written_and_read_back(kind: str, tmp_path: Path) -> None:
    form = {
        "kind": "zengin",
        "type": kind,
        "separator": "crlf",
        "columns": [{"name": name} for name in NAMES],
    }
    table = pa.table({name: [value] for name, value in zip(NAMES, SOUND, strict=True)})

    formats.write(table, form, tmp_path / "out", feed="f", control=samples.GIVEN)

    batch = formats.read(tmp_path / "out", form, feed="f")
    assert batch.table.column("amount").to_pylist() == ["0000001000"]
    assert (tmp_path / "out").stat().st_size == 4 * 122


def test_every_field_is_mapped_or_ignored(tmp_path: Path) -> None:
    form = samples.TRANSFER

    assert list(zengin.problems(form, form["columns"], tmp_path)) == []
    told = list(zengin.problems({**form, "phase": "result"}, [*form["columns"][1:], {"name": "X"}], tmp_path))
    assert [found for _, _, found in told] == ["X", "neither", "result"]
