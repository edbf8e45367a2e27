"""A city's tables for one system: what its 外字 are, and what is written where a code is missing (縮退)."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from renkei.formats.encodings.charset import Charset, has_codes
from renkei.formats.encodings.gaiji import FOLLOWER, PRIVATE, Gaiji, Glyph

_TABLE_KEYS = {"system", "encoding", "unmapped", "glyph"}
_GLYPH_KEYS = {"code", "text", "mj", "note", "date", "one_way"}
_SYSTEM = re.compile("[A-Za-z0-9_.-]+")
_MEANINGLESS = re.compile(f"\\0|\ufffd|{PRIVATE.pattern}")
_MJ = re.compile("MJ[0-9]{6}")


def read(path: Path, charset: Charset) -> tuple[Gaiji, list[str]]:
    """The 外字 table of a file, and what is wrong with it."""
    declared, problems = _toml(path)
    problems = problems or [f"{path.name}: {problem}" for problem in _problems(declared, charset)]
    if problems:
        return Gaiji(), problems
    glyphs = [_glyph(row) for row in declared.get("glyph", ()) if row.get("text")]
    return Gaiji(
        system=declared["system"],
        unmapped=declared.get("unmapped", "reject"),
        glyphs={glyph.code: glyph for glyph in glyphs},
    ), []


def read_substitutes(path: Path, charset: Charset) -> tuple[dict[str, str], list[str]]:
    """What is written for characters that the encoding has no code for, and what is wrong with the file."""
    declared, problems = _toml(path)
    table = declared.get("substitute")
    if not problems and (set(declared) != {"substitute"} or not isinstance(table, dict)):
        problems = [f"{path.name}: one table [substitute] and nothing else"]
    found = {} if problems or not isinstance(table, dict) else table
    problems += [
        f"{path.name}: {character!r}: one text or more that {charset.name} has codes for, found {text!r}"
        for character, text in found.items()
        if not character or not isinstance(text, str) or not text or not _has_codes(charset, text)
    ]
    return found, problems


def _toml(path: Path) -> tuple[dict[str, Any], list[str]]:
    try:
        return tomllib.loads(path.read_text("utf-8")), []
    except OSError:
        return {}, [f"{path.name} is not a file that can be read"]
    except ValueError as error:
        return {}, [f"{path.name}: TOML in UTF-8 ({error})"]


def _problems(declared: Mapping[str, Any], charset: Charset) -> Iterator[str]:
    for key in sorted(set(declared) - _TABLE_KEYS):
        yield f"{key}: one of {', '.join(sorted(_TABLE_KEYS))}"
    if not _SYSTEM.fullmatch(str(declared.get("system", ""))):
        yield "system: the name of the system whose 外字 these are"
    if declared.get("encoding") != charset.name:
        yield f"encoding: {charset.name}, as the format declares, found {declared.get('encoding')!r}"
    if declared.get("unmapped", "reject") not in {"reject", "keep"}:
        yield "unmapped: reject or keep"
    yield from _glyphs_problems(declared.get("glyph", []), charset)


def _glyphs_problems(rows: Any, charset: Charset) -> Iterator[str]:  # noqa: ANN401 (TOML as it was found)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        yield "glyph: tables [[glyph]]"
        return
    codes: set[str] = set()
    texts: set[str] = set()
    for number, row in enumerate(rows, start=1):
        code, text = str(row.get("code", "")).upper(), row.get("text", "")
        yield from (f"glyph {number} ({code}): {problem}" for problem in _glyph_problems(row, charset))
        if code in codes:
            yield f"glyph {number} ({code}): each code once"
        if text and text in texts and not row.get("one_way"):
            yield f"glyph {number} ({code}): {text!r} is written as another code; set one_way = true"
        codes.add(code)
        texts |= set() if row.get("one_way") else {text}


def _glyph_problems(row: Mapping[str, Any], charset: Charset) -> Iterator[str]:
    for key in sorted(set(row) - _GLYPH_KEYS):
        yield f"{key}: one of {', '.join(sorted(_GLYPH_KEYS))}"
    if charset.char_of(str(row.get("code", "")).upper()) is None:
        yield f"code: a 外字 code of {charset.name} in hex"
    text = row.get("text", "")
    if not isinstance(text, str) or FOLLOWER.match(text) or _MEANINGLESS.search(text):
        yield "text: characters with a meaning of their own, no private use"
    elif text and _has_codes(charset, text) and not row.get("one_way"):
        yield f"text: {text!r} has a code of its own and is written so; set one_way = true"
    if "mj" in row and not _MJ.fullmatch(str(row["mj"])):
        yield "mj: MJ and six digits"
    if "date" in row and not isinstance(row["date"], date):
        yield "date: a day, such as 2026-04-01"


def _has_codes(charset: Charset, text: str) -> bool:
    """True when the text is written without any table; a private-use character never is."""
    return not PRIVATE.search(text) and has_codes(charset, text)


def _glyph(row: Mapping[str, Any]) -> Glyph:
    known = {key: row[key] for key in ("text", "mj", "note", "one_way") if key in row}
    return Glyph(code=row["code"].upper(), date=str(row.get("date", "")), **known)
