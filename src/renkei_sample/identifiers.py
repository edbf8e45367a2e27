"""Numbers and dates as the legacy systems spell them."""

from collections.abc import Iterator
from datetime import date, timedelta

#: 葛原市, a municipality that does not exist; the sixth digit is its real check digit.
CITY_CODE = "132993"
CITY_NAME = "葛原市"
_ERAS = (
    ("5", date(2019, 5, 1), 2018),
    ("4", date(1989, 1, 8), 1988),
    ("3", date(1926, 12, 25), 1925),
    ("2", date(1912, 7, 30), 1911),
    ("1", date(1868, 1, 25), 1867),
)
#: 平文の半角カナへの対応: voiced marks become a second character, as the tax system stores them.
_HALF = dict(
    zip(
        "ァィゥェォャュョッーアイウエオカキクケコサシスセソタチツテト"
        "ナニヌネノハヒフヘホマミムメモヤユヨラリルレロワヲン　",
        "ｧｨｩｪｫｬｭｮｯｰｱｲｳｴｵｶｷｸｹｺｻｼｽｾｿﾀﾁﾂﾃﾄﾅﾆﾇﾈﾉﾊﾋﾌﾍﾎﾏﾐﾑﾒﾓﾔﾕﾖﾗﾘﾙﾚﾛﾜｦﾝ ",
        strict=True,
    )
)
_HALF |= {
    wide: _HALF[bare] + mark
    for wides, bares, mark in (
        ("ガギグゲゴザジズゼゾダヂヅデドバビブベボヴ", "カキクケコサシスセソタチツテトハヒフヘホウ", "ﾞ"),
        ("パピプペポ", "ハヒフヘホ", "ﾟ"),
    )
    for wide, bare in zip(wides, bares, strict=True)
}
_HALF_TABLE = str.maketrans(_HALF)
_WIDE_TABLE = str.maketrans({chr(code): chr(code + 0xFEE0) for code in range(0x21, 0x7F)} | {" ": "　"})
_NARROW_TABLE = str.maketrans({chr(code + 0xFEE0): chr(code) for code in range(0x21, 0x7F)})
_KANJI_DIGITS = "〇一二三四五六七八九"


def check_digit(serial: str) -> str | None:
    """M11 W2-7 check digit of a 宛名番号; ``None`` where the remainder leaves no single digit."""
    weighed = sum(int(digit) * (2 + place % 6) for place, digit in enumerate(reversed(serial)))
    remainder = weighed % 11
    return {0: "0", 1: None}.get(remainder, str(11 - remainder))


def numbers(first: int) -> Iterator[str]:
    """Ten-digit numbers with a check digit, rising from a serial; serials without one are skipped."""
    serial = first
    while True:
        digit = check_digit(f"{serial:09d}")
        if digit is not None:
            yield f"{serial:09d}{digit}"
        serial += 1


def individual_number(serial: int) -> str:
    """A synthetic 個人番号 with its check digit (総務省令第85号第5条); two serials never share one."""
    body = f"{serial * 7_919_000_977 % 10**11:011d}"
    weights = (place + 2 if place < 6 else place - 4 for place in range(11))
    total = sum(int(digit) * weight for digit, weight in zip(reversed(body), weights, strict=True))
    rest = total % 11
    return body + str(0 if rest <= 1 else 11 - rest)


def half_kana(text: str) -> str:
    """Full-width katakana as half-width, voiced marks apart."""
    return text.translate(_HALF_TABLE)


def wide(text: str) -> str:
    """ASCII as full-width letters and digits, a space as the ideographic one."""
    return text.translate(_WIDE_TABLE)


def narrow(text: str) -> str:
    """Full-width letters and digits as ASCII."""
    return text.translate(_NARROW_TABLE)


def kanji_number(value: int) -> str:
    """1 to 99 in kanji: 十二."""
    tens, ones = divmod(value, 10)
    head = "" if tens == 0 else "十" if tens == 1 else _KANJI_DIGITS[tens] + "十"
    return head + (_KANJI_DIGITS[ones] if ones else "")


def wareki(day: date) -> str:
    """GYYMMDD with a one-digit era."""
    for era, first, zero in _ERAS:
        if day >= first:
            return f"{era}{day.year - zero:02d}{day.month:02d}{day.day:02d}"
    raise ValueError("no era before 1868")


def wareki_birth(seinengappi: str) -> str:
    """A 住基 birth date (00 for unknown parts) as GYYMMDD; seven zeros where even the year is unknown."""
    year, month, day = seinengappi[:4], seinengappi[4:6], seinengappi[6:]
    if year == "0000":
        return "0000000"
    known = wareki(date(int(year), int(month) or 7, int(day) or 1))
    return known[:3] + month + day


def iso_birth(seinengappi: str) -> str:
    """A 住基 birth date as the welfare system writes it: as far as it is known."""
    year, month, day = seinengappi[:4], seinengappi[4:6], seinengappi[6:]
    if year == "0000":
        return "不詳"
    return "-".join(part for part in (year, month, day) if part != "00")


def ymd(day: date) -> str:
    """YYYYMMDD."""
    return f"{day.year:04d}{day.month:02d}{day.day:02d}"


def from_ymd(text: str) -> date:
    """A full YYYYMMDD as a date."""
    return date(int(text[:4]), int(text[4:6]), int(text[6:8]))


def from_wareki(text: str) -> date:
    """A full GYYMMDD as a date."""
    zero = next(zero for era, _, zero in _ERAS if era == text[0])
    return date(zero + int(text[1:3]), int(text[3:5]), int(text[5:7]))


def child_until(born: date) -> date:
    """The 31 March that ends childhood: age 18 is reached the day before the birthday."""
    reached = born - timedelta(days=1)
    year = reached.year + 18
    return date(year if (reached.month, reached.day) <= (3, 31) else year + 1, 3, 31)
