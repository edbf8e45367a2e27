"""Copybook text as it lies on disks: fixed or free format, CP932, UTF-8 or EUC-JP, comments, continuations.

Fixed format counts columns as a mainframe terminal does, two for a full-width character: 1 to 6 are the
sequence area, 7 the indicator, 8 to 72 the text; what stands after 72 is an identification and no COBOL.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from renkei.formats.cobol.faults import Faults
from renkei.formats.encodings import cp932

#: A sentence: the tokens up to a period. Literals keep their quotes.
Sentence = tuple["Token", ...]

_TEXT_WIDTH = 65
_INDICATORS = {"", " ", "*", "/", "-", "$", "D"}
_DIRECTIVE = re.compile(r"\s*(>>|\$)\s*(?P<words>.*)", re.DOTALL)
_LISTING = re.compile(r"\s*(EJECT|SKIP[123]|TITLE\b.*)\s*\.?\s*$", re.IGNORECASE)
_TOKEN = re.compile(
    r"""
    (?P<literal>[A-Za-z]{0,2}(?:'(?:[^']|'')*'|"(?:[^"]|"")*"))
    | (?P<pseudo>==.*?==)
    | (?P<open>['"].*)
    | (?P<separator>[.,;](?=\s|$))
    | (?P<word>(?:[^\s'".,;=]|[.,;](?!\s|$)|=(?!=))+)
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, kw_only=True)
class Token:
    """One word, picture string, literal or pseudo-text, and its line."""

    text: str
    line: int

    @property
    def word(self) -> str:
        """As COBOL compares words: without regard to case."""
        return self.text.upper()


@dataclass(frozen=True, kw_only=True)
class _Line:
    number: int
    text: str


def sentences(
    raw: bytes,
    faults: Faults,
    *,
    encoding: str | None = None,
    form: str | None = None,
    replacing: Mapping[str, str] | None = None,
) -> list[Sentence]:
    """Every sentence of a copybook. What cannot be read stands in ``faults``; the rest is still given."""
    text = _text(raw, encoding, faults)
    for given, by in (replacing or {}).items():
        text = text.replace(given, by)
    lines = [line.expandtabs(8) for line in text.splitlines()]
    is_free = form == "free" or (form is None and _looks_free(lines))
    logical = _free(lines, faults) if is_free else _fixed(lines, faults)
    return list(_sentences(_tokens(logical, faults), faults))


def read_source(path: Path, faults: Faults) -> bytes:
    """The copybook's bytes; a file that is not there is a fault like any other."""
    try:
        return path.read_bytes()
    except OSError:
        faults.add(0, expected="a copybook of the project", found="no file that can be read")
        return b""


def _text(raw: bytes, encoding: str | None, faults: Faults) -> str:
    """Decode strictly; where nothing is declared, only if one reading is possible."""
    if encoding is not None:
        return _decoded(raw, encoding, faults)
    if (text := _attempt(raw, "utf-8-sig")) is not None:
        return text
    readings = {name: _attempt(raw, name) for name in ("cp932", "euc_jp")}
    possible = {name: text for name, text in readings.items() if text is not None}
    if len(possible) != 1:
        found = "neither UTF-8, CP932 nor EUC-JP" if not possible else "both CP932 and EUC-JP would read it"
        faults.add(0, expected="copybook_encoding to be declared", found=found)
    return next(iter(possible.values()), "")


def _decoded(raw: bytes, encoding: str, faults: Faults) -> str:
    text = _attempt(raw, {"utf-8": "utf-8-sig", "euc-jp": "euc_jp"}.get(encoding, encoding))
    if text is None:
        faults.add(0, expected=f"text in {encoding}", found="bytes that it does not define")
    return text or ""


def _attempt(raw: bytes, encoding: str) -> str | None:
    try:
        return cp932.decode(raw) if encoding == "cp932" else raw.decode(encoding)
    except UnicodeDecodeError:
        return None


# columns ------------------------------------------------------------------------------------------


def _cut(line: str, *edges: int) -> list[str]:
    """The line in pieces at display columns; a full-width character takes two."""
    if line.isascii():
        return [line[start:end] for start, end in pairwise((0, *edges, len(line) + max(edges)))]
    pieces, column, ends = [""], 0, list(edges)
    for character in line:
        while ends and column >= ends[0]:
            pieces.append("")
            ends.pop(0)
        pieces[-1] += character
        column += _width(character)
    return [*pieces, *[""] * len(ends)]


@cache
def _width(character: str) -> int:
    return 2 if unicodedata.east_asian_width(character) in "WFA" and ord(character) > 0xFF else 1


def _looks_free(lines: Sequence[str]) -> bool:
    """Free when some line cannot be fixed: text in the sequence area or in the indicator column."""
    declared = [line for line in lines if "SOURCE" in line.upper() and _DIRECTIVE.match(line[6:] or line)]
    if declared:
        return "FREE" in declared[0].upper()
    return any(not _may_be_fixed(line) for line in lines if line.strip())


def _may_be_fixed(line: str) -> bool:
    """Numbers or a tag in front, an indicator, and no level number that starts before column 8."""
    sequence, indicator, text, _ = _cut(line, 6, 7, 72)
    mark = sequence.strip()
    if "*" in mark or " " in mark or indicator.upper() not in _INDICATORS:
        return False
    is_level = mark.isdigit() and len(mark) <= 2
    return not (is_level and text.strip() and not text.lstrip()[0].isdigit())


def _fixed(lines: Sequence[str], faults: Faults) -> list[_Line]:
    made: list[_Line] = []
    for number, line in enumerate(lines, 1):
        _, indicator, text, _ = _cut(line, 6, 7, 72)
        if indicator in {"*", "/", "$"} or indicator.upper() == "D" or _is_aside(text, number, faults):
            continue
        if indicator == "-" and made:
            made[-1] = _Line(number=made[-1].number, text=_continued(made[-1].text, text, number, faults))
        else:
            made.append(_Line(number=number, text=text))
    return made


def _free(lines: Sequence[str], faults: Faults) -> list[_Line]:
    """Free format: a whole line is text. A star alone in front is a comment of older compilers."""
    return [
        _Line(number=number, text=line)
        for number, line in enumerate(lines, 1)
        if not line.lstrip().startswith("*") and not _is_aside(line, number, faults)
    ]


def _is_aside(text: str, number: int, faults: Faults) -> bool:
    """Words to the compiler or the printer, which say nothing of the record."""
    directive = _DIRECTIVE.match(text)
    if directive and not re.match(r"(SOURCE|SET\s+SOURCEFORMAT)", directive["words"], re.IGNORECASE):
        faults.add(number, expected="no compiler directive", found=directive["words"].split()[0])
    return bool(directive or _LISTING.match(text))


def _continued(before: str, after: str, number: int, faults: Faults) -> str:
    """Column 7 holds a hyphen: a literal goes on after its quote, a word without a space."""
    quote = _open_quote(before)
    if quote is None:
        return before.rstrip() + after.lstrip()
    rest = after.lstrip()
    if not rest.startswith(quote):
        faults.add(number, expected=f"the literal to go on after {quote}", found="no quote")
    return before + " " * (_TEXT_WIDTH - sum(map(_width, before))) + rest[1:]


def _open_quote(text: str) -> str | None:
    """The quote of a literal that is not closed at the end of the text."""
    last = None
    for match in _TOKEN.finditer(text):
        last = match
    return last["open"][0] if last and last["open"] else None


# tokens -------------------------------------------------------------------------------------------


def _tokens(lines: Sequence[_Line], faults: Faults) -> Iterator[Token]:
    for line in lines:
        for match in _TOKEN.finditer(line.text):
            if match["word"] and match["word"].startswith("*>"):
                break
            if match["open"]:
                faults.add(line.number, expected="a closed literal", found="an open quote")
                break
            if match.group() not in {",", ";"}:
                yield Token(text=match.group(), line=line.number)


def _sentences(tokens: Iterator[Token], faults: Faults) -> Iterator[Sentence]:
    sentence: list[Token] = []
    for token in tokens:
        if token.text != ".":
            sentence.append(token)
        elif sentence:
            yield tuple(sentence)
            sentence = []
    if sentence:
        faults.add(sentence[-1].line, expected="a period at the end", found=sentence[-1].text)
        yield tuple(sentence)
