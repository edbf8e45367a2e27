"""Pairs of values of people who do not exist, damaged in a known way: (field, left, right, class)."""

import unicodedata
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from random import Random
from typing import Any

from renkei.mapping.eras import ERAS

FAMILY = (
    "渡邉",
    "髙橋",
    "齋藤",
    "濵田",
    "長谷部",
    "佐伯",
    "小野寺",
    "廣瀬",
    "五十嵐",
    "宇佐美",
    "勅使河原",
    "久保田",
)
GIVEN = (
    "太郎",
    "花子",
    "健一郎",
    "美智子",
    "翔太",
    "さくら",
    "喜久江",
    "龍之介",
    "由紀",
    "恵美子",
    "慎之助",
    "直",
)
KANA = (
    "ワタナベ",
    "タカハシ",
    "ハマダ",
    "サエキ",
    "ヒロセ",
    "クボタ",
    "イガラシ",
    "ガモウ",
    "ドイ",
    "ベップ",
)
GIVEN_KANA = ("タロウ", "ハナコ", "ケンイチロウ", "ミチコ", "ショウタ", "キクエ", "リュウノスケ", "ジュンジ")
TOWNS = ("本町", "新町", "緑が丘", "東雲台", "大手町", "桜木町", "南葛原")
COMMON = str.maketrans("邉髙齋濵廣龍恵喜", "辺高斎浜広竜惠㐂")
NUMERALS = "〇一二三四五六七八九"
WIDE = str.maketrans("0123456789-", "０１２３４５６７８９－")
#: Kana → half-width, and half-width kana of IBM 290 → what IBM 1027 reads in their bytes.
HALF = {unicodedata.normalize("NFKC", chr(code)): chr(code) for code in range(0xFF61, 0xFFA0)}
HOST = str.maketrans(
    "ｱｲｳｴｵｶｷｸｹｺｻｼｽｾｿﾀﾁﾂﾃﾄﾅﾆﾇﾈﾊﾋﾌﾍﾎﾏﾐﾑﾒﾓﾔﾕﾖﾗﾘﾙﾚﾛﾜﾝｬｭｮｯ",
    "abcdefghiﾃﾅﾆﾇﾈ�jklmnopqrﾌﾍﾎstuvwxyzﾏﾑ[ﾒﾓﾛﾜﾝ]ｫｬｭｮ",
)
#: Width of the truncated column, in half-width columns.
WIDTH = 24

Pair = dict[str, Any]


def pairs(count: int, seed: int) -> Iterator[Pair]:
    """As many of every kind, in a mixed order; ``class`` is the truth."""
    chance = Random(seed)
    made = [kind(chance) for _ in range(count) for kind in KINDS]
    chance.shuffle(made)
    yield from made


def name(chance: Random) -> str:
    return f"{chance.choice(FAMILY)}　{chance.choice(GIVEN)}"


def kana(chance: Random) -> str:
    return f"{chance.choice(KANA)}　{chance.choice(GIVEN_KANA)}"


def place(chance: Random) -> tuple[str, int, int, int]:
    return chance.choice(TOWNS), chance.randint(1, 9), chance.randint(1, 89), chance.randint(1, 29)


def day(chance: Random) -> date:
    return date(1930, 1, 1) + timedelta(days=chance.randrange(33_000))


def notation(chance: Random) -> Pair:
    town, one, two, three = place(chance)
    plain = f"葛原市{town}{one}-{two}-{three}"
    written = chance.choice((
        f"葛原市{town}{NUMERALS[one]}丁目{two}番{three}号", f"葛原市{town}{one}丁目{two}番地{three}",
        plain.translate(WIDE), f"葛原市 {town}{one}の{two}の{three}",
    ))  # fmt: skip
    return {"field": "address", "left": plain, "right": written, "class": "notation"}


def spaces(chance: Random) -> Pair:
    whole = name(chance)
    other = chance.choice((whole.replace("　", " "), whole.replace("　", ""), whole + "　"))
    return {"field": "full_name", "left": whole, "right": other, "class": "notation"}


def glyph(chance: Random) -> Pair:
    whole = f"{chance.choice(FAMILY[:4])}　{chance.choice(GIVEN)}"
    drawn = whole.replace("　", "\U000e0101　", 1)
    other = chance.choice((whole.translate(COMMON), whole.translate(COMMON).replace("　", ""), drawn))
    return {"field": "full_name", "left": whole, "right": other, "class": "glyph"}


def era(chance: Random) -> Pair:
    born = chance.choice((date(chance.randint(1927, 1950), 5, chance.randint(1, 28)),
                          date(chance.randint(1990, 2006), 5, chance.randint(1, 28))))  # fmt: skip
    own = next(each for each in ERAS if each.first <= born <= each.end)
    slipped = {"昭和": "平成", "平成": "昭和"}[own.name]
    offset = next(each.offset for each in ERAS if each.name == slipped)
    wrong = born.replace(year=born.year - own.offset + offset)
    return {"field": "date_of_birth", "left": str(born), "right": str(wrong), "class": "era"}


def swapped(chance: Random) -> Pair:
    born = day(chance).replace(day=chance.choice((12, 13, 21, 10, 20)), month=chance.choice((4, 5, 6, 9)))
    wrong = chance.choice((
        born.replace(day=int(f"{born.day:02}"[::-1])) if born.day in (12, 21, 10, 20) else born.replace(day=18),
        born.replace(year=born.year + 1 if born.year % 10 < 9 else born.year - 1),
    ))  # fmt: skip
    return {"field": "date_of_birth", "left": str(born), "right": str(wrong), "class": "transposed"}


def number(chance: Random) -> Pair:
    digits = list(str(chance.randint(10_000_000, 99_999_999)))
    at = next((n for n in range(1, 7) if digits[n] != digits[n + 1]), None)
    left = "".join(digits)
    if at is None:
        digits[3] = str((int(digits[3]) + 1) % 10)
    else:
        digits[at], digits[at + 1] = digits[at + 1], digits[at]
    return {"field": "party_number", "left": left, "right": "".join(digits), "class": "transposed"}


def truncated(chance: Random) -> Pair:
    town, one, two, three = place(chance)
    building = chance.choice(("グランドメゾン葛原壱番館", "コーポラス緑ヶ丘弐号棟", "県営住宅第三団地七号棟"))
    whole = f"葛原市{town}{one}丁目{two}番{three}号{building}{chance.randint(101, 1205)}号室"
    cut = whole.encode("cp932")[:WIDTH].decode("cp932", chance.choice(("ignore", "replace")))
    return {"field": "address", "left": whole, "right": cut, "right_units": WIDTH, "class": "truncated"}


def declared_cut(chance: Random) -> Pair:
    """A column that nobody else fills; only its declared length tells."""
    whole = f"{kana(chance)}　{chance.choice(GIVEN_KANA)}"
    most = chance.randint(6, len(whole) - 2)
    cut = whole[:most].rstrip("　")
    return {"field": "full_name_kana", "left": whole, "right": cut, "right_most": 2 * most,
            "right_most_in": "columns", "left_written": "葛原　花", "right_written": "葛原　花",
            "class": "truncated"}  # fmt: skip


def short_of_its_column(chance: Random) -> Pair:
    """The twin: a building that one office leaves out, and its column has room for it."""
    town, one, two, three = place(chance)
    whole = f"葛原市{town}{one}丁目{two}番{three}号"
    return {"field": "address", "left": f"{whole}コーポラス{one}号棟", "right": whole, "right_most": 100,
            "right_most_in": "columns", "class": "real"}  # fmt: skip


def host_kana(chance: Random) -> Pair:
    """ﾊﾅｺ written on a host's kana page and read by its Latin page, whole or widened."""
    whole = kana(chance)
    half = "".join(HALF.get(each, each) for each in unicodedata.normalize("NFKD", whole))
    read = half.translate(HOST)
    return {"field": "full_name_kana", "left": whole, "right": chance.choice((read, read.replace(" ", "　"))),
            "left_written": "葛原　花", "right_written": "葛原　花", "class": "garbled"}  # fmt: skip


def other_kana(chance: Random) -> Pair:
    """The twin: a reading in which one letter is of the other script."""
    whole = kana(chance)
    return {"field": "full_name_kana", "left": whole, "right": f"a{whole[1:]}", "left_written": "葛原　花",
            "right_written": "葛原　花", "class": "reading"}  # fmt: skip


def lost(chance: Random) -> Pair:
    whole = f"{chance.choice(FAMILY[:4])}　{chance.choice(GIVEN)}"
    mark = chance.choice(("〓", "\ufffd", "??", "\ue000", "？", "□"))
    at = chance.choice((0, 1, 3))
    return {
        "field": "full_name",
        "left": whole,
        "right": whole[:at] + mark + whole[at + 1 :],
        "class": "garbled",
    }


def misread(chance: Random) -> Pair:
    whole = name(chance)
    read = chance.choice((
        whole.encode("utf-8").decode("cp932", "replace"), whole.encode("utf-8").decode("latin-1"),
        whole.encode("cp932").decode("utf-8", "replace"), whole.encode("cp932").decode("euc_jp", "replace"),
    ))  # fmt: skip
    return {"field": "full_name", "left": whole, "right": read, "class": "garbled"}


def reading(chance: Random) -> Pair:
    whole, written = kana(chance), name(chance)
    other = chance.choice((whole.replace("タ", "ダ", 1), whole.replace("　", "　オ", 1)))
    other = other if other != whole else whole.replace("　", "ノ　", 1)
    return {"field": "full_name_kana", "left": whole, "right": other, "left_written": written,
            "right_written": written.translate(COMMON), "class": "reading"}  # fmt: skip


def missing(chance: Random) -> Pair:
    return {
        "field": "full_name",
        "left": name(chance),
        "right": chance.choice((None, "", "　", "不詳")),
        "class": "missing",
    }


def real(chance: Random) -> Pair:
    town, one, two, three = place(chance)
    other = TOWNS[(TOWNS.index(town) + 1) % len(TOWNS)]
    return {"field": "address", "left": f"葛原市{town}{one}-{two}-{three}",
            "right": f"葛原市{other}{three}-{one}", "class": "real"}  # fmt: skip


def other_name(chance: Random) -> Pair:
    one, two = chance.sample(("田中　一", "鈴木　次郎", "吉田　みどり", "森　正人"), 2)
    return {"field": "full_name", "left": one, "right": two, "class": "real"}


KINDS: tuple[Callable[[Random], Pair], ...] = (
    notation, spaces, glyph, era, swapped, number, truncated, declared_cut, short_of_its_column, lost, misread,
    host_kana, other_kana, reading, missing, real, other_name,
)  # fmt: skip
