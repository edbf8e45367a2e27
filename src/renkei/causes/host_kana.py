"""Kana of a host read with another code page: single bytes of IBM 290 (930), 1027 (939) and 037 are not one.

Nearly every byte means something on each page, so no reader refuses it: ｱ is read as a, and b as ｳ.
"""

import re
import unicodedata
from collections.abc import Mapping
from functools import cache
from typing import Literal

from renkei.mapping.folds import SPACES

#: Bytes that 290 and 1027 read differently, and what each reads there; U+FFFD: nothing.
_CODES = bytes.fromhex(
    "4142434445464748494a51525354555657595b6263646566676869707172737475767778"
    "808182838485868788898a8b8c8d8e8f909192939495969798999b9c9d9e9f"
    "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb1b2b3b4b5b6b7b8b9babbbcbde0"
)
_KANA_FIRST = (
    "｡｢｣､･ｦｧｨｩ£ｪｫｬｭｮｯ��¥abcdefgh[ijklmnop]ｱｲｳｴｵｶｷｸｹｺqｻｼｽｾｿﾀﾁﾂﾃﾄﾅﾆﾇﾈr�ﾊﾋﾌ~‾ﾍﾎﾏﾐﾑﾒﾓﾔﾕsﾖﾗﾘﾙ¢\\tuvwxyzﾚﾛﾜﾝ$"
)
_LATIN_FIRST = (
    "�｡｢｣､･ｦｧｨ¢ｩｪｫｬｭｮｯｱ$ｲｳｴｵｶｷｸｹｺｻｼｽｾｿﾀﾁﾂ�abcdefghiﾃﾄﾅﾆﾇﾈ�jklmnopqrﾊﾋﾌﾍﾎ‾~stuvwxyzﾏﾐﾑ[ﾒﾓ£¥ﾔﾕﾖﾗﾘﾙﾚﾛﾜﾝ]\\"
)
#: The kana that both have at one place.
_SHARED = {0x58: "ｰ", 0x9A: "ﾉ", 0xBE: "ﾞ", 0xBF: "ﾟ"}

#: So many characters must have changed, or two short texts meet by chance.
LEAST = 2

_HALF = {unicodedata.normalize("NFKC", chr(code)): chr(code) for code in range(0xFF61, 0xFFA0)}
#: A text without kana and Latin letters holds nothing that the pages differ in.
_SINGLE = re.compile("[\uff66-\uff9d\u30a1-\u30fcA-Za-zＡ-Ｚａ-ｚ\u00a1-\u00ff]")
_NO_ANSWER = re.compile("[\ufffd?？\x1a]")


def is_misread(seen: str, real: str) -> bool:
    """True where ``seen`` is one page's bytes of ``real``, read by another page, but for lost characters."""
    if not (_SINGLE.search(seen) and _SINGLE.search(real)):
        return False
    wanted, whole = narrow(seen), narrow(real)
    return any(_made(whole, page) == _NO_ANSWER.sub("", wanted) for page in _pages() if _changes(whole, page))


def damaged(left: str, right: str) -> Literal["left", "right"] | None:
    """Which of the two was read wrongly: the one that mixes kana and Latin letters; None where neither does.

    One page's text read by the other is the other's read by the one, so the texts alone must say.
    """
    mixed = _is_mixed(left), _is_mixed(right)
    return None if mixed[0] == mixed[1] else "left" if mixed[0] else "right"


def _is_mixed(text: str) -> bool:
    half = narrow(text)
    return any("\uff66" <= each <= "\uff9d" for each in half) and any(
        each.isalpha() and each < "\u0250" for each in half
    )


def narrow(text: str) -> str:
    """Half-width throughout, without blanks: how a host writes a reading, or a name in Latin letters."""
    parts = unicodedata.normalize("NFKD", text.replace("゛", "\u3099").replace("゜", "\u309a"))
    return "".join(_HALF.get(each, each) for each in parts if each not in SPACES)


def _made(text: str, page: Mapping[str, str]) -> str:
    return _NO_ANSWER.sub("", "".join(page.get(each, each) for each in text))


def _changes(text: str, page: Mapping[str, str]) -> bool:
    return sum(page.get(each, each) not in (each, "\ufffd") for each in text) >= LEAST


@cache
def _pages() -> tuple[Mapping[str, str], ...]:
    """What each character becomes: kana first read as Latin first, the other way, and either as 037."""
    first, latin = (dict(zip(page, _CODES, strict=True)) for page in (_KANA_FIRST, _LATIN_FIRST))
    shared = {kana: code for code, kana in _SHARED.items()}
    read = dict(zip(_CODES, _LATIN_FIRST, strict=True)), dict(zip(_CODES, _KANA_FIRST, strict=True))
    western = {code: bytes([code]).decode("cp037") for code in (*_CODES, *_SHARED)}
    made = (
        {each: read[0][code] for each, code in first.items()},
        {each: read[1][code] for each, code in latin.items()},
        *({each: narrow(western[code]) for each, code in (page | shared).items()} for page in (first, latin)),
    )
    return tuple({each: became for each, became in page.items() if each != "\ufffd"} for page in made)
