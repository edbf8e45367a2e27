"""What a driver must carry: every kana and kanji of JIS X 0213 and CP932, and what lies beyond."""

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

_KINDS = (
    "CJK UNIFIED IDEOGRAPH",
    "CJK COMPATIBILITY IDEOGRAPH",
    "HIRAGANA",
    "KATAKANA",
    "HALFWIDTH KATAKANA",
)
#: In no Japanese standard, yet in names: outside the BMP, and with variation selectors.
_BEYOND = ("𠮷", "𡈽", "葛\U000e0100", "葛\U000e0101", "辻\U000e0100", "祇\U000e0101")
#: Signs that two readings of Shift_JIS give another code, and marks on kana.
_SIGNS = (*"～－∥￠￡￢―①㈱№℡", "か\u3099", "ハ\u309a", "ｶﾞ")
#: Where each character stands in a text: alone, followed by another, and last.
_SHAPES: tuple[Callable[[str], str], ...] = (str, lambda it: it + "田", lambda it: "山田" + it)


@dataclass(frozen=True, kw_only=True)
class Damage:
    """How many texts went out and how many did not come back unchanged, with a few of their characters."""

    texts: int
    damaged: int
    examples: str


def characters() -> list[str]:
    """Every one once, in the order of Unicode."""
    codes = chain(range(0x3000, 0x10000), range(0x20000, 0x30000))
    standard = (chr(code) for code in codes if _is_writing(chr(code)) and _is_in_a_standard(chr(code)))
    return [*standard, *_BEYOND, *_SIGNS]


def sweep() -> list[str]:
    """Every character in every shape; lengths alternate, for a driver may trip over the row before."""
    return [shape(character) for character in characters() for shape in _SHAPES]


def compare(sent: Sequence[str], came: Callable[[Sequence[str]], Sequence[object]], *, block: int) -> Damage:
    """Send texts in blocks; where a block ends in an error it is cut in halves down to the text itself."""
    damaged = [
        text for start in range(0, len(sent), block) for text in _damaged(sent[start : start + block], came)
    ]
    return Damage(texts=len(sent), damaged=len(damaged), examples=_examples(damaged))


def _damaged(sent: Sequence[str], came: Callable[[Sequence[str]], Sequence[object]]) -> Iterator[str]:
    try:
        back = came(sent)
    except Exception:  # noqa: BLE001 - whatever a driver raises over a text, the text did not come through
        if len(sent) == 1:
            yield sent[0]
            return
        middle = len(sent) // 2
        yield from _damaged(sent[:middle], came)
        yield from _damaged(sent[middle:], came)
        return
    yield from (text for text, other in zip(sent, back, strict=True) if text != other)


def _examples(damaged: Sequence[str]) -> str:
    """The best known ones first: they stand in the names of many residents."""
    found = dict.fromkeys(text.replace("山田", "").removesuffix("田") for text in damaged)
    known = [each for each in ("高", "髙", "ヘ", "ホ") if each in found]
    return "".join([*known, *(each for each in found if each and each not in known)][:6])


def _is_writing(character: str) -> bool:
    return unicodedata.name(character, "").startswith(_KINDS)


def _is_in_a_standard(character: str) -> bool:
    return any(_is_in(character, codec) for codec in ("shift_jis_2004", "cp932"))


def _is_in(character: str, codec: str) -> bool:
    try:
        character.encode(codec)
    except UnicodeEncodeError:
        return False
    return True
