"""Text ↔ bytes for every encoding that a city's systems write. Nothing is ever replaced silently.

``of(declaration)`` makes the :class:`Codec` of one file. What cannot be decoded or encoded is reported
with its place; what was converted (外字, look-alikes, 縮退) stands in ``codec.losses``.
"""

import difflib
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

from renkei.errors import FixDeclaration
from renkei.formats.encodings import euc, gaiji_file, host, plain, shift_table
from renkei.formats.encodings.charset import Charset
from renkei.formats.encodings.codec import PADDING, Codec
from renkei.formats.encodings.gaiji import Gaiji

__all__ = ["PADDING", "SHAPE", "Charset", "Codec", "charset", "named", "of", "problems"]

_SETS: Mapping[str, Callable[[], Charset]] = {
    "ascii": plain.ascii_set,
    "cp932": plain.cp932_set,
    "cp51932": euc.cp51932,
    "euc-jp": euc.euc_jp,
    "euc-jp-ms": euc.euc_jp_ms,
    "utf-8": plain.utf8_set,
    **{name: partial(host.charset, name) for name in (*host.MIXED, *host.SINGLE, *host.DOUBLE)},
}

#: What a format may declare of its encoding, for the JSON Schema of each kind of format.
SHAPE: Mapping[str, Any] = {
    "encoding": {"type": "string"},
    "table": {"type": "string"},
    "table_sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
    "gaiji": {"type": "string"},
    "substitute": {"type": "string"},
}

Problem = tuple[tuple[str | int, ...], str, str]


def of(declaration: Mapping[str, Any]) -> Codec:
    """The codec that a format declares by ``encoding``, ``table``, ``gaiji`` and ``substitute``."""
    codec, found = _codec(declaration, Path())
    if codec is None:
        texts = [
            f"{'.'.join(map(str, place))}: expected {wanted}, found {what}" for place, wanted, what in found
        ]
        raise FixDeclaration("E_DECLARATION", problems="\n".join(texts))
    return codec


def problems(declaration: Mapping[str, Any], folder: Path = Path()) -> Iterator[Problem]:
    """Place, expected and found of everything that ``of`` would refuse; files are sought in ``folder``."""
    yield from _codec(declaration, folder)[1]


def named(name: str) -> Codec:
    """The codec of an encoding without any table of a city."""
    return of({"encoding": name})


@cache
def charset(name: str) -> Charset:
    """The character set of this name, built once."""
    return _SETS[name]()


def _codec(declaration: Mapping[str, Any], folder: Path) -> tuple[Codec | None, list[Problem]]:
    name = declaration.get("encoding", "cp932")
    chosen, found = _charset(name, declaration, folder)
    if chosen is None:
        return None, found
    gaiji, substitutes = Gaiji(), dict[str, str]()
    if "gaiji" in declaration:
        gaiji, wrong = gaiji_file.read(folder / declaration["gaiji"], chosen)
        found += _told("gaiji", wrong)
    if "substitute" in declaration:
        substitutes, wrong = gaiji_file.read_substitutes(folder / declaration["substitute"], chosen)
        found += _told("substitute", wrong)
    return (None if found else Codec(chosen, gaiji=gaiji, substitutes=substitutes)), found


def _charset(name: str, declaration: Mapping[str, Any], folder: Path) -> tuple[Charset | None, list[Problem]]:
    if "table" in declaration:
        return _from_table(name, declaration, folder)
    if name in _SETS:
        return charset(name), []
    near = difflib.get_close_matches(name, _SETS, n=1, cutoff=0.4)
    wanted = f"{', '.join(sorted(_SETS))}, or a table" + (f" (nearest: {near[0]})" if near else "")
    return None, [(("encoding",), wanted, name)]


def _from_table(
    name: str, declaration: Mapping[str, Any], folder: Path
) -> tuple[Charset | None, list[Problem]]:
    sha256 = declaration.get("table_sha256", "")
    chosen, wrong = shift_table.read(folder / declaration["table"], sha256=sha256)
    if chosen and (chosen.name != name or name in _SETS):
        return None, [(("encoding",), f"{chosen.name}, the name of its table", name)]
    return chosen, _told("table", wrong)


def _told(key: str, wrong: list[str]) -> list[Problem]:
    return [((key,), problem, "otherwise") for problem in wrong]
