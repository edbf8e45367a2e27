"""COBOL files: totals to the last digit, and a trailer that says anything else than a number is refused."""

from pathlib import Path
from typing import Any

import pytest
from tests.unit.formats.twins import twin

from renkei import formats
from renkei.errors import Stop
from renkei.formats.cobol import totals
from renkei.model import Batch

COPYBOOK = """
       01 HEAD.
           05 KBN PIC X.
           05 FILLER PIC X({rest}).
       01 MEISAI.
           05 KBN PIC X.
           05 KINGAKU PIC {amount}.
       01 TRL.
           05 KBN PIC X.
           05 GOKEI PIC {total}.
"""
FORM: dict[str, Any] = {
    "kind": "cobol", "encoding": "ascii", "sign": "ascii", "kind_item": "KBN",
    "record": "MEISAI", "header_record": "HEAD", "trailer_record": "TRL",
    "header": "1", "data": "2", "trailer": "8", "totals": [{"trailer": "GOKEI", "of": "KINGAKU"}],
}  # fmt: skip


def read(folder: Path, *amounts: bytes, stated: bytes, amount: str, total: str, **changes: Any) -> Batch:
    size = 40  # room for every total here
    (folder / "k.cpy").write_text(COPYBOOK.format(rest=size, amount=amount, total=total))
    lines = [b"1", *(b"2" + each for each in amounts), b"8" + stated]
    (folder / "k.dat").write_bytes(b"".join(line.ljust(size + 1) for line in lines))
    form = {**FORM, "copybook": str(folder / "k.cpy"), **changes}
    return formats.read(folder / "k.dat", form, feed="tax.test")


@pytest.mark.parametrize("digits", [18, 29, 30, 36])
@pytest.mark.parametrize("scale", [0, 2])
def test_a_total_is_exact_to_its_last_digit(digits: int, scale: int, tmp_path: Path) -> None:
    amount = int("123456789" * 5) % 10**digits
    pictures = {"amount": f"9({digits - scale})V9({scale})" if scale else f"9({digits})"}
    pictures["total"] = f"9({38 - scale})V9({scale})" if scale else "9(38)"
    cells = [b"%0*d" % (digits, amount)] * 3

    assert read(tmp_path, *cells, stated=b"%038d" % (3 * amount), **pictures).records == 3
    with pytest.raises(Stop) as caught:
        read(tmp_path, *cells, stated=b"%038d" % (3 * amount + 1), **pictures)
    assert caught.value.code == "E_TRAILER_TOTAL"


@pytest.mark.parametrize(
    ("total", "stated", "quoted"),
    [
        ("X(12)", "山田太郎".encode("cp932"), "—"),
        ("X(12)", b"", "—"),
        ("X(12)", b"30O", "—"),
        ("9(5)", b"", "—"),
        ("9(3)V99", b"00050", "000.50"),
        ("X(12)", b"31", "31"),
    ],
)
def test_a_stated_total_that_is_not_the_sum_stops_the_file_and_only_figures_are_quoted(
    total: str, stated: bytes, quoted: str, tmp_path: Path
) -> None:
    form = {"amount": "9(5)", "total": total, "encoding": "cp932", "blank": "null"}

    with pytest.raises(Stop) as caught:
        read(tmp_path, b"00010", b"00020", stated=stated, **form)

    assert (caught.value.code, caught.value.facts["stated"]) == ("E_TRAILER_TOTAL", quoted)


@pytest.mark.parametrize(("total", "stated"), [("X(12)", b"30"), ("X(5)", b"   30"), ("9(3)V99", b"03000")])
def test_a_stated_total_may_be_written_otherwise_than_its_items(
    total: str, stated: bytes, tmp_path: Path
) -> None:
    assert read(tmp_path, b"00010", b"00020", stated=stated, amount="9(5)", total=total).records == 2


def test_a_stated_count_that_is_no_number_is_not_quoted(tmp_path: Path) -> None:
    form = {"amount": "9(5)", "total": "X(12)", "encoding": "cp932", "count": "GOKEI", "totals": []}

    with pytest.raises(Stop) as caught:
        read(tmp_path, b"00010", stated="山田太郎".encode("cp932"), **form)

    assert (caught.value.code, caught.value.facts["stated"]) == ("E_TRAILER_COUNT", "—")


def test_a_total_that_is_rounded_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    twin(monkeypatch, totals, ("total.scaleb(scale, _EXACT)", "total.scaleb(scale)"))

    with pytest.raises((Stop, pytest.fail.Exception)):
        test_a_total_is_exact_to_its_last_digit(30, 2, tmp_path)
