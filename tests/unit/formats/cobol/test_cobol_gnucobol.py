"""Both directions against GnuCOBOL: what it writes we read, and what we write it reads."""

from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.unit.formats.cobol.gnucobol import FORMAT, MEISAI_FORMAT, iconv, run, without, written_by

from renkei.errors import Stop
from renkei.formats import cobol
from renkei.formats.fixed import records as fixed_records
from renkei.model import Batch

Programs = Callable[..., Path]

#: Item → its value in the records of kjwrite.cob: zeros, greatest, least, a negative zero, abroad.
EDGES = {
    "KINGAKU": ["0", "9999999", "-9999999", "-0", "0"],
    "ZEIGAKU": ["0.00", "999999.99", "-999999.99", "0.00", "0.00"],
    "KEN-SU": ["00000", "99999", "00000", "00000", "00000"],
    "ZANDAKA": ["0.00", "99999.99", "-99999.99", "0.00", "0.00"],
    "SENTO": ["0", "99999", "-99999", "0", "0"],
    "BETSU-USHIRO": ["0", "99999", "-99999", "0", "0"],
    "BETSU-MAE": ["0", "99999", "-99999", "0", "0"],
    "HAN": ["0", "9999", "-9999", "0", "0"],
    "ZEN": ["0", "999999999", "-999999999", "0", "0"],
    "CHO": ["0", "999999999999999999", "-999999999999999999", "0", "0"],
    "FUGO-NASHI": ["0000", "9999", "0000", "0000", "0000"],
    "JI-KOYU": ["0", "2147483647", "-2147483648", "0", "0"],
    "MAN-EN": ["0", "9990000", "-9990000", "0", "0"],
    "RITSU": ["0.00000", "0.00999", "-0.00999", "0.00000", "0.00000"],
    "SEINENGAPPI": ["00000000", "20281231", "18680125", "00000000", "00000000"],
    "YUBIN": ["0000000", "9999999", "0000000", "0000000", None],
    "KUNI": [None, None, None, None, "BRA"],
    "KOKUGAI-NO": [None, None, None, None, "-7"],
    "GAKU(3)": ["0", "99999", "-99999", "0", "0"],
    "FURAGU(2)": ["", "b", "", "", ""],
    "HENSHU": ["     0.00", "99,999.99", "     1.00-", "     0.00", "    12.00"],
    "宛名番号": ["0000000001", "0000000002", "0000000003", "0000000004", "0000000005"],
    "氏名カナ": ["ﾔﾏﾀﾞ ﾀﾛｳ"] * 5,
    "氏名漢字": ["山田　渕道"] * 5,
}


def read(content: bytes, folder: Path, declaration: dict[str, Any] = FORMAT) -> Batch:
    place = folder / "delivery"
    place.write_bytes(content)
    return cobol.read(place, declaration, feed="tax.kj")


def write(table: pa.Table, folder: Path, declaration: dict[str, Any] = FORMAT, **control: Any) -> bytes:
    place = folder / "offered"
    written = cobol.write(table, declaration, place, feed="tax.kj", **control)
    assert written.rejects.num_rows == 0
    return place.read_bytes()


@pytest.fixture(scope="session")
def kj(program: Programs, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A file of 60 records."""
    return written_by(program("kjwrite"), tmp_path_factory.mktemp("kj"), "60")


def test_every_usage_and_edge_value_is_read_as_cobol_wrote_it(kj: bytes, tmp_path: Path) -> None:
    batch = read(kj, tmp_path)

    edges = batch.table.slice(0, 5)
    assert {name: edges.column(name).to_pylist() for name in EDGES} == EDGES
    assert (batch.records, batch.rejects.num_rows, batch.losses.num_rows) == (60, 0, 0)
    assert batch.control.trailer["TR-KENSU"] == "00000060"


def test_what_was_read_writes_back_to_the_same_bytes(kj: bytes, tmp_path: Path) -> None:
    batch = read(kj, tmp_path)

    assert write(batch.table, tmp_path, control=batch.control) == kj


def test_without_keeping_filler_only_bytes_that_belong_to_nobody_differ(kj: bytes, tmp_path: Path) -> None:
    declaration = {**FORMAT, "filler": "blank"}
    batch = read(kj, tmp_path, declaration)

    ours = write(batch.table, tmp_path, declaration, control=batch.control)

    differing = {place % 168 for place, (a, b) in enumerate(zip(ours, kj, strict=True)) if a != b}
    assert differing <= set(range(128, 133))  # behind the shorter address of the record abroad
    assert read(ours, tmp_path, declaration).table.equals(batch.table)


def shown(text: bytes) -> list[tuple[str, str]]:
    """What kjread.cob displays: item and value."""
    lines = iconv(text, "UTF-8").decode().splitlines()
    return [(line.partition("=")[0], line.partition("=")[2].rstrip(" ")) for line in lines]


def test_cobol_reads_what_we_write_and_sees_the_same_values(
    kj: bytes, program: Programs, tmp_path: Path
) -> None:
    table = read(kj, tmp_path).table
    ours = write(table, tmp_path, control={"header": {"HD-SAKUSEI-YMD": "20261120", "HD-SYSTEM": "OURS"}})
    (tmp_path / "KJFILE").write_bytes(ours)

    seen = shown(run(program("kjread"), tmp_path))

    assert seen[:2] == [("HD-SAKUSEI-YMD", "20261120"), ("HD-SYSTEM", "OURS")]
    assert sum(name == "ATENA" for name, _ in seen) == 60
    names = {"ATENA": "宛名番号", "KANA": "氏名カナ", "KANJI": "氏名漢字"}
    for column, as_shown in [(names.get(name, name), name) for name, _ in seen[2:27]]:
        if column == "SEI":
            continue
        values = [value for name, value in seen if name == as_shown]
        ours_said = [value for value in table.column(column).to_pylist() if value is not None]
        assert list(map(plain, values)) == list(map(plain, ours_said)), column


def plain(value: str) -> object:
    """A number as a number, whatever its zeros and the side of its sign; a text as it is."""
    text = value[-1] + value[:-1] if value[-1:] in "+-" and value[-2:-1].isdigit() else value
    try:
        return Decimal(text) + 0
    except ArithmeticError:
        return value.strip(" ")


# records of varying length ------------------------------------------------------------------------


def test_a_table_at_the_end_has_as_many_columns_as_the_record_says(program: Programs, tmp_path: Path) -> None:
    content = written_by(program("meisaiwrite"), tmp_path)

    batch = read(content, tmp_path, MEISAI_FORMAT)

    table = batch.table
    assert (batch.records, batch.rejects.num_rows) == (13, 0)
    assert table.column("SU").to_pylist() == [f"{count:02}" for count in range(13)]
    assert table.column("KOMOKU(2)").to_pylist() == [None, None, *["K000"] * 11]
    assert table.column("GAKU(12)").to_pylist() == [*[None] * 12, "-6.0"]
    assert table.column("TANKA(1)").to_pylist() == [None, *[str(1 - count) for count in range(1, 13)]]
    assert write(table, tmp_path, MEISAI_FORMAT) == content


@pytest.mark.parametrize(("prefix", "how"), [("varseq0", "0"), ("varseq1", "1")])
def test_cobol_reads_records_of_varying_length_that_we_write(
    prefix: str, how: str, program: Programs, tmp_path: Path
) -> None:
    declaration = {**MEISAI_FORMAT, "prefix": prefix}
    content = written_by(program("meisaiwrite"), tmp_path, COB_VARSEQ_FORMAT=how)
    before = run(program("meisairead"), tmp_path, COB_VARSEQ_FORMAT=how)

    (tmp_path / "MFILE").write_bytes(write(read(content, tmp_path, declaration).table, tmp_path, declaration))

    assert run(program("meisairead"), tmp_path, COB_VARSEQ_FORMAT=how) == before
    assert before.count(b"\n") == 14 + sum(range(13))


def test_a_table_read_as_rows_loses_no_record_and_comes_back(program: Programs, tmp_path: Path) -> None:
    declaration = {**MEISAI_FORMAT, "rows": {"of": "MEISAI", "number": "GYO"}}
    content = written_by(program("meisaiwrite"), tmp_path)

    batch = read(content, tmp_path, declaration)

    rows = batch.table.select(["GYO", "BANGO", "GAKU"]).slice(0, 4).to_pylist()
    assert rows == [
        {"GYO": "0", "BANGO": "00000", "GAKU": None},
        {"GYO": "1", "BANGO": "00001", "GAKU": "-0.5"},
        {"GYO": "1", "BANGO": "00002", "GAKU": "0.5"},
        {"GYO": "2", "BANGO": "00002", "GAKU": "-1.0"},
    ]
    assert batch.records == batch.table.num_rows == 1 + sum(range(13))
    assert batch.table.column("__rec_no").to_pylist() == list(range(1, 80))
    assert write(batch.table, tmp_path, declaration) == content


def test_rows_that_are_not_as_many_as_their_record_says_are_set_aside(
    program: Programs, tmp_path: Path
) -> None:
    declaration = {**MEISAI_FORMAT, "rows": {"of": "MEISAI", "number": "GYO"}}
    table = read(written_by(program("meisaiwrite"), tmp_path), tmp_path, declaration).table

    written = cobol.write(
        pa.concat_tables([table.slice(0, 3), table.slice(4)]),
        declaration,
        tmp_path / "offered",
        feed="tax.kj",
    )

    assert written.records == 77
    assert written.rejects.select(["__rec_no", "code"]).to_pylist() == [{"__rec_no": 3, "code": "E_OCCURS"}]


@pytest.mark.parametrize("size", [1, 7, 60])
def test_the_size_of_a_block_changes_nothing(
    size: int, kj: bytes, program: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    details = written_by(program("meisaiwrite"), tmp_path)
    rows = {**MEISAI_FORMAT, "rows": {"of": "MEISAI", "number": "GYO"}}
    expected = [read(kj, tmp_path).table, read(details, tmp_path, rows).table]

    monkeypatch.setattr(fixed_records, "BLOCK", size)
    monkeypatch.setattr(import_module("renkei.formats.cobol.write"), "BLOCK", size)

    batch, table = read(kj, tmp_path), read(details, tmp_path, rows).table
    assert [batch.table, table] == expected
    assert write(batch.table, tmp_path, control=batch.control) == kj
    assert write(table, tmp_path, rows) == details


# files that are not whole -------------------------------------------------------------------------


def proves_that_no_cut_passes(module: Any, content: bytes, folder: Path) -> None:
    """Cut anywhere, the file is refused with a code, or the record that is cut is set aside."""
    place = folder / "delivery"
    for cut in range(0, len(content), 13):
        place.write_bytes(content[:cut])
        with pytest.raises(Stop) as caught:
            module.read(place, FORMAT, feed="tax.kj")
        assert caught.value.code in {
            "E_TRAILER_MISSING",
            "E_RECORD_LENGTH",
            "E_RECORD_KIND",
            "E_TRAILER_COUNT",
        }


def test_a_file_that_was_cut_anywhere_is_refused(kj: bytes, tmp_path: Path) -> None:
    proves_that_no_cut_passes(cobol, kj[: 168 * 7] + kj[-168:], tmp_path)


def proves_that_a_changed_record_is_noticed(module: Any, kj: bytes, folder: Path) -> None:
    """One digit more in an amount, and two amounts exchanged for others with one wrong sign."""
    place = folder / "delivery"
    changed = bytearray(kj)
    changed[168 + 168 * 9 + 54] ^= 0x10
    place.write_bytes(changed)
    with pytest.raises(Stop) as caught:
        module.read(place, FORMAT, feed="tax.kj")
    assert caught.value.code == "E_TRAILER_TOTAL"


def test_a_packed_amount_that_changed_breaks_the_total(kj: bytes, tmp_path: Path) -> None:
    proves_that_a_changed_record_is_noticed(cobol, kj, tmp_path)


def test_the_proof_catches_a_reader_that_trusts_its_sums(kj: bytes, tmp_path: Path) -> None:
    twin = without(
        tmp_path, "read.py", "        reader.sums.check(dict(control.trailer), feed=feed)\n".strip(), "pass"
    )

    with pytest.raises(pytest.fail.Exception):
        proves_that_a_changed_record_is_noticed(twin, kj, tmp_path)


def test_a_flipped_byte_never_changes_count_or_totals_silently(kj: bytes, tmp_path: Path) -> None:
    small = kj[:168] + kj[168 * 6 : 168 * 31] + kj[-168:]
    good = read(resummed(small, tmp_path), tmp_path)
    whole = (tmp_path / "delivery").read_bytes()
    place = tmp_path / "flipped"

    for at in range(168, 168 * 2):
        flipped = bytearray(whole)
        flipped[at] ^= 0x5A
        place.write_bytes(flipped)
        with suppress(Stop):
            batch = cobol.read(place, FORMAT, feed="tax.kj")
            assert batch.records == good.records
            assert batch.table.num_rows + batch.rejects.num_rows == good.records
            if not batch.rejects.num_rows:
                assert batch.table.column("KINGAKU").equals(good.table.column("KINGAKU"))


def resummed(content: bytes, folder: Path) -> bytes:
    """The records with a trailer of their own."""
    unproved = {**FORMAT, "totals": []}
    del unproved["count"]
    batch = read(content, folder, unproved)
    return write(batch.table, folder, control=batch.control)
