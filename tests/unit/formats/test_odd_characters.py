"""Characters that must not pass, and those that must pass untouched, in fixed-length and CSV files."""

from pathlib import Path
from typing import Any

import pytest
from tests.unit.formats.fixed_file import RECORD, File, data, to_cp932
from tests.unit.formats.fixed_file import read as read_fixed

from renkei import formats
from renkei.formats.encodings import codec

FORM: dict[str, Any] = {
    "kind": "csv", "encoding": "utf-8", "unproved": "試験", "columns": [{"name": "A"}, {"name": "B"}],
}  # fmt: skip
REFUSED = {
    "NUL": b"\0",
    "lone surrogate": b"\xed\xa0\x80",
    "overlong slash": b"\xc0\xaf",
    "外字 that no table maps": "\ue000".encode(),
    "cut character": "山".encode()[:2],
}
KEPT = {
    "bidi control": "\u202eabc\u202c",
    "variation selector": "葛\U000e0100",
    "outside the BMP": "𠮷",
    "compatibility ideograph": "神\ufa19",
    "formula": "=cmd|' /C calc'!A0",
    "line separator": "a\u2028b\u0085c",
    "byte order mark inside": "a\ufeffb",
}


def csv_of(value: bytes, folder: Path) -> Any:
    place = folder / "delivery"
    place.write_bytes(b"A,B\r\n" + b"0,x\r\n" * 40 + b"1," + value + b"\r\n")
    return formats.read(place, FORM, feed="f")


@pytest.mark.parametrize("value", REFUSED.values(), ids=REFUSED)
def test_what_is_no_character_sets_its_record_aside(value: bytes, tmp_path: Path) -> None:
    batch = csv_of(b"a" + value, tmp_path)

    assert batch.rejects.column("__rec_no").to_pylist() == [41]
    assert batch.rejects.column("detail").to_pylist() == ["line=42 byte=208"]
    assert batch.table.num_rows == 40


@pytest.mark.parametrize("value", KEPT.values(), ids=KEPT)
def test_what_is_only_odd_comes_through_untouched(value: str, tmp_path: Path) -> None:
    assert csv_of(value.encode(), tmp_path).table.column("B").to_pylist()[-1] == value


def test_a_nul_that_passes_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = File(records=tuple(data(number) for number in range(1, 41)))
    low = data(2)[:15] + b"\0" * 10 + data(2)[25:]
    content = sound.but(records=(data(1), low, *sound.records[2:])).bytes
    assert read_fixed(content, tmp_path).rejects.column("field").to_pylist() == ["KANA"]

    monkeypatch.setattr(codec, "has_nul", lambda _: False)

    with pytest.raises(AssertionError):
        assert read_fixed(content, tmp_path).rejects.num_rows == 1


@pytest.mark.parametrize("cut", range(1, 10, 2))
def test_a_wide_character_cut_at_any_byte_falls_with_its_record(cut: int, tmp_path: Path) -> None:
    name = to_cp932("髙﨑ソ表能")
    broken = bytearray(data(3))
    broken[5:15] = name[:cut].ljust(10)
    records = tuple(data(number) if number != 3 else bytes(broken) for number in range(1, 41))

    batch = read_fixed(File(records=records).bytes, tmp_path)

    [reject] = batch.rejects.to_pylist()
    assert (reject["__rec_no"], reject["field"]) == (3, "SHIMEI")
    assert int(reject["detail"].removeprefix("byte=")) in {3 * RECORD + 5 + cut - 1, 3 * RECORD + 5 + cut}
    assert batch.table.column("KANA").to_pylist() == ["ﾔﾏﾀﾞ ﾀﾛｳ"] * 39
