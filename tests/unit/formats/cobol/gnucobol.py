"""Programs compiled by GnuCOBOL, which writes and reads the very files that the copybook describes."""

import importlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from renkei.formats import cobol as ours

HERE = Path(__file__).parent
KJ = HERE / "kj.cpy"
MEISAI = HERE / "meisai.cpy"

#: How GnuCOBOL on this machine stores what kj.cpy describes.
FORMAT: dict[str, Any] = {
    "kind": "cobol",
    "copybook": str(KJ),
    "encoding": "cp932",
    "sign": "ascii",
    "national": "dbcs",
    "national_pad": "blank",
    "native_order": sys.byteorder,
    "record": "KJ-REC",
    "header_record": "KJ-HEADER",
    "trailer_record": "KJ-TRAILER",
    "kind_item": "KUBUN",
    "header": "1",
    "data": "2",
    "trailer": "8",
    "count": "TR-KENSU",
    "as_of": "HD-SAKUSEI-YMD",
    "totals": [
        {"trailer": "TR-GOKEI", "of": "KINGAKU"},
        {"trailer": "TR-ZEI", "of": "ZEIGAKU"},
    ],
    "redefines": [
        {"item": "JUSHO-KOKUNAI", "when": {"field": "JUSHO-KBN", "equals": "1"}, "take": "JUSHO-KOKUNAI"},
        {"item": "JUSHO-KOKUNAI", "when": {"field": "JUSHO-KBN", "equals": "2"}, "take": "JUSHO-KOKUGAI"},
    ],
    "filler": "keep",
}

#: A record with a table at its end, each record behind its length.
MEISAI_FORMAT: dict[str, Any] = {
    "kind": "cobol",
    "copybook": str(MEISAI),
    "encoding": "cp932",
    "binary_size": "1-2-4-8",
    "sign": "ascii",
    "prefix": "varseq0",
    "record": "MEISAI-REC",
    "trailer_record": "MEISAI-END",
    "kind_item": "KUBUN",
    "data": "2",
    "trailer": "8",
    "count": "KENSU",
    "totals": [{"trailer": "GOKEI", "of": "GAKU"}],
}


def compile_program(name: str, folder: Path, *options: str) -> Path:
    """Compile ``name.cob`` with its copybooks; a machine without GnuCOBOL fails here, as it must."""
    target = folder / "-".join([name, *(re.sub(r"\W", "", each) for each in options)])
    command = ["cobc", "-x", "-w", *options, "-I", str(HERE), "-o", str(target), str(HERE / f"{name}.cob")]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return target


def run(program: Path, folder: Path, *arguments: str, **environment: str) -> bytes:
    """Run it in a folder; what it displays."""
    given = {**os.environ, **environment}
    done = subprocess.run(
        [str(program), *arguments], cwd=folder, env=given, check=True, capture_output=True, timeout=60
    )
    return done.stdout


def written_by(program: Path, folder: Path, *arguments: str, **environment: str) -> bytes:
    """The file that a program writes, whose name in its text is that of the only new file."""
    before = set(folder.iterdir())
    run(program, folder, *arguments, **environment)
    (made,) = set(folder.iterdir()) - before
    return made.read_bytes()


def iconv(text: bytes, to: str, *, source: str = "CP932") -> bytes:
    """Bytes as glibc converts them."""
    command = ["iconv", "-f", source, "-t", to]
    return subprocess.run(command, input=text, capture_output=True, check=True, timeout=60).stdout


def without(folder: Path, file: str, guard: str, nothing: str) -> ModuleType:
    """The reader and writer with a guard taken out: the known-bad twin."""
    name = f"twin_{abs(hash((file, guard, str(folder))))}"
    twin = folder / name
    shutil.copytree(Path(ours.__file__).parent, twin, ignore=shutil.ignore_patterns("__pycache__"))
    for place in twin.glob("*.py"):
        text = place.read_text("utf-8")
        if place.name == file:
            assert text.count(guard) == 1, f"{file} has no longer exactly one: {guard}"
            text = text.replace(guard, nothing)
        place.write_text(text.replace("renkei.formats.cobol", name), "utf-8")
    sys.path.insert(0, str(folder))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(folder))


# the same file on a mainframe ---------------------------------------------------------------------

#: The parts of kj.cpy that are characters, and the double bytes; what lies between is the same everywhere.
_CHARACTERS = ((0, 31), (51, 52), (64, 88), (108, 123), (136, 137), (140, 141), (144, 168))
_AT_HOME, _ABROAD = (123, 130), ((123, 126), (128, 130))
_WIDE = slice(31, 51)
HOST_FORMAT: dict[str, Any] = {
    **{key: value for key, value in FORMAT.items() if key not in {"sign", "national_pad"}},
    "encoding": "ibm-1399",
}


def on_host(content: bytes) -> bytes:
    """What kjwrite wrote with EBCDIC signs, its characters put into IBM-1399 by glibc."""
    records = [bytearray(content[at : at + 168]) for at in range(0, len(content), 168)]
    first, *data, last = records
    _convert(first, (0, 168))
    for record in data:
        address = _ABROAD if record[122:123] == b"2" else (_AT_HOME,)
        _convert(record, *_CHARACTERS, *address)
        wide = iconv(bytes(record[_WIDE]).rstrip(), "IBM1399").strip(b"\x0e\x0f")
        record[_WIDE] = wide.ljust(20, b"\x40")
    _convert(last, (0, 9), (17, 168))
    return b"".join(records)


def _convert(record: bytearray, *spans: tuple[int, int]) -> None:
    for start, end in spans:
        record[start:end] = iconv(bytes(record[start:end]), "IBM1399")
