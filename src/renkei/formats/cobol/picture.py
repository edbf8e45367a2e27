"""PICTURE strings: what a cell holds, how many places, where the decimal point is thought to be."""

import re
from dataclasses import dataclass
from typing import Literal

#: More digits than any compiler takes.
MOST_DIGITS = 38
#: More places than one item of a record can have.
MOST_PLACES = 1_000_000

Category = Literal["text", "wide", "number"]

_REPEATED = re.compile(r"(CR|DB|.)(?:\((\d+)\))?", re.IGNORECASE | re.DOTALL)
_PLAIN = re.compile(r"S?(?P<whole>9*)(?:V(?P<rest>9*))?")
_SCALED_UP = re.compile(r"S?(?P<digits>9+)(?P<by>P+)V?")
_SCALED_DOWN = re.compile(r"S?V?(?P<by>P+)(?P<digits>9+)")
_TEXT = re.compile(r"[XA9B0/]+")
_WIDE = re.compile(r"[NGB0/]+")
_EDITED = re.compile(r"(?:[9ZPVB0/,.*+\-$\\¥￥E]|CR|DB)+")


@dataclass(frozen=True, kw_only=True)
class Picture:
    """``places`` are characters or digits; ``scale`` digits stand after the point, less than none for P.

    ``is_edited`` pictures hold what a report would print: they are text.
    """

    text: str
    category: Category
    places: int
    scale: int = 0
    is_signed: bool = False
    is_edited: bool = False


class NotAPicture(Exception):
    """Says what was expected instead."""


def parse(text: str) -> Picture:
    """Read one picture string; NotAPicture for what no compiler takes and for what is not read here."""
    symbols = _symbols(text)
    if re.fullmatch("S?[9VP]+", symbols):
        return _number(text, symbols)
    if _TEXT.fullmatch(symbols) and re.search("[XA]", symbols):
        return _characters(text, symbols, category="text", is_edited=bool(re.search("[B0/]", symbols)))
    if _WIDE.fullmatch(symbols) and re.search("[NG]", symbols):
        return _characters(text, symbols, category="wide", is_edited=bool(re.search("[B0/]", symbols)))
    if _EDITED.fullmatch(symbols):
        shown = re.sub("[VP]", "", symbols)
        return _characters(text, shown, category="text", is_edited=True)
    raise NotAPicture("a picture of X A 9 S V P N G or of edited figures")


def _symbols(text: str) -> str:
    """The string with every repetition written out."""
    made = []
    for symbol, times in _REPEATED.findall(text.upper()):
        if symbol in "()" or times == "0":
            raise NotAPicture("repetitions like X(10)")
        made.append(symbol * min(int(times or 1), MOST_PLACES + 1))
    symbols = "".join(made)
    if len(symbols) > MOST_PLACES:
        raise NotAPicture(f"at most {MOST_PLACES} places")
    return symbols


def _characters(text: str, symbols: str, *, category: Category, is_edited: bool) -> Picture:
    return Picture(text=text, category=category, places=len(symbols), is_edited=is_edited)


def _number(text: str, symbols: str) -> Picture:
    """S9(5)V99 has scale 2, 9(3)PP scale -2, VPP9 scale 3."""
    if match := _PLAIN.fullmatch(symbols):
        rest = len(match["rest"] or "")
        digits, scale = len(match["whole"]) + rest, rest
    elif match := _SCALED_UP.fullmatch(symbols):
        digits, scale = len(match["digits"]), -len(match["by"])
    elif match := _SCALED_DOWN.fullmatch(symbols):
        digits = len(match["digits"])
        scale = digits + len(match["by"])
    else:
        raise NotAPicture("one V, and P on one side only")
    if not 0 < digits <= MOST_DIGITS:
        raise NotAPicture(f"one to {MOST_DIGITS} digits")
    is_signed = symbols.startswith("S")
    return Picture(text=text, category="number", places=digits, scale=scale, is_signed=is_signed)
