"""Numbers to the bit: against a slow model of our own, over random pictures, values and damaged bytes."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.unit.formats.cobol.gnucobol import without

from renkei.formats import encodings
from renkei.formats.cobol import cells as module
from renkei.formats.cobol import numbers
from renkei.formats.cobol.cells import Storage
from renkei.formats.cobol.tree import Cell, binary_bytes

CODEC = encodings.named("cp932")
KINDS = ("packed", "zoned", "binary", "native")


def storage(sign: Any = "ascii", **changes: Any) -> Storage:
    zones = numbers.zones(sign, digits=b"0123456789", separate=b"+-")
    return replace(Storage(codec=CODEC, national=CODEC.national, zones=zones), **changes)


@dataclass(frozen=True)
class Case:
    """One item and values that it can hold, as whole numbers of its last digit."""

    cell: Cell
    values: tuple[int, ...]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    kind = draw(st.sampled_from(KINDS))
    digits = draw(st.integers(1, 31 if kind in {"packed", "zoned"} else 18))
    scale = draw(st.integers(-4, digits + 3))
    signed = draw(st.booleans())
    separate = kind == "zoned" and signed and draw(st.booleans())
    leading = kind == "zoned" and signed and draw(st.booleans())
    size = {"packed": digits // 2 + 1, "zoned": digits + separate}.get(kind) or binary_bytes(digits, "2-4-8")
    cell = Cell(
        kind=kind, bytes=size, digits=digits, scale=scale, is_signed=signed,
        is_sign_leading=leading, is_sign_separate=separate,
    )  # fmt: skip
    most = 10**digits - 1
    values = draw(st.lists(st.integers(-most if signed else 0, most), min_size=1, max_size=8))
    return Case(cell, (*values, 0, most))


def text_of(value: int, cell: Cell) -> str:
    """The slow model: what an item of this value reads as."""
    sign = "-" if value < 0 else ""
    digits = str(abs(value)) if cell.is_signed else str(value).zfill(cell.digits)
    if cell.scale <= 0:
        digits += "0" * -cell.scale
        return sign + (digits.lstrip("0") or "0" if cell.is_signed else digits)
    digits = digits.zfill(cell.scale + 1)
    return f"{sign}{digits[: -cell.scale]}.{digits[-cell.scale :]}"


def bytes_of(value: int, cell: Cell) -> bytes:
    """The slow model: the bytes of one value in ASCII with GnuCOBOL's signs."""
    if cell.kind in {"binary", "native"}:
        return value.to_bytes(cell.bytes, "big", signed=cell.is_signed)
    digits = str(abs(value)).zfill(cell.digits)
    if cell.kind == "packed":
        sign = ("d" if value < 0 else "c") if cell.is_signed else "f"
        return bytes.fromhex((digits + sign).zfill(2 * cell.bytes))
    sign = "-" if value < 0 else "+"
    if cell.is_sign_separate:
        return (sign + digits if cell.is_sign_leading else digits + sign).encode()
    raw = bytearray(digits.encode())
    if value < 0:
        raw[0 if cell.is_sign_leading else -1] += 0x40
    return bytes(raw)


def block(raws: list[bytes]) -> Any:
    return np.frombuffer(b"".join(raws), dtype=np.uint8).reshape(len(raws), -1)


@settings(max_examples=300, deadline=None)
@given(case=cases())
@example(case=Case(Cell(kind="native", bytes=8, digits=18, is_signed=True), (-(2**63), 2**63 - 1)))
@example(case=Case(Cell(kind="native", bytes=8, digits=18), (2**64 - 1, 0)))
def test_every_number_reads_as_the_model_says_and_writes_back_to_its_bytes(case: Case) -> None:
    raws = [bytes_of(value, case.cell) for value in case.values]

    texts, bad = module.read_cells(block(raws), case.cell, storage(), first=1)
    cells, why = module.write_cells(texts, case.cell, storage(), first=1)

    assert texts.to_pylist() == [text_of(value, case.cell) for value in case.values]
    assert (bad, why) == ({}, {})
    assert [row.tobytes() for row in cells] == raws


@settings(max_examples=200, deadline=None)
@given(case=cases(), places=st.integers(0, 6), data=st.data())
def test_a_value_that_does_not_fit_is_refused_and_never_cut(
    case: Case, places: int, data: st.DataObject
) -> None:
    cell = replace(case.cell, kind="packed", bytes=case.cell.digits // 2 + 1)
    number = data.draw(st.decimals(-(10**8), 10**8, places=places, allow_nan=False))
    units = number.scaleb(cell.scale)
    fits = units == int(units) and abs(units) < 10**cell.digits and (cell.is_signed or not number.is_signed())

    cells, why = module.write_cells(pa.array([f"{number:f}"]), cell, storage(), first=1)

    assert (not why) == fits
    if fits:
        texts, _ = module.read_cells(cells, cell, storage(), first=1)
        assert Decimal(texts[0].as_py()) == number


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "E_NUMBER empty"), (None, "E_NUMBER empty"), ("x", "E_NUMBER"), ("1.", "E_NUMBER"), (".5", "E_NUMBER"),
        ("-", "E_NUMBER"), ("1e2", "E_NUMBER"), ("１２", "E_NUMBER"), (" 1", "E_NUMBER"), ("--1", "E_NUMBER"),
        ("1000", "E_OVERFLOW"), ("1.005", "E_OVERFLOW"), ("9" * 80, "E_OVERFLOW"), ("1.-5", "E_NUMBER"),
    ],
)  # fmt: skip
def test_what_is_no_number_of_the_picture_is_refused(text: str | None, code: str) -> None:
    for cell in (
        Cell(kind="packed", bytes=3, digits=5, scale=2, is_signed=True),
        Cell(kind="zoned", bytes=5, digits=5, scale=2, is_signed=True),
        Cell(kind="binary", bytes=4, digits=5, scale=2, is_signed=True),
    ):
        _, why = module.write_cells(pa.array([text, "-1.50"], pa.string()), cell, storage(), first=1)
        assert why == {0: code}


def test_numbers_written_otherwise_than_their_picture_fit_exactly_or_not_at_all() -> None:
    cell = Cell(kind="packed", bytes=3, digits=5, scale=2, is_signed=True)
    given = ["1", "+1.5", "-001.50", "12.500", "-0", "0.0", "999.99", "000000000012.30"]

    cells, why = module.write_cells(pa.array(given), cell, storage(), first=1)

    assert why == {}
    texts, _ = module.read_cells(cells, cell, storage(), first=1)
    assert texts.to_pylist() == ["1.00", "1.50", "-1.50", "12.50", "-0.00", "0.00", "999.99", "12.30"]


# signs --------------------------------------------------------------------------------------------

SIGNS = {
    "ascii": (b"12p12q12r", b"120121122"),
    "overpunch": (b"12}12J12K", b"12{12A12B"),
}


@pytest.mark.parametrize("sign", SIGNS)
def test_zoned_signs_by_convention(sign: str) -> None:
    cell = Cell(kind="zoned", bytes=3, digits=3, is_signed=True)
    minus, plus = (block([raw[at : at + 3] for at in (0, 3, 6)]) for raw in SIGNS[sign])

    assert module.read_cells(minus, cell, storage(sign), first=1)[0].to_pylist() == ["-120", "-121", "-122"]
    assert module.read_cells(plus, cell, storage(sign), first=1)[0].to_pylist() == ["120", "121", "122"]


def test_a_convention_may_be_declared_by_its_zones() -> None:
    cell = Cell(kind="zoned", bytes=2, digits=2, is_signed=True)
    table = storage({"plus": "4", "minus": "5"})

    texts, bad = module.read_cells(block([b"1\x42", b"1\x52"]), cell, table, first=1)

    assert (texts.to_pylist(), bad) == (["12", "-12"], {})
    assert module.read_cells(block([b"12"]), cell, table, first=1)[1] == {0: ("E_NUMBER", 1)}


@pytest.mark.parametrize("nibble", range(16))
def test_odd_signs_of_packed_numbers_are_read_only_where_declared_and_then_reported(nibble: int) -> None:
    for is_signed, usual in ((True, {0xC, 0xD}), (False, {0xF})):
        cell = Cell(kind="packed", bytes=2, digits=3, is_signed=is_signed)
        raw = block([bytes([0x12, 0x30 | nibble])])
        taken = (0xA, 0xB, 0xC, 0xD, 0xE, 0xF) if is_signed else (0xA, 0xC, 0xE, 0xF)
        tolerant = storage(is_tolerant=True)

        assert bool(module.read_cells(raw, cell, storage(), first=7)[1]) == (nibble not in usual)
        assert bool(module.read_cells(raw, cell, tolerant, first=7)[1]) == (nibble not in taken)
        losses = tolerant.losses.table().to_pylist()
        is_odd = nibble in taken and nibble not in usual
        assert [(each["code"], each["records"]) for each in losses] == [(f"{nibble:02X}", [7])] * is_odd


def test_blanks_in_a_number_are_refused_or_nothing_as_declared() -> None:
    for kind, size in (("zoned", 3), ("packed", 2)):
        cell = Cell(kind=kind, bytes=size, digits=3, is_signed=True)
        blank = block([b" " * size, bytes_of(5, cell)])
        strict, lenient = storage(), storage(blank_is_null=True)

        assert module.read_cells(blank, cell, strict, first=1)[1][0][0] == "E_NUMBER"
        texts, bad = module.read_cells(blank, cell, lenient, first=1)
        assert (texts.to_pylist(), bad) == ([None, "5"], {})
        cells, why = module.write_cells(texts, cell, lenient, first=1)
        assert (cells.tobytes(), why) == (blank.tobytes(), {})


def test_a_binary_number_beyond_its_picture_is_refused_unless_declared() -> None:
    cell = Cell(kind="binary", bytes=2, digits=4, is_signed=True)
    raw = block([(12345).to_bytes(2, "big")])

    assert module.read_cells(raw, cell, storage(), first=1)[1] == {0: ("E_NUMBER", 0)}
    texts, bad = module.read_cells(raw, cell, storage(is_truncated=False), first=1)
    assert (texts.to_pylist(), bad) == (["12345"], {})


# damage -------------------------------------------------------------------------------------------


def proves_that_damage_is_valid_or_refused(read: Callable[..., Any]) -> None:
    """Every byte of a packed number exchanged for every other: another number, or a fault at its byte."""
    for digits in (4, 5):
        cell = Cell(kind="packed", bytes=3, digits=digits, is_signed=True)
        for at in range(3):
            raws = [
                bytes.fromhex("01234c")[:at] + bytes([byte]) + bytes.fromhex("01234c")[at + 1 :]
                for byte in range(256)
            ]
            texts, bad = read(block(raws), cell, storage(), first=1)
            for row, raw in enumerate(raws):
                figures = raw.hex()
                is_number = (
                    figures[:-1].isdigit() and figures[-1] in "cd" and (digits == 5 or figures[0] == "0")
                )
                assert (row not in bad) == is_number
                if is_number:
                    assert int(texts[row].as_py()) == int(figures[:-1]) * (-1 if figures[-1] == "d" else 1)
                else:
                    assert bad[row] == ("E_NUMBER", at)


def test_damage_is_another_number_or_a_fault_at_its_byte() -> None:
    proves_that_damage_is_valid_or_refused(module.read_cells)


@pytest.mark.parametrize(
    ("guard", "nothing"),
    [
        ("np.where(table.wrong[signs], ", "np.where(table.wrong[signs] & False, "),
        (
            "if digits.size and digits.max() > 9:\n        bad_at = _first_bad(digits > 9, bad_at, each=2)",
            "if False:\n        pass",
        ),
        ("if not places % 2 and digits[:, 0].any():", "if False:"),
    ],
)
def test_the_proof_catches_a_reader_that_takes_any_half_byte(
    guard: str, nothing: str, tmp_path: Path
) -> None:
    twin = without(tmp_path, "numbers.py", guard, nothing)

    with pytest.raises((AssertionError, ValueError)):
        proves_that_damage_is_valid_or_refused(import_module(f"{twin.__name__}.cells").read_cells)


def test_the_blocks_of_a_column_do_not_touch_each_other() -> None:
    cell = Cell(kind="zoned", bytes=6, digits=6, scale=1, is_signed=True)
    values = list(range(-999999, 999999, 4999))
    raws = [bytes_of(value, cell) for value in values]

    texts, _ = module.read_cells(block(raws), cell, storage(), first=1)

    assert all(Decimal(b) - Decimal(a) == Decimal("499.9") for a, b in pairwise(texts.to_pylist()))
