"""Fixed-length files: read whole, or refused with the right code, or one record set aside."""

from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from tests.unit.formats.fixed_file import FORMAT, RECORD, File, data, read, to_cp932
from tests.unit.formats.twins import twin

from renkei.errors import Stop
from renkei.formats import encodings, fixed
from renkei.formats.encodings import cp932
from renkei.formats.fixed import records as fixed_records
from renkei.formats.fixed import totals as fixed_totals

GOOD = File(records=tuple(data(number) for number in range(1, 41)))


def refusal(content: bytes, folder: Path) -> Stop:
    with pytest.raises(Stop) as caught:
        read(content, folder)
    return caught.value


def test_a_sound_file_gives_its_columns_as_text_without_padding(tmp_path: Path) -> None:
    batch = read(GOOD.bytes, tmp_path)

    first = batch.table.slice(0, 1).to_pylist()[0]
    assert first == {
        "__rec_no": 1,
        "__byte_offset": 40,
        "__byte_length": 40,
        "BANGO": "0001",
        "SHIMEI": "山田　太郎",
        "KANA": "ﾔﾏﾀﾞ ﾀﾛｳ",
        "KBN": "1",
        "FILLER": "",
    }
    assert (batch.records, batch.table.num_rows, batch.rejects.num_rows) == (40, 40, 0)
    assert batch.control.as_of == date(2026, 11, 20)


def test_a_file_without_records_is_a_whole_file(tmp_path: Path) -> None:
    assert read(File().bytes, tmp_path).table.num_rows == 0


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "E_TRAILER_MISSING"),
        (GOOD.but(trailer=False).bytes, "E_TRAILER_MISSING"),
        (GOOD.header, "E_TRAILER_MISSING"),
        (GOOD.but(count=41).bytes, "E_TRAILER_COUNT"),
        (GOOD.but(total=1).bytes, "E_TRAILER_TOTAL"),
        (GOOD.bytes[:-1], "E_RECORD_LENGTH"),
        (GOOD.bytes[: 5 * RECORD + 17], "E_RECORD_LENGTH"),
        (GOOD.bytes[: 5 * RECORD], "E_TRAILER_MISSING"),
        (GOOD.bytes + data(99), "E_RECORD_KIND"),
        (GOOD.bytes + b"\x1a" * RECORD, "E_RECORD_KIND"),
        (b"2" + GOOD.bytes[1:], "E_RECORD_KIND"),
        (GOOD.but(records=(*GOOD.records, GOOD.header)).bytes.replace(b"9" * 99, b""), "E_RECORD_KIND"),
        (GOOD.but(header=b"120261320".ljust(RECORD)).bytes, "E_HEADER_DATE"),
    ],
)
def test_a_file_that_is_not_whole_is_refused_as_a_whole(content: bytes, code: str, tmp_path: Path) -> None:
    assert refusal(content, tmp_path).code == code


def test_both_counts_are_told(tmp_path: Path) -> None:
    facts = refusal(GOOD.but(count=41).bytes, tmp_path).facts

    assert (facts["stated"], facts["counted"]) == ("00000041", 40)


def test_a_file_cut_at_any_record_is_refused(tmp_path: Path) -> None:
    codes = {refusal(GOOD.bytes[: cut * RECORD], tmp_path).code for cut in range(41)}

    assert codes == {"E_TRAILER_MISSING"}


def cut_character(records: int = 40) -> File:
    """Record 3's name ends in the first half of a two-byte character; the reading follows at once."""
    broken = bytearray(data(3))
    broken[5:15] = to_cp932("山田　太郎")[:9] + b"\x98"
    return GOOD.but(records=tuple(data(n) if n != 3 else bytes(broken) for n in range(1, records + 1)))


def proves_that_a_cut_character_falls_alone(table: pa.Table, rejects: pa.Table) -> None:
    [reject] = rejects.to_pylist()
    assert (reject["__rec_no"], reject["field"], reject["code"]) == (3, "SHIMEI", "E_ENCODING")
    assert (
        reject["detail"] == f"byte={3 * RECORD + 5 + 8}" or reject["detail"] == f"byte={3 * RECORD + 5 + 9}"
    )
    assert (reject["__byte_offset"], reject["__byte_length"], reject["source_key"]) == (120, 40, "0003")
    assert table.column("__rec_no").to_pylist() == [1, 2, *range(4, 41)]
    assert set(table.column("KANA").to_pylist()) == {"ﾔﾏﾀﾞ ﾀﾛｳ"}


def test_a_character_cut_at_a_columns_end_sets_that_record_aside(tmp_path: Path) -> None:
    batch = read(cut_character().bytes, tmp_path)

    proves_that_a_cut_character_falls_alone(batch.table, batch.rejects)
    assert batch.records == batch.table.num_rows + batch.rejects.num_rows


def test_the_proof_catches_a_reader_that_puts_replacement_characters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    twin(monkeypatch, cp932, ('raw.decode("cp932")\n    if', 'raw.decode("cp932", "replace")\n    if'))
    encodings.charset.cache_clear()
    monkeypatch.setattr(encodings, "charset", encodings.charset.__wrapped__)

    batch = read(cut_character().bytes, tmp_path)

    with pytest.raises((AssertionError, ValueError)):
        proves_that_a_cut_character_falls_alone(batch.table, batch.rejects)


def test_a_file_in_another_encoding_stops(tmp_path: Path) -> None:
    utf8 = data(1)[:5] + "山田三".encode().ljust(10) + data(1)[15:]

    error = refusal(GOOD.but(records=(utf8,) * 40).bytes, tmp_path)

    assert error.code == "E_ENCODING"
    assert error.facts["field"] == "SHIMEI"


def test_more_than_one_in_twenty_bad_records_stops(tmp_path: Path) -> None:
    bad = data(1)[:5] + b"\xff" * 10 + data(1)[15:]
    two = GOOD.but(records=(bad, bad, *GOOD.records[2:]))
    three = GOOD.but(records=(bad, bad, bad, *GOOD.records[3:]))

    assert read(two.bytes, tmp_path).rejects.num_rows == 2
    assert refusal(three.bytes, tmp_path).code == "E_ENCODING"


@pytest.mark.parametrize("byte", [0x80, 0xA0, 0xFD, 0xFE, 0xFF])
def test_a_byte_that_cp932_does_not_define_is_never_taken(byte: int, tmp_path: Path) -> None:
    bad = data(2)[:25] + bytes([byte]) + data(2)[26:]

    batch = read(GOOD.but(records=(data(1), bad, *GOOD.records[2:])).bytes, tmp_path)

    assert batch.rejects.column("field").to_pylist() == ["KBN"]


def test_a_line_feed_inside_a_column_stays_in_its_column(tmp_path: Path) -> None:
    odd = data(2)[:5] + b"\x8e\x52\n\x93\x63      "[:10] + data(2)[15:]

    batch = read(GOOD.but(records=(data(1), odd, *GOOD.records[2:])).bytes, tmp_path)

    assert batch.table.column("SHIMEI")[1].as_py() == "山\n田"
    assert batch.table.column("SHIMEI")[2].as_py() == "山田　太郎"


def test_bytes_that_look_like_a_backslash_or_a_bar_belong_to_their_character(tmp_path: Path) -> None:
    batch = read(GOOD.but(records=(data(1, name="ソ表能予十"),)).bytes, tmp_path)

    assert batch.table.column("SHIMEI").to_pylist() == ["ソ表能予十"]


def test_windows_order_survives(tmp_path: Path) -> None:
    assert to_cp932("髙") == b"\xfb\xfc"

    batch = read(GOOD.but(records=(data(1, name="髙﨑～－神"),)).bytes, tmp_path)

    assert batch.table.column("SHIMEI").to_pylist() == ["髙﨑～－神"]


def test_a_private_character_that_no_table_maps_sets_its_record_aside(tmp_path: Path) -> None:
    batch = read(GOOD.but(records=(data(1, name="髙﨑～－\ue000"), *GOOD.records[1:])).bytes, tmp_path)

    assert batch.rejects.column("code").to_pylist() == ["E_ENCODING"]
    assert batch.losses.column("code").to_pylist() == ["F040"]


def test_the_control_total_is_exact_beyond_64_bits_of_digits() -> None:
    cells = np.frombuffer(b"9" * 15 * 2000, dtype=np.uint8).reshape(-1, 15)

    assert fixed_totals.sum_of(cells, encodings.named("cp932")) == 2000 * (10**15 - 1)


def test_every_block_passes_its_failpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fixed_records, "BLOCK", 15)
    reached: list[str] = []
    monkeypatch.setattr(fixed, "failpoint", reached.append)

    batch = read(GOOD.bytes, tmp_path)

    assert reached == ["parse.block"] * 3
    assert batch.table.column("__rec_no").to_pylist() == list(range(1, 41))


def test_columns_are_read_from_where_the_layout_says(tmp_path: Path) -> None:
    assert [column["name"] for column in FORMAT["columns"]] == read(GOOD.bytes, tmp_path).table.column_names[
        3:
    ]
