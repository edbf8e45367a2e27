"""Names by frequency with their readings; every spelling here exists in CP932."""

from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from japanese_personal_name_dataset.core import LastNameDict, NameDict

#: Spellings of a surname that families keep although the common form is another (異体字).
_VARIANT = {
    "高": "髙",
    "崎": "﨑",
    "辺": "邉邊",
    "浜": "濵濱",
    "斎": "齋",
    "徳": "德",
    "沢": "澤",
    "広": "廣",
    "島": "嶋",
}
#: The common form of each variant: what a downstream system without the glyph shows.
COMMON_FORM = {variant: common for common, variants in _VARIANT.items() for variant in variants} | {
    "𠮷": "吉"
}
_HIRAGANA = {code: code + 0x60 for code in range(0x3041, 0x3097)}
#: Family and given names of foreign residents: letters, katakana, sex of the given name (0 either).
_FOREIGN = (
    (
        (("NGUYEN", "グエン"), ("TRAN", "チャン"), ("LE", "レ"), ("PHAM", "ファム")),
        (
            ("VAN AN", "バン　アン", "1"),
            ("THI LAN", "ティ　ラン", "2"),
            ("QUANG HUY", "クアン　フイ", "1"),
            ("THI HOA", "ティ　ホア", "2"),
        ),
    ),
    (
        (("WANG", "ワン"), ("LI", "リ"), ("ZHANG", "チャン"), ("CHEN", "チェン")),
        (
            ("WEI", "ウェイ", "0"),
            ("XIAOMING", "シャオミン", "1"),
            ("MEILING", "メイリン", "2"),
            ("JING", "ジン", "0"),
        ),
    ),
    (
        (("SHRESTHA", "シュレスタ"), ("GURUNG", "グルン"), ("TAMANG", "タマン")),
        (
            ("RAJESH", "ラジェシュ", "1"),
            ("SITA", "シタ", "2"),
            ("BIKASH", "ビカシュ", "1"),
            ("ANJALI", "アンジャリ", "2"),
        ),
    ),
    (
        (("SILVA", "シルバ"), ("SANTOS", "サントス"), ("OLIVEIRA", "オリベイラ")),
        (
            ("MARIA", "マリア", "2"),
            ("JOSE", "ジョゼ", "1"),
            ("ANA PAULA", "アナ　パウラ", "2"),
            ("PAULO", "パウロ", "1"),
        ),
    ),
    (
        (("KIM", "キム"), ("PARK", "パク"), ("CHOI", "チェ")),
        (
            ("MINJUN", "ミンジュン", "1"),
            ("SEOYEON", "ソヨン", "2"),
            ("JIHO", "ジホ", "1"),
            ("YUNA", "ユナ", "2"),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Name:
    """A name and its reading in full-width katakana."""

    text: str
    kana: str


@dataclass(frozen=True, slots=True)
class NameBook:
    """Surnames with cumulative weights, and given names by sex ("1" male, "2" female)."""

    surnames: tuple[Name, ...]
    weights: tuple[int, ...]
    given: dict[str, tuple[Name, ...]]

    def surname(self, rng: Random) -> Name:
        """A surname by frequency; about one in fifteen eligible families keeps a variant spelling."""
        name = rng.choices(self.surnames, cum_weights=self.weights)[0]
        return _varied(name, rng) if rng.random() < 0.07 else name

    def given_name(self, rng: Random, sex: str) -> Name:
        """A given name for a sex."""
        return rng.choice(self.given[sex])


def _varied(name: Name, rng: Random) -> Name:
    for common, variants in _VARIANT.items():
        if common in name.text:
            return Name(name.text.replace(common, rng.choice(variants)), name.kana)
    return name


def katakana(hiragana: str) -> str:
    """Hiragana as katakana."""
    return hiragana.translate(_HIRAGANA)


def _in_cp932(text: str) -> bool:
    try:
        text.encode("cp932")
    except UnicodeEncodeError:
        return False
    return True


@cache
def name_book() -> NameBook:
    """The name data, loaded once."""
    from japanese_personal_name_dataset import load_dataset

    men, women, last = load_dataset("opti", include_last_names=True)
    surnames, weights = _surnames(last)
    return NameBook(surnames, weights, {"1": _given(men), "2": _given(women)})


def _surnames(last: "LastNameDict") -> tuple[tuple[Name, ...], tuple[int, ...]]:
    rows = [(Name(text, katakana(entry["reading"])), entry["count"]) for text, entry in last.items()]
    usable = [(name, count) for name, count in rows if _in_cp932(name.text)]
    return tuple(name for name, _ in usable), tuple(accumulate(count for _, count in usable))


def _given(names: "NameDict") -> tuple[Name, ...]:
    return tuple(
        Name(text, katakana(reading))
        for reading, entry in names.items()
        for text in [spelling for spelling in entry["kanji"] if _in_cp932(spelling)][:8]
    )


def foreign_name(rng: Random, sex: str, family: int | None = None) -> tuple[int, Name]:
    """A foreign resident's name in capital letters with its katakana; families share the first part."""
    group = rng.randrange(len(_FOREIGN)) if family is None else family // 8
    surnames, given = _FOREIGN[group]
    number = rng.randrange(len(surnames)) if family is None else family % 8
    (letters, kana) = surnames[number]
    (first, first_kana, _) = rng.choice([entry for entry in given if entry[2] in ("0", sex)])
    return group * 8 + number, Name(f"{letters} {first}", f"{kana}　{first_kana}")
