"""Where items lie, with SYNC, OCCURS and REDEFINES: as GnuCOBOL itself lays out random copybooks."""

import random
import subprocess
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from tests.unit.formats.cobol.gnucobol import without

from renkei.formats.cobol import copybook
from renkei.formats.cobol.copybook import Reading, load
from renkei.formats.cobol.tree import Compiler

GNUCOBOL = Compiler(binary_size="1-2-4-8", sync="natural")

ELEMENTARY = (
    "PIC X({n}).", "PIC 9({n}).", "PIC S9({n}) COMP-3.", "PIC S9({n}) COMP.", "PIC S9({n}) COMP SYNC.",
    "PIC 9({n}) COMP-5 SYNC.", "PIC S9({n}) SIGN LEADING SEPARATE.", "COMP-2 SYNC.", "COMP-1 SYNC.",
    "PIC S9(2)V9({n}) PACKED-DECIMAL.", "PIC ZZ,ZZ9.99.",
)  # fmt: skip


class Copybook:
    """One random record and the names of its elementary items in their first occurrence."""

    def __init__(self, number: int) -> None:
        self.random = random.Random(number)
        self.prefix = f"R{number}"
        self.count = 0
        self.items: list[str] = []
        self.lines = [f"01 {self.prefix}.", *self.group(5, depth=0, subscripts="")]

    def group(self, level: int, *, depth: int, subscripts: str) -> Iterator[str]:
        last = ""
        rest = self.random.randint(2, 5)
        while rest:
            rest -= 1
            self.count += 1
            name = f"{self.prefix}-{self.count}"
            occurs = " OCCURS 3" if depth < 2 and self.random.random() < 0.25 else ""
            inside = subscripts + (" 1" if occurs else "")
            # GnuCOBOL 3.1.2 puts a redefinition that ends a group with slack bytes one place too far
            over = f" REDEFINES {last}" if last and rest and not occurs and self.random.random() < 0.3 else ""
            if depth < 2 and not over and self.random.random() < 0.4:
                yield f"{level:02} {name}{occurs}."
                yield from self.group(level + 5, depth=depth + 1, subscripts=inside)
                last = ""
            else:
                yield f"{level:02} {name}{over}{occurs} {self.elementary(over)}"
                self.items.append(f"{name} ({inside.strip()})" if inside else name)
                last = "" if over or occurs else name

    def elementary(self, over: str) -> str:
        """A redefinition is one byte, which is never larger than what it redefines."""
        if over:
            return "PIC X."
        return self.random.choice(ELEMENTARY).format(n=self.random.randint(1, 9))


COPYBOOKS = [Copybook(number) for number in range(40)]


def program() -> str:
    """For every item: a record of dots with a zero in that item."""
    lines = ["IDENTIFICATION DIVISION.", "PROGRAM-ID. PLACES.", "DATA DIVISION."]
    lines += ["WORKING-STORAGE SECTION.", *(line for each in COPYBOOKS for line in each.lines)]
    lines.append("PROCEDURE DIVISION.")
    for each in COPYBOOKS:
        for item in each.items:
            lines += [f'MOVE ALL "." TO {each.prefix}', f"MOVE 0 TO {item}"]
            lines += [f'DISPLAY "{item}=" {each.prefix} X"FEFD" WITH NO ADVANCING']
    return "\n".join([*lines, "STOP RUN.", ""])


@pytest.fixture(scope="session")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, int, int]]:
    """Item → its first byte, the byte after it, and the length of its record, as GnuCOBOL has them."""
    folder = tmp_path_factory.mktemp("places")
    (folder / "places.cob").write_text(program(), "utf-8")
    subprocess.run(
        ["cobc", "-x", "-w", "-free", "places.cob"], cwd=folder, check=True, capture_output=True, timeout=60
    )
    shown = subprocess.run(["./places"], cwd=folder, check=True, capture_output=True, timeout=60).stdout
    found = {}
    for part in shown.split(b"\xfe\xfd")[:-1]:
        name, _, record = part.partition(b"=")
        changed = [at for at, byte in enumerate(record) if byte != ord(".")]
        found[name.decode()] = (changed[0], changed[-1] + 1, len(record))
    return found


def refused(module: Any, place: Path, reading: Any) -> bool:
    """Slack bytes at the end of each occurrence are the one thing that compilers disagree about."""
    _, found = module.examine(place, reading)
    return any("slack bytes at the end of each occurrence" in fault.expected for fault in found)


def proves_the_same_places(module: Any, places: dict[str, tuple[int, int, int]], folder: Path) -> None:
    compared = 0
    for each in COPYBOOKS:
        place = folder / f"{each.prefix}.cpy"
        place.write_text("\n".join(each.lines) + "\n", "utf-8")
        reading = module.Reading(compiler=GNUCOBOL, form="free")
        if refused(module, place, reading):
            continue
        (record,) = module.load(place, reading)
        compared += 1
        for item in each.items:
            column = record.column(item.replace(" (", "(").replace(" ", ","))
            first, end, length = places[item]
            assert (record.bytes, column.at) == (length, first), item
            assert column.at + column.cell.bytes >= end > column.at, item
    assert compared > 15


def test_items_lie_where_gnucobol_puts_them(places: dict[str, tuple[int, int, int]], tmp_path: Path) -> None:
    assert len(places) > 200
    proves_the_same_places(copybook, places, tmp_path)


@pytest.mark.parametrize(
    ("guard", "nothing"),
    [
        ("    node.slack = -at % node.align\n", "    node.slack = 0\n"),
        ("        end = max(end, child.end)\n", "        end += child.bytes\n"),
    ],
)
def test_the_proof_catches_a_layout_without_slack(
    guard: str, nothing: str, places: dict[str, tuple[int, int, int]], tmp_path: Path
) -> None:
    twin = import_module(f"{without(tmp_path, 'tree.py', guard, nothing).__name__}.copybook")

    with pytest.raises(AssertionError):
        proves_the_same_places(twin, places, tmp_path)


def test_eight_byte_binaries_stand_on_four_on_ibm(tmp_path: Path) -> None:
    place = tmp_path / "test.cpy"
    place.write_text(
        "01 R.\n05 A PIC X(5).\n05 B PIC S9(18) COMP SYNC.\n05 C PIC X.\n05 D COMP-2 SYNC.\n", "utf-8"
    )

    (ibm,) = load(place, Reading())
    (natural,) = load(place, Reading(compiler=GNUCOBOL))

    assert [each.at for each in ibm.offered] == [0, 8, 16, 24]
    assert [each.at for each in natural.offered] == [0, 8, 16, 24]
    place.write_text("01 R.\n05 T OCCURS 2.\n10 A PIC S9(5) COMP SYNC.\n10 B PIC X.\n", "utf-8")
    assert [each.at for each in load(place, Reading())[0].offered] == [0, 4, 8, 12]
    place.write_text("01 R.\n05 A PIC X(9).\n05 B PIC S9(18) COMP SYNC.\n", "utf-8")
    assert load(place, Reading())[0].offered[1].at == 12
    assert load(place, Reading(compiler=GNUCOBOL))[0].offered[1].at == 16
