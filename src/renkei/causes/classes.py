"""The twelve reasons why two values differ (相違の原因), in the order in which they are asked.

Where two reasons fit, the earlier one is the answer and the later ones are named beside it; why the order
is this one stands in ``docs/causes.md``.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Class:
    """One reason: the fixed word of tables and files, and what people read."""

    name: str
    ja: str
    en: str


CLASSES = (
    Class(name="missing", ja="欠損", en="missing on one side"),
    Class(name="notation", ja="表記差", en="written differently"),
    Class(name="glyph", ja="字形差", en="another glyph of the same kanji"),
    Class(name="reading", ja="読みだけ", en="only the reading differs"),
    Class(name="delay", ja="遅延", en="not arrived yet"),
    Class(name="cancelled", ja="取消の未反映", en="a cancelled value"),
    Class(name="other_person", ja="別人の値", en="another person's value"),
    Class(name="truncated", ja="桁切れ", en="cut off"),
    Class(name="garbled", ja="文字化け", en="garbled characters"),
    Class(name="era", ja="元号の取り違え", en="wrong era"),
    Class(name="transposed", ja="数字の入れ替わり", en="digits swapped or off by one"),
    Class(name="real", ja="真の相違", en="really different"),
)
NAMES = tuple(each.name for each in CLASSES)

#: How a class came about: word of tables and files → [Japanese, English].
KINDS: dict[str, tuple[str, str]] = {
    "empty": ("空", "empty"),
    "placeholder": ("不詳等の語だけ", "only a word for unknown"),
    "space": ("空白", "spaces"),
    "width": ("全角・半角", "full and half width"),
    "figures": ("番地・丁目の書き方", "figures of an address"),
    "zeros": ("先頭の零・区切り", "leading zeros and dividers"),
    "era_writing": ("日付の書き方", "writing of a date"),
    "letters": ("仮名・記号の書き方", "kana and signs"),
    "key": ("照合用の値が同じ", "equal keys"),
    "selector": ("異体字セレクタ", "variation selector"),
    "variant": ("異体字", "variant kanji"),
    "weak": ("異体字の可能性（弱い）", "variant kanji, weak evidence"),
    "sound": ("濁点・長音・小書き", "voicing, length, small kana"),
    "other_reading": ("別の読み", "another reading"),
    "lags": ("反映待ち", "within its time"),
    "past_lag": ("旧い値のまま（反映時間を過ぎている）", "an old value, past its time"),
    "taken_back": ("取り消された値", "a value taken back"),
    "household": ("同じ世帯の人の値", "of a member of the household"),
    "neighbour": ("隣の番号の人の値", "of the neighbouring number"),
    "at_declared": ("宣言された列の長さで切れている", "cut at the column's declared length"),
    "at_width": ("列の長さで切れている", "cut at the column's length"),
    "in_character": ("文字の途中で切れている", "cut inside a character"),
    "no_width": ("途中で終わっている", "ends in the middle of a word"),
    "lost": ("表せない文字が失われている", "characters were lost"),
    "wrong_encoding": ("文字コードの取り違え", "read in a wrong encoding"),
    "host_kana": ("ホストの半角カナの取り違え（290系・1027系）", "host kana read with the other code page"),
    "same_year": ("元号だけが違う", "only the era differs"),
    "swapped": ("隣り合う数字の入れ替わり", "neighbouring digits swapped"),
    "swapped_in_era": ("和暦の数字の入れ替わり", "digits of the era's year swapped"),
    "day_month": ("月と日の入れ替わり", "day and month swapped"),
    "one_digit": ("一桁の相違", "one digit differs"),
    "one_digit_in_era": ("和暦の一桁の相違", "one digit of the era's year differs"),
}


def say_class(name: str | None, *, language: str = "ja") -> str:
    """What people read for a class; nothing where none was found out."""
    found = next((each for each in CLASSES if each.name == name), None)
    return "" if found is None else found.en if language == "en" else found.ja


def say_kind(name: str | None, *, language: str = "ja") -> str:
    """What people read for how a class came about; nothing where there is no more to say."""
    return "" if name is None or name not in KINDS else KINDS[name][language == "en"]


def say_why(name: str | None, kind: str | None, *, language: str = "ja") -> str:
    """Class and kind as one cell: 元号の取り違え（元号だけが違う）."""
    words, more = say_class(name, language=language), say_kind(kind, language=language)
    return words if not more else f"{words} ({more})" if language == "en" else f"{words}（{more}）"
