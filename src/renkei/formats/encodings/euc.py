"""EUC-JP as the machines of the nineties write it: eucJP-ms (UNIX), CP51932 (Windows), and plain.

Python's ``euc_jp`` is plain EUC-JP: it has no ①㈱髙﨑 and another look-alike of ～ and －. The tables here
are made from Python's own codecs and the rules below, and proved cell by cell against glibc's EUC-JP-MS.
"""

from collections.abc import Iterator
from functools import cache

from renkei.formats.encodings.code_table import CodeTable, with_lead
from renkei.formats.encodings.coded import Coded
from renkei.formats.encodings.units import euc

#: What eucJP-ms reads otherwise than plain EUC-JP: the look-alikes that CP932 knows.
_AS_WINDOWS = {
    0xA1C1: "～",
    0xA1C2: "∥",
    0xA1DD: "－",
    0xA1F1: "￠",
    0xA1F2: "￡",
    0xA2CC: "￢",
    0x1A2B7: "～",
    0x1A2C3: "￤",
}

#: Codes that are read, while their characters are written with another code.
_READ_ONLY = {
    *(0xADF0, 0xADF1, 0xADF2, 0xADF5, 0xADF6, 0xADF7, 0xADFA, 0xADFB, 0xADFC),
    *(0x1A2B7, 0x1A2F1),
    *range(0x1F3FD, 0x1F3FF),
    *range(0x1F4A1, 0x1F4A9),
    *range(0x1F4AB, 0x1F4AE),
}

#: IBM's extension in the third plane, 8FF3F3 to 8FF4FE, in order of its codes.
_IBM = (
    "ⅰⅱⅲⅳⅴⅵⅶⅷⅸⅹⅠⅡⅢⅣⅤⅥⅦⅧⅨⅩ＇＂㈱№℡炻仼僴凬匇匤﨎咊坙﨏塚增寬峵嵓"
    "﨑德悅愠敎昻晥晴朗栁﨓﨔橫櫢淸淲瀨凞猪甁皂皞益礰礼神祥福竧靖精綠緖羽荢﨟薰蘒﨡蠇"
    "諸譿賴赶﨣﨤逸郞都鄕﨧﨨閒隆﨩霻靍靑飯飼館馞髙魲鶴黑"
)

_TRAILS = range(0xA1, 0xFF)


@cache
def euc_jp_ms() -> Coded:
    """eucJP-ms: JIS X 0208, 0212 and half-width kana, NEC's row 13, IBM's extension, 1,880 外字."""
    meanings = {**_plain(), **_third_plane(), **_nec_row(), **_AS_WINDOWS, **_ibm()}
    private = dict(zip(_private_codes(), map(chr, range(0xE000, 0xE758)), strict=True))
    table = _table({**meanings, **private}, read_only=_READ_ONLY)
    raws = {char: _raw(code) for code, char in private.items()}
    return Coded(name="euc-jp-ms", table=table, split=euc, blank=b" ", wide_blank=b"\xa1\xa1", private=raws)


@cache
def euc_jp() -> Coded:
    """Plain EUC-JP, as XML means it: JIS X 0208, 0212 and half-width kana, no ①㈱髙﨑, no 外字."""
    table = _table({**_plain(), **_third_plane(), 0x1A2B7: "～"}, read_only=set())
    return Coded(name="euc-jp", table=table, split=euc, blank=b" ", wide_blank=b"\xa1\xa1")


@cache
def cp51932() -> Coded:
    """CP51932: JIS X 0208 and half-width kana, NEC's row 13 and NEC's choice of IBM's kanji; no 外字."""
    meanings = {**_plain(), **_nec_row(), **_nec_selected()}
    meanings |= {code: char for code, char in _AS_WINDOWS.items() if code in meanings}
    table = _table(meanings, read_only={*_READ_ONLY, 0xFCF9})
    return Coded(name="cp51932", table=table, split=euc, blank=b" ", wide_blank=b"\xa1\xa1")


def _table(meanings: dict[int, str], *, read_only: set[int]) -> CodeTable:
    written = {char: code for code, char in meanings.items() if code not in read_only}
    return CodeTable(meanings=meanings, written=written)


def _plain() -> dict[int, str]:
    """ASCII, half-width kana and JIS X 0208."""
    kana = {0x8E00 | trail: chr(0xFF61 + trail - 0xA1) for trail in range(0xA1, 0xE0)}
    return {code: chr(code) for code in range(0x80)} | kana | dict(_jis(b""))


def _third_plane() -> dict[int, str]:
    """JIS X 0212, behind 0x8F."""
    return {code | 0x10000: char for code, char in _jis(b"\x8f")}


def _jis(lead: bytes) -> Iterator[tuple[int, str]]:
    """Every pair of bytes that plain EUC-JP reads behind ``lead``."""
    for raw in (bytes((high, low)) for high in _TRAILS for low in _TRAILS):
        char = _decoded(lead + raw, "euc_jp")
        if char:
            yield int.from_bytes(raw), char


def _decoded(raw: bytes, codec: str) -> str:
    """The character, or nothing; ``ignore`` would go on reading in the middle of the code."""
    try:
        return raw.decode(codec)
    except UnicodeDecodeError:
        return ""


def _nec_row() -> dict[int, str]:
    """NEC's row 13 (①Ⅰ㍉㈱), which CP932 has at 0x8740."""
    return {0xAD00 | trail: char for trail, char in _cp932_row(13)}


def _nec_selected() -> dict[int, str]:
    """NEC's choice of IBM's kanji, rows 89 to 92, which CP932 has at 0xED40."""
    return {(0xA0 + row) << 8 | trail: char for row in range(89, 93) for trail, char in _cp932_row(row)}


def _cp932_row(row: int) -> Iterator[tuple[int, str]]:
    """EUC trail byte and character of each cell of a row of the 94×94 square."""
    for cell in range(1, 95):
        lead = (row - 1) // 2 + (0x81 if row <= 62 else 0xC1)
        trail = (0x9E + cell) if row % 2 == 0 else 0x3F + cell + (cell > 63)
        char = _decoded(bytes((lead, trail)), "cp932")
        if char:
            yield 0xA0 + cell, char


def _ibm() -> dict[int, str]:
    codes = [*range(0x1F3F3, 0x1F3FF), *range(0x1F4A1, 0x1F4FF)]
    return dict(zip(codes, _IBM, strict=True))


def _private_codes() -> Iterator[int]:
    """The 外字 areas in order: rows 85 to 94 of the first plane, then of the third."""
    for plane in (0, 0x10000):
        yield from (plane | lead << 8 | trail for lead in range(0xF5, 0xFF) for trail in _TRAILS)


def _raw(code: int) -> bytes:
    return with_lead(code).to_bytes(3 if code > 0xFFFF else 2, "big")
