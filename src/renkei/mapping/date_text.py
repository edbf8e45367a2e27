"""Dates as people write them in Japanese, with everything that a registry may say of a date not known.

昭和六十三年一月二日 · Ｓ63.1.2 · ㍻元年１月８日 · 西暦1980年1月2日 · 昭和20年頃 · 推定昭和20年3月5日 ·
昭和20年春 · 昭和20年3月上旬 · 昭和20年3月日不詳 · 年月日不詳 · 昭和20年3月1日から5日頃までの間.
Width and numerals are folded first, for reading only; the source keeps its own text beside the interval.
"""

import polars as pl

from renkei.mapping import eras
from renkei.mapping.intervals import SEASONS, THIRDS, Form, resolve

_ERA = "|".join(sorted(eras.SPELLINGS, key=len, reverse=True))
_NUMBER = r"[0-9]{1,2}|不詳"
_PARTS = "|".join(THIRDS)

#: Written with 年月日. What is not filled in must be said to be unknown at the end.
_WORDED = (
    rf"^(?<g1>推定)?(?<era>{_ERA}|西暦)?(?<y>元|[0-9]{{1,4}}|不詳)?(?<seen>年)"
    rf"(?:(?<m>{_NUMBER})?(?<month>月)(?:(?<third>{_PARTS})|(?<d>{_NUMBER})?(?<day>日))?"
    rf"|(?<season>[{''.join(SEASONS)}]))?"
    r"(?<gone>不詳)?(?<about>頃)?(?<g2>推定)?$"
)
#: Written with separators, the same one twice; or eight figures.
_POINTED = (
    rf"^(?<g1>推定)?(?<era>{_ERA}|西暦)?(?<y>元|[0-9]{{1,4}})(?<s1>[./\-])(?<m>[0-9]{{1,2}})"
    r"(?:(?<s2>[./\-])(?<d>[0-9]{1,2}))?(?<about>頃)?$"
)
_FIGURES = r"^(?<y>[0-9]{4})(?<m>[0-9]{2})(?<d>[0-9]{2})$"
_RANGE = r"^(?<a>.+?)(?:から|より|~|〜)(?<b>.+?)(?:まで)?(?:の?間)?$"


def read(text: pl.Series, form: Form) -> pl.DataFrame:
    """One row of the result's columns for each text."""
    folded = pl.DataFrame({"text": text}).select(
        pl.col("text").is_in(form.words).alias("word"), _folded(pl.col("text")).alias("t")
    )
    pair = folded.select("word", "t", pl.col("t").str.extract_groups(_RANGE).alias("cut")).unnest("cut")
    whole = pair.select("word", pl.coalesce("a", "t").alias("t"))
    until = pair.select("word", _filled_up(pl.col("a"), pl.col("b")).alias("t"))
    first, last = (resolve(_parts(each, form), form) for each in (whole, until))
    return _between(first, last, is_range=pair["a"].is_not_null() & ~pair["word"])


def _between(first: pl.DataFrame, last: pl.DataFrame, *, is_range: pl.Series) -> pl.DataFrame:
    """「AからBまでの間」: from A's first day to B's last; bad when either is, or when B ends before A."""
    both = first.with_columns(last.select(pl.all().name.suffix("_2"))).with_columns(is_range.alias("range"))
    unclear = pl.col("lo").is_null() | pl.col("hi_2").is_null() | (pl.col("lo") > pl.col("hi_2"))
    wrong = pl.col("bad") | pl.col("bad_2") | unclear
    seen = {
        "date": pl.lit(None, pl.Date),
        "lo": pl.when(~wrong).then("lo"),
        "hi": pl.when(~wrong).then("hi_2"),
        "precision": pl.lit("S"),
        "bad": wrong,
    }
    return both.select(
        pl.when("range").then(expr).otherwise(pl.col(name)).alias(name) for name, expr in seen.items()
    )


def _filled_up(a: pl.Expr, b: pl.Expr) -> pl.Expr:
    """The second day with what it leaves out taken from the first: 「3月1日から5日」, 「同年4月」."""
    bare = b.str.replace(r"^同[年月]", "")
    head = (
        pl.when(bare.str.contains(r"^[0-9]{1,2}日"))
        .then(a.str.extract(r"^(.*?月)"))
        .when(bare.str.contains(r"^[0-9]{1,2}月"))
        .then(a.str.extract(r"^(.*?年)"))
        .when(bare.str.contains(r"^[0-9]{1,2}年"))
        .then(a.str.extract(rf"^((?:推定)?(?:{_ERA}))"))
        .otherwise(pl.lit(""))
    )
    return pl.concat_str(head, bare)


def _parts(texts: pl.DataFrame, form: Form) -> pl.DataFrame:
    """The parts that :func:`resolve` takes, from whichever of the three ways of writing fits."""
    cut = texts.select(
        "word",
        pl.col("t").str.extract_groups(_WORDED).alias("w"),
        pl.col("t").str.extract_groups(_POINTED).alias("p"),
        pl.col("t").str.extract_groups(_FIGURES).alias("f"),
    ).unnest("w", "p", "f", separator=":")
    either = {
        name: pl.coalesce(f"{way}:{name}" for way in ways)
        for name, ways in {"era": "wp", "y": "wpf", "m": "wpf", "d": "wpf", "g1": "wp", "about": "wp"}.items()
    }
    named = cut.with_columns(**either).with_columns(part=pl.coalesce("w:third", "w:season").fill_null(""))
    return named.select(
        "word",
        (_worded() | _pointed() | pl.col("f:y").is_not_null()).fill_null(value=False).alias("formed"),
        _era().alias("era"),
        _number("y", form).alias("y"),
        _number("m", form).alias("m"),
        _number("d", form).alias("d"),
        "part",
        about=pl.col("about").is_not_null(),
        guess=pl.coalesce("g1", "w:g2").is_not_null(),
    )


def _worded() -> pl.Expr:
    """Whatever has no number must be said to be unknown, and nothing that has one."""
    y, m, d = pl.col("w:y"), pl.col("w:m"), pl.col("w:d")
    year_known = y.is_not_null() & (y != "不詳")
    empty = y.is_null() | (m.is_null() & pl.col("w:month").is_not_null())
    empty = empty | (d.is_null() & pl.col("w:day").is_not_null())
    short = d.is_null() & pl.col("w:third").is_null() & pl.col("w:season").is_null()
    said = pl.when(pl.col("w:gone").is_not_null()).then(short).otherwise(~empty)
    return pl.col("w:seen").is_not_null() & (pl.col("w:about").is_null() | year_known) & said


def _pointed() -> pl.Expr:
    same = pl.col("p:s2").is_null() | (pl.col("p:s1") == pl.col("p:s2"))
    return pl.col("p:y").is_not_null() & same


def _era() -> pl.Expr:
    """A year of four figures is the calendar's, and no era's; a shorter one needs its era."""
    full = pl.col("y").str.len_chars() == 4
    name = pl.col("era").replace_strict({**eras.SPELLINGS, "西暦": ""}, default=None, return_dtype=pl.String)
    western = pl.col("era").is_null() | (pl.col("era") == "西暦")
    nameless = pl.col("y").is_null() | (pl.col("y") == "不詳")
    return (
        pl.when(western & (full | nameless))
        .then(pl.lit(""))
        .when(western | full)
        .then(pl.lit("?"))
        .otherwise(name)
    )


def _number(name: str, form: Form) -> pl.Expr:
    figures = pl.col(name).replace("元", "1")
    unknown = figures.is_in(["不詳", *form.unknown, *(mark * 2 for mark in form.unknown)])
    return pl.when(unknown).then(None).otherwise(figures.cast(pl.Int32, strict=False))


def _folded(text: pl.Expr) -> pl.Expr:
    """One width, figures for numerals, one word for one meaning, for reading; "" for no such numeral."""
    narrow = text.str.normalize("NFKC").str.replace_many(_PLAIN)
    read = narrow.str.replace_many(_WORDS, leftmost=True)
    return pl.when(narrow.str.contains(_NO_NUMERAL)).then(pl.lit("")).otherwise(read)


#: Formal figures and short forms, as everyday ones; what stands between is nothing.
_PLAIN = {
    **dict(zip("壱弐参壹貳參拾", "一二三一二三十", strict=True)),
    "廿": "二十",
    "卅": "三十",
    **dict.fromkeys(" \t()", ""),
}

_ONES = "一二三四五六七八九"
#: 十 beside figures or other tens (1十, 六三十): put together they would be a year far ahead.
_NO_NUMERAL = rf"[0-9〇]十|十[0-9〇]|十[{_ONES}]?十|[{_ONES}]{{2}}十|十[{_ONES}][0-9〇{_ONES}]"


def _numerals() -> dict[str, str]:
    """十 to 九十九, then single figures (六三 → 63)."""
    spelt: dict[str, str] = {}
    for ten, tens in enumerate(_ONES, 1):
        for one, unit in enumerate(("", *_ONES)):
            number = str(10 * ten + one)
            spelt |= {f"{'' if ten == 1 else tens}十{unit}": number, f"{tens}十{unit}": number}
    return spelt | {figure: str(value) for value, figure in enumerate(f"〇{_ONES}")}


_WORDS = {
    **dict(sorted(_numerals().items(), key=lambda pair: -len(pair[0]))),
    **dict.fromkeys(("ごろ", "ころ", "の頃"), "頃"),
    **dict.fromkeys(("生年月日不詳", "生年月日不明"), "年月日不詳"),
    "不明": "不詳",
    "初旬": "上旬",
}
