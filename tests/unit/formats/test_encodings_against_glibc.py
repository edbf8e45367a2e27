"""Every cell of every encoding against glibc, which shares no table with us."""

import subprocess
from collections.abc import Iterable, Mapping

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.formats.encoding_cases import codec_of
from tests.unit.formats.glibc import Iconv, pairs

from renkei.formats import encodings
from renkei.formats.encodings.charset import Charset

EUC = [
    *pairs(range(0xA1, 0xFF), range(0xA1, 0xFF)),
    *pairs(range(0x8E, 0x8F), range(0xA1, 0xFF)),
    *(b"\x8f" + pair for pair in pairs(range(0xA1, 0xFF), range(0xA1, 0xFF))),
]
CP932 = [
    *(bytes((byte,)) for byte in range(256)),
    *pairs(range(0x81, 0xA0), range(0x40, 0xFD)),
    *pairs(range(0xE0, 0xFD), range(0x40, 0xFD)),
]
HOST_SINGLES = [bytes((byte,)) for byte in range(256) if byte not in (0x0E, 0x0F)]
HOST_DOUBLES = [b"\x0e" + pair + b"\x0f" for pair in pairs(range(0x40, 0xFF), range(0x40, 0xFF))]
HOST = [*HOST_SINGLES, *HOST_DOUBLES]


def ours(charset: Charset, cells: list[bytes]) -> dict[bytes, str]:
    """What each cell is read as, in one block."""
    texts, faults = charset.decode_array(pa.array(cells, pa.binary()))
    rows = enumerate(texts.to_pylist())
    return {cells[row]: text for row, text in rows if row not in faults}


def glibcs(name: str, cells: Iterable[bytes]) -> dict[bytes, str]:
    read = Iconv(name, "UTF-8")
    return {cell: found.decode() for cell in cells if (found := read(cell)) is not None}


def differences(mine: Mapping[bytes, str], theirs: Mapping[bytes, str]) -> dict[str, tuple[str, ...]]:
    cells = sorted({cell for cell in {*mine, *theirs} if mine.get(cell) != theirs.get(cell)})
    return {cell.hex(): (str(mine.get(cell)), str(theirs.get(cell))) for cell in cells}


#: glibc writes \\ and ~ with the codes of ¥ and ‾, as which they read back; we write their own.
GLIBC_LOSES = {
    "ibm-930": {"\\": (b"\xb2", b"\x5b"), "~": (b"\xa0", b"\xa1")},
    "ibm-939": {"\\": (b"\xe0", b"\xb2"), "~": (b"\xa1", b"\xa0")},
}


@pytest.mark.parametrize(
    ("name", "glibc", "cells", "count"),
    [
        ("cp932", "CP932", CP932, 191 + 9_604),
        ("euc-jp", "EUC-JP", EUC, 13_009),
        ("euc-jp-ms", "EUC-JP-MS", EUC, 15_078),
        ("ibm-930", "IBM930", HOST, 226 + 11_635),
        ("ibm-939", "IBM939", HOST, 226 + 11_635),
    ],
)
def test_every_cell_is_read_as_glibc_reads_it(name: str, glibc: str, cells: list[bytes], count: int) -> None:
    mine = ours(encodings.charset(name), cells)

    assert differences(mine, glibcs(glibc, cells)) == {}
    assert len(mine) == count


@pytest.mark.parametrize(("name", "glibc"), [("ibm-1390", "IBM1390"), ("ibm-1399", "IBM1399")])
def test_the_newer_host_codes_differ_in_undefined_single_bytes_only(name: str, glibc: str) -> None:
    mine, theirs = ours(encodings.charset(name), HOST), glibcs(glibc, HOST)

    differing = differences(mine, theirs)

    # glibc reads 27 bytes that mean nothing as SUB; here their record is set aside
    assert {theirs_read for _, theirs_read in differing.values()} == {"\x1a"}
    assert {mine_read for mine_read, _ in differing.values()} == {"None"}
    assert (len(differing), len(mine)) == (27, 227 + 22_102)


@pytest.mark.parametrize(
    ("name", "glibc"),
    [
        ("cp932", "CP932"),
        ("euc-jp", "EUC-JP"),
        ("euc-jp-ms", "EUC-JP-MS"),
        ("ibm-930", "IBM930"),
        ("ibm-939", "IBM939"),
        ("ibm-1390", "IBM1390"),
        ("ibm-1399", "IBM1399"),
    ],
)
def test_every_character_is_written_as_glibc_writes_it(name: str, glibc: str) -> None:
    charset = encodings.charset(name)
    cells = {"cp932": CP932, "euc-jp": EUC, "euc-jp-ms": EUC}.get(name, HOST)
    texts = sorted(set(ours(charset, cells).values()))
    write = Iconv("UTF-8", glibc)

    raws, reasons = charset.encode_array(pa.array(texts))

    assert reasons == {}
    written = dict(zip(texts, raws.to_pylist(), strict=True))
    theirs = {text: write(text.encode()) for text in texts}
    differing = {text: (raw, theirs[text]) for text, raw in written.items() if raw != theirs[text]}
    assert differing == GLIBC_LOSES.get(name, {})
    assert {text: charset.encode(text) for text in texts} == written


def test_python_s_own_codecs_would_be_caught() -> None:
    plain = {cell: cell.decode("euc_jp") for cell in EUC if "\ufffd" not in cell.decode("euc_jp", "replace")}

    assert len(differences(plain, glibcs("EUC-JP-MS", EUC))) == 2_077
    assert Iconv("UTF-8", "CP932")("髙".encode()) == b"\xfb\xfc" != "髙".encode("cp932")


@pytest.mark.parametrize(("name", "mixed"), [("ibm-290", "IBM930"), ("ibm-1027", "IBM939")])
def test_the_single_bytes_alone_are_those_of_their_mixed_set(name: str, mixed: str) -> None:
    assert ours(encodings.charset(name), HOST_SINGLES) == glibcs(mixed, HOST_SINGLES)


TEXT = "髙橋　﨑子①㈱ｱｲｳABC～－∥"


@pytest.mark.parametrize(
    ("name", "glibc", "text"),
    [
        ("euc-jp", "EUC-JP", "高橋　崎子丂ｱｲｳABC〜−‖"),
        ("cp932", "CP932", TEXT),
        ("euc-jp-ms", "EUC-JP-MS", TEXT),
        ("ibm-1390", "IBM1390", TEXT + "か゚𠮟㐂"),
        ("ibm-1399", "IBM1399", TEXT + "か゚𠮟㐂"),
        ("ibm-930", "IBM930", "高橋　崎子ｱｲｳABC〜−‖"),
        ("ibm-939", "IBM939", "高橋　崎子ｱｲｳABCabc〜−‖"),
    ],
)
def test_a_file_of_another_program_comes_through_and_back(name: str, glibc: str, text: str) -> None:
    raw = iconv(glibc, text)
    codec = encodings.named(name)

    assert codec.decode(raw) == text
    assert codec.encode(text) == raw
    assert len(codec.losses) == 0


def test_cp51932_reads_nec_s_choice_as_icu_reads_it() -> None:
    from icu import UnicodeString

    cells = [*pairs(range(0xAD, 0xAE), range(0xA1, 0xFF)), *pairs(range(0xF9, 0xFD), range(0xA1, 0xFF))]
    mine = ours(encodings.charset("cp51932"), cells)
    theirs = {}
    for cell in cells:
        try:
            theirs[cell] = str(UnicodeString(cell, "euc-jp-2007"))
        except ValueError:
            continue

    assert {
        cell.hex(): (mine[cell], theirs.get(cell)) for cell in mine if mine[cell] != theirs.get(cell)
    } == {}
    assert encodings.named("cp51932").encode("髙①") == bytes.fromhex("fce2ada1")


ODD_BYTES = {
    "cp932": b"A\x40\x81\x9f\xa0\xb1\xe0\xfa\xfb\xfc\xfd\x80",
    "euc-jp-ms": b"A\x8e\x8f\xa1\xb1\xf4\xf5\xfb\xfe\xff",
    "ibm-1399": b"\xc1\x0e\x0f\x40\x45\x65\x41\xec\xb5",
    "ibm-930": b"\xc1\x0e\x0f\x40\x45\x65\x41\x69\x81",
}


@pytest.mark.parametrize(
    ("name", "glibc"),
    [("cp932", "CP932"), ("euc-jp-ms", "EUC-JP-MS"), ("ibm-1399", "IBM1399"), ("ibm-930", "IBM930")],
)
@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_a_text_of_odd_bytes_is_read_as_glibc_reads_it_or_refused(
    name: str, glibc: str, data: st.DataObject
) -> None:
    cells = data.draw(st.lists(st.lists(st.sampled_from(ODD_BYTES[name]), max_size=9).map(bytes), max_size=4))
    read = Iconv(glibc, "UTF-8")

    texts, faults = encodings.charset(name).decode_array(pa.array(cells, pa.binary()))

    theirs = [None if (found := read(cell)) is None else found.decode() for cell in cells]
    for row, (mine, other) in enumerate(zip(texts.to_pylist(), theirs, strict=True)):
        assert (mine is None) == (row in faults)
        if other is None or mine is not None:
            assert mine == other
        else:  # glibc takes a shift that leads nowhere, or is never left, without a word
            assert name.startswith("ibm-")
            assert b"\x0e" in cells[row] or b"\x0f" in cells[row] or "\x1a" in other


@pytest.mark.parametrize(
    ("name", "into", "out"),
    [("jef-sample", "28", "29"), ("keis-sample", "0a42", "0a41"), ("jips-sample", "1a70", "1a71")],
)
def test_kanji_of_another_program_come_through_a_table_and_back(name: str, into: str, out: str) -> None:
    """JEF and KEIS are EUC-JP with another space, JIPS(J) is ISO-2022-JP with other shift codes."""
    text = "山田　太郎、高橋ハナコ（東京都）"
    if name == "jips-sample":
        jis = iconv("ISO-2022-JP", text)
        raw = jis.replace(b"\x1b$B", bytes.fromhex(into)).replace(b"\x1b(B", bytes.fromhex(out))
    else:
        raw = (
            bytes.fromhex(into) + iconv("EUC-JP", text).replace(b"\xa1\xa1", b"\x40\x40") + bytes.fromhex(out)
        )
    codec = codec_of(name)

    assert codec.decode(raw) == text
    assert codec.encode(text) == raw
    assert len(codec.losses) == 0


def iconv(target: str, text: str) -> bytes:
    program = ["iconv", "-f", "UTF-8", "-t", target]
    return subprocess.run(program, input=text.encode(), capture_output=True, check=True).stdout
