"""Values that a machine has damaged: cut off, or with characters lost or read in a wrong encoding.

Two texts at a time, for the distinct pairs that no fold and no record explains.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import re2

from renkei.causes import host_kana
from renkei.causes.room import columns, is_full
from renkei.mapping.folds import SPACES

Side = Literal["left", "right"]
Found = tuple[str, Side | None] | None

#: What stands where a character could not be carried over: U+FFFD, 〓, SUB, ?, boxes, 外字 areas.
_LOST = "\ufffd〓\x1a?？□■＊*\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd"
_LOST_RUN = re.compile(f"([{_LOST}]+)")
_LOST_AT_END = re.compile("[\ufffd?？\x1a・]$")
_BLANKS = "".join(SPACES)
_WIDE = "字"
_SPACES = str.maketrans(dict.fromkeys(SPACES, ""))
_NO_ANSWER = re.compile("[\ufffd?？・]")

#: Wrote one, read as the other. The Japanese code pages, and the western ones that read anything.
_WRONGLY = tuple(
    (wrote, read)
    for wrote in ("utf-8", "cp932", "euc_jp", "utf-16-le")
    for read in ("cp932", "utf-8", "euc_jp", "latin-1", "cp1252")
    if wrote != read
)


@dataclass(frozen=True, kw_only=True)
class Written:
    """One side: the value as it stands, folded; its column's length.

    ``chars`` and ``units``: where the column's values end, in characters and half-width columns. ``most``:
    the length that is declared, counted by ``most_in``.
    """

    raw: str
    fold: str
    chars: int | None = None
    units: int | None = None
    most: int | None = None
    most_in: str | None = None


def cut(left: Written, right: Written) -> Found:
    """Which side is the beginning of the other, and how one knows that it was cut there."""
    short, long, side = (left, right, "left") if len(left.raw) < len(right.raw) else (right, left, "right")
    how = _cut(short, long)
    return None if how is None else (how, "left" if side == "left" else "right")


def _cut(short: Written, long: Written) -> str | None:
    raw, whole = _plain(short.raw), _plain(long.raw)
    if not raw:
        return None
    broken = _LOST_AT_END.sub("", raw)
    if broken and broken != raw and whole.startswith(broken) and len(whole) > len(raw):
        # half a character has left its mark: the column ends where the mark stands, or behind it
        ends = replace(short, raw=_LOST_AT_END.sub("", short.raw))
        filled = _end(short, long) or _end(ends, long)
        return "in_character" if filled or not _is_known(short) else None
    begins = whole.startswith(raw) or (long.fold.startswith(short.fold) and long.fold != short.fold)
    if begins:
        if not _is_known(short):
            return "no_width" if _mid_word(raw, whole) else None
        return _end(short, long)
    if _unvoiced_at_end(raw, whole) and _end(short, long):
        return "in_character"
    return None


def _is_known(value: Written) -> bool:
    return any(each is not None for each in (value.chars, value.units, value.most))


def _end(value: Written, whole: Written) -> str | None:
    """How one knows that the value fills its column to the last place; None where it does not."""
    text = value.raw.rstrip(_BLANKS)
    if value.most is not None and is_full(
        text, _next(text, whole.raw), most=value.most, measure=value.most_in or "chars"
    ):
        return "at_declared"
    units = columns(text)
    return "at_width" if len(text) == value.chars or value.units in (units, units + 1) else None


def _next(text: str, whole: str) -> str:
    """What stood behind the value, with the blanks before it; a wide letter where the two write otherwise."""
    if not whole.startswith(text):
        return _WIDE
    rest = whole[len(text) :]
    blanks = len(rest) - len(rest.lstrip(_BLANKS))
    return rest[: blanks + 1]


def _mid_word(short: str, long: str) -> bool:
    """The cut is between two letters of at least eight: nobody ends a value there."""
    if len(short) < 8 or not long.startswith(short):
        return False
    return short[-1].isalpha() and long[len(short)].isalpha()


def _unvoiced_at_end(short: str, long: str) -> bool:
    """ｶﾞ cut between ｶ and its mark: カ at the end where the other has ガ."""
    if len(long) < len(short) or short[:-1] != long[: len(short) - 1]:
        return False
    last, whole = short[-1], long[len(short) - 1]
    return last != whole and unicodedata.normalize("NFD", whole)[0] == last


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).translate(_SPACES)


def garbled(left: Written, right: Written) -> Found:
    """Which side holds damaged characters where the other holds real ones, the rest being equal."""
    for seen, real, side in ((left, right, "left"), (right, left, "right")):
        if _is_lost(seen, real):
            return "lost", "left" if side == "left" else "right"
    if host_kana.is_misread(left.raw, right.raw) or host_kana.is_misread(right.raw, left.raw):
        return "host_kana", host_kana.damaged(left.raw, right.raw)
    for seen, real, side in ((left, right, "left"), (right, left, "right")):
        if _is_misread(seen.raw, real.raw):
            return "wrong_encoding", "left" if side == "left" else "right"
    return None


def _is_lost(seen: Written, real: Written) -> bool:
    """A run of k marks stands for one to k characters: a code of two bytes may leave two marks."""
    if not _LOST_RUN.search(seen.raw):
        return False
    return any(_fits(a, b) for a, b in ((_spaceless(seen.raw), _spaceless(real.raw)), (seen.fold, real.fold)))


def _spaceless(text: str) -> str:
    return text.translate(_SPACES)


def _fits(seen: str, real: str) -> bool:
    if not seen or not real or max(len(seen), len(real)) > 500:
        return False
    parts = _LOST_RUN.split(seen)
    if len(parts) == 1 or _LOST_RUN.search(real):
        return False
    pattern = "".join(
        f"(?s:.{{1,{len(part)}}})" if at % 2 else re2.escape(part) for at, part in enumerate(parts)
    )
    return re2.fullmatch(pattern, real) is not None


def _is_misread(seen: str, real: str) -> bool:
    """The other value's bytes in one encoding, read in another, give this one."""
    shared = {each for each in set(seen) & set(real) if not each.isascii()}
    wanted = _NO_ANSWER.sub("", _spaceless(seen))
    if not wanted or real.isascii() or shared - set(SPACES):
        return False
    return any(
        made == wanted for text in dict.fromkeys((real, _spaceless(real))) for made in _misreadings(text)
    )


def _misreadings(real: str) -> Iterator[str]:
    for wrote, read in _WRONGLY:
        yield _NO_ANSWER.sub("", _spaceless(real.encode(wrote, "replace").decode(read, "replace")))
