"""Values shown to those who may not read them: the kind of every character, and not which one it is.

An engineer sees that a name has four characters and a full-width space, or that a date has a letter where a
figure belongs; nobody learns the name or the date.
"""

import unicodedata
from datetime import date

from renkei.records import Sensitivity

#: What a guarded value shows, whatever it is: its shape alone would tell it.
HIDDEN = "●●●"

#: Code points from, to → the character that stands for all of them.
_KINDS = (
    ("0", "9", "9"),
    ("A", "Z", "A"),
    ("a", "z", "A"),
    ("０", "９", "９"),
    ("Ａ", "Ｚ", "Ａ"),
    ("ａ", "ｚ", "Ａ"),
    ("ぁ", "ゖ", "あ"),
    ("ァ", "ヺ", "ア"),
    ("\u31f0", "\u31ff", "ア"),
    ("ｦ", "ｯ", "ｱ"),
    ("ｱ", "ﾝ", "ｱ"),
)
_KANJI = ("CJK UNIFIED IDEOGRAPH", "CJK COMPATIBILITY IDEOGRAPH", "KANGXI RADICAL", "CJK RADICAL")
#: Letters that spell nothing by themselves: the long marks and the half-width voice marks.
_AS_THEY_ARE = frozenset("ーｰﾞﾟ")
_BY_CATEGORY = {"Co": "外", "Cc": "□", "Cf": "□", "Cs": "□", "Cn": "□"}
_BY_CLASS = {"L": "字", "N": "字", "M": "◌"}


def shape_of(text: str) -> str:
    """Every character's kind: 漢 kanji, 外 private use, あ hiragana, ア katakana, ｱ half-width katakana,
    9 figures, A letters (９ Ａ where full-width), 字 other scripts, ◌ marks and variation selectors, □ what
    has no form. Spaces, signs and long marks stay as they are.
    """
    return "".join(map(_kind_of, text))


def masked(value: object, sensitivity: Sensitivity) -> str | None:
    """The value as text in clear, as its shape, or as :data:`HIDDEN` (then even nothing shows as that)."""
    if sensitivity == "guarded":
        return HIDDEN
    if value is None:
        return None
    text = _text(value)
    if sensitivity == "plain":
        return text
    return HIDDEN if isinstance(value, bool) else shape_of(text)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, date) else str(value)


def _kind_of(character: str) -> str:
    if character in _AS_THEY_ARE:
        return character
    for first, last, kind in _KINDS:
        if first <= character <= last:
            return kind
    if unicodedata.name(character, "").startswith(_KANJI) or character in "々〇〻":
        return "漢"
    category = unicodedata.category(character)
    if category == "So" and any(map(str.isalnum, unicodedata.normalize("NFKC", character))):
        return "字"  # letters in one sign, as an era or a company has them
    return _BY_CATEGORY.get(category) or _BY_CLASS.get(category[0], character)
