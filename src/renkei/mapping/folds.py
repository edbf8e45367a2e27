"""Folds for derived keys. Stored values never pass through here.

K0, display: what a screen shows. One width, one space; every character stays the one that was written.
K1, the strict key: spaces go, kana and ASCII take one width, hiragana become katakana, and look-alikes that
encodings confuse become one. Kanji variants (髙 高) stay apart: they are different legal names.
K2, the loose key: what a search takes for one. Equal loose keys propose; they never link.
"""

import unicodedata
from collections.abc import Mapping
from functools import cache

import polars as pl

from renkei.formats.encodings.cp932 import FOLD
from renkei.mapping import latin, variants

#: Goes up whenever a key of an old record could come out otherwise; part of every mapping's digest.
KEY_VERSION = 2

#: Spaces of every width, and the characters that nobody sees.
SPACES = (
    " ", "\u3000", "\u00a0", "\t", *map(chr, range(0x2000, 0x200C)), "\u202f", "\u205f", "\u2060", "\ufeff",
)  # fmt: skip

#: Dashes that people and systems write for one another.
DASHES = ("‐", "‑", "‒", "–", "—", "―", "−", "－", "─", "━", "﹣", "⁻")

#: The same kanji in another official shape; addresses only.
GLYPHS = dict(
    pair
    for pair in (
        *zip(
            "髙﨑邊邉齋齊斉濵濱德惠澤廣嶋櫻國龍瀨塚條區縣會學藏關驛號變麥櫟",
            "高崎辺辺斎斎斎浜浜徳恵沢広島桜国竜瀬塚条区県会学蔵関駅号変麦櫟",
            strict=True,
        ),
        *zip(
            "淵渕舘桧鷗驒彌眞嶽圓靑黑萬與澁鐵瀧溪槇龜壽榮豐應",
            "渕渕館檜鴎騨弥真岳円青黒万与渋鉄滝渓槙亀寿栄豊応",
            strict=True,
        ),
    )
    if pair[0] != pair[1]
)


def half_to_wide() -> dict[str, str]:
    """Half-width katakana → full width, voiced marks joined (ｶﾞ → ガ)."""
    single = {chr(code): unicodedata.normalize("NFKC", chr(code)) for code in range(0xFF61, 0xFF9E)}
    return _voiced(single, ("ﾞ", "ﾟ")) | single | {"ﾞ": "゛", "ﾟ": "゜"}


def _voiced(letters: Mapping[str, str], marks: tuple[str, str]) -> dict[str, str]:
    """Each letter with one of the two marks after it → the one letter that they make, where there is one."""
    made = {}
    for written, letter in letters.items():
        for mark, combining in zip(marks, ("\u3099", "\u309a"), strict=True):
            joined = unicodedata.normalize("NFC", letter + combining)
            if len(joined) == 1:
                made[written + mark] = joined
    return made


def _ascii() -> dict[str, str]:
    return {chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}


def _hiragana() -> dict[str, str]:
    return {chr(code): chr(code + 0x60) for code in (*range(0x3041, 0x3097), 0x309D, 0x309E)}


def _joined() -> dict[str, str]:
    """Kana of every kind with a mark of every kind after it (か゛, カﾞ, ｶ゛) → one katakana."""
    hiragana = _hiragana()
    letters = {chr(code): hiragana.get(chr(code), chr(code)) for code in range(0x3041, 0x3100)}
    letters |= {narrow: wide for narrow, wide in half_to_wide().items() if len(narrow) == 1}
    made: dict[str, str] = {}
    for marks in (("\u3099", "\u309a"), ("゛", "゜"), ("ﾞ", "ﾟ")):
        made |= _voiced(letters, marks)
    return made


def _selectors() -> dict[str, str]:
    """Variation selectors: which drawing of one character; no legacy code page can carry them."""
    return {chr(code): "" for code in (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))}


@cache
def strict() -> dict[str, str]:
    """The whole K1 table. Longer patterns stand first, so that ｶﾞ is found before ｶ."""
    fold = {narrow: _ascii().get(wide, wide) for narrow, wide in FOLD.items()}
    return _longest_first(half_to_wide() | _joined() | _hiragana() | _ascii() | fold | _unseen())


@cache
def _unseen() -> dict[str, str]:
    return _selectors() | dict.fromkeys(SPACES, "")


def _longest_first(table: Mapping[str, str]) -> dict[str, str]:
    return dict(sorted(table.items(), key=lambda pair: -len(pair[0])))


def wide_kana(text: pl.Expr) -> pl.Expr:
    """Half-width katakana to full width; everything else stays."""
    return text.str.replace_many(half_to_wide(), leftmost=True)


def display(text: pl.Expr) -> pl.Expr:
    """K0: full-width kana, half-width letters and figures, one space (narrow between ASCII, else full).

    Variation selectors, kanji, hiragana and capitals stay as they are.
    """
    one_width = text.str.replace_many(half_to_wide() | _ascii(), leftmost=True)
    spaced = one_width.str.replace_all(f"[{''.join(SPACES)}]+", "\u3000").str.strip_chars("\u3000")
    for _ in range(2):  # neighbours share a character: A B C
        spaced = spaced.str.replace_all("([!-~])\u3000([!-~])", "${1} ${2}")
    return pl.when(spaced != "").then(spaced)


def strict_key(text: pl.Expr) -> pl.Expr:
    """K1 of a name or a reading; nothing where nothing is left."""
    seen = text.str.replace_many(_unseen())  # first: a mark may belong to the letter before a space
    folded = seen.str.replace_many(strict(), leftmost=True)
    return pl.when(folded != "").then(folded)


def loose_key(text: pl.Expr) -> pl.Expr:
    """K2 of a name or a reading; nothing where nothing is left. The order of the rules is part of them.

    After K1: sounds and letters by the table, 々 and ヽ written out, ウ and オ after a sound of オ段 dropped.
    """
    folded = strict_key(text).str.replace_many(loose(), leftmost=True)
    written_out = folded.str.replace_all("([^々〻ヽヾ])[々〻ヽヾ]+", "${1}${1}")
    short = written_out.str.replace_all("([オコソトノホモヨロ])[ウオ]+", "${1}")
    return pl.when(short != "").then(short)


#: Marks that are there for one writer and not for another.
_MARKS = ("・", "゠", "=", ".", ",", "'", "’", "‘", "`", "´", "゛", "゜", "\u3099", "\u309a")


@cache
def loose() -> dict[str, str]:
    """What K2 folds beyond K1, longer patterns first: one sound, one kanji of a class, one Latin letter."""
    dropped = dict.fromkeys((*DASHES, "-", "ー", "~", *_MARKS), "")
    sounds = {chr(code): _sound(chr(code)) for code in (*range(0x30A1, 0x30FB), *range(0x31F0, 0x3200))}
    sounds |= {"ヴ" + vowel: sound for vowels, sound in _V for vowel in vowels}
    changed = {letter: sound for letter, sound in sounds.items() if letter != sound}
    return _longest_first(changed | dict(variants.representatives()) | latin.letters() | dropped)


#: ヴ before a vowel is a letter of バ行, and バ行 is ハ行.
_V = (("ァア", "ハ"), ("ィイ", "ヒ"), ("ェエ", "ヘ"), ("ォオ", "ホ"))

#: Sounds that the rules of search name one by one; ヴ alone is ブ.
_SOUNDS = {
    "ヂ": "シ",
    "ヅ": "ス",
    "ヴ": "フ",
    "ヲ": "オ",
    "ヺ": "ホ",
    "ワ": "ハ",
    "ヷ": "ハ",
    "ヰ": "イ",
    "ヸ": "ヒ",
}
_SOUNDS |= {"ヱ": "エ", "ヹ": "ヘ"}


def _sound(letter: str) -> str:
    """Large and unvoiced, then as the rules of search hear it."""
    whole = large(letter)
    return _SOUNDS.get(whole) or unicodedata.normalize("NFD", whole)[0]


def large(letter: str) -> str:
    """The large form of a small kana (ョ ヨ, ㇰ ク); any other as it is."""
    return unicodedata.lookup(unicodedata.name(letter).replace(" SMALL ", " "))
