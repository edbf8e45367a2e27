"""The drawings of a report as numbers for ``chart.typ``, each with its words for those who do not see it."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from renkei.report.figures import PER, Figures, RuleCount
from renkei.report.labels import label
from renkei.report.period import in_words, short
from renkei.report.words import NO_NUMBER, Front

#: Most bars of one drawing; the table on the next page has all of them.
MOST_BARS = 6
#: Below this share of decisions that found a fault in fact, a rule is marked.
LOW_PRECISION = 0.7

#: Half-width characters that stand beside a bar, and across a whole drawing.
_BESIDE, _COLUMN = 29, 68
_COUNTS = ("opened", "closed", "standing")

Bar = tuple[str, float, float, str]  # name, length, how much of it is light, words at its end


def axis(most: int) -> dict[str, Any]:
    """A round top not below ``most``, and the ticks that are written: whole numbers from nought."""
    step = 1
    while step * 4 < most:
        digits = 10 ** int(math.log10(step))
        step = {1: 2, 2: 5, 5: 10}[step // digits] * digits
    count = max(1, math.ceil(most / step))
    return {"top": step * count, "ticks": [step * n for n in range(count + 1)]}


def days(figures: Figures) -> dict[str, Any]:
    """New, closed and standing over the days; a day without a comparison has no numbers."""
    every = figures.days
    known = [day for day in every if day.is_compared]
    absent = len(every) - len(known)
    gaps = f" 照合のない日 {absent} 日。" if absent else ""
    span = f"{in_words(every[0].day)}から{in_words(every[-1].day)}まで"
    opened, closed = sum(day.opened for day in known), sum(day.closed for day in known)
    stands = "照合した日がありません。"
    if known:
        most = max(day.standing for day in known)
        stands = f"{known[0].standing:,} 件から {known[-1].standing:,} 件へ。最大 {most:,} 件。"
    return {
        "labels": short([day.day for day in every]),
        "compared": [day.is_compared for day in every],
        **{name: [getattr(day, name) for day in every] for name in _COUNTS},
        "axis_flow": axis(max((max(day.opened, day.closed) for day in known), default=1)),
        "axis_standing": axis(max((day.standing for day in known), default=1)),
        "alt_flow": f"棒グラフ。{span}の新規 {opened:,} 件、解消 {closed:,} 件。{gaps}",
        "alt_standing": f"折れ線グラフ。{span}の日の終わりに残る不一致。{stands}{gaps}",
        "rows": [
            [
                day.day.isoformat(),
                *(f"{getattr(day, name):,}" if day.is_compared else NO_NUMBER for name in _COUNTS),
            ]
            for day in every
        ],
    }


def ages(figures: Figures) -> dict[str, Any]:
    """How old the standing ones are."""
    bars = [
        (age.band, float(age.standing), float(age.suppressed), f"{age.standing:,}件") for age in figures.ages
    ]
    shown = bars if any(age.standing for age in figures.ages) else []
    return _across(shown, about="検出からの日数ごとの残", nothing=_nothing_stands(figures))


def rates(figures: Figures, front: Front) -> dict[str, Any]:
    """The standing ones of each rule in ten thousand residents."""
    bars = [
        (front.rule(rule.rule_id), rate, 0.0, f"{rate:,.1f}件")
        for rule in _largest(figures.rules, lambda rule: rule.standing)
        if (rate := figures.rate(rule.standing)) is not None
    ]
    nothing = _nothing_stands(figures) if figures.residents else "住民の数が分かりません。"
    return _across(bars, about=f"規則別の残を住民 {PER:,} 人当たりで（多い順）", nothing=nothing)


def entries(figures: Figures) -> dict[str, Any]:
    """The minutes that typing twice took since the first of the month."""
    as_of = figures.period.as_of
    total = sum(each.minutes for each in figures.entries)
    bars = [
        (label("field", each.field), float(each.minutes), 0.0, f"{each.minutes:,}分（{each.entries:,}回）")
        for each in figures.entries[:MOST_BARS]
    ]
    own = "にこの課で入力" if figures.entries_of else ""
    about = f"{as_of.month}月1日から{as_of.day}日まで{own}、計 {total:,} 分"
    where = "この課で入力された" if figures.entries_of else ""
    return _across(bars, about=about, nothing=f"{where}二重入力は見つかっていません。")


def precision(figures: Figures, front: Front) -> dict[str, Any]:
    """How many of the decisions on a rule's cases found a fault in fact."""
    bars = [
        (front.rule(rule.rule_id), share, 0.0, _share(rule, share))
        for rule in _largest(figures.rules, lambda rule: rule.decided)
        for share in [rule.confirmed / rule.decided]
    ]
    about = f"職員の判定のうち修正依頼になった割合（▲ {LOW_PRECISION:.0%}未満）"
    return _across(bars, about=about, nothing="まだ判定がありません。", most=1.0)


def _across(bars: Sequence[Bar], *, about: str, nothing: str, most: float | None = None) -> dict[str, Any]:
    said = "、".join(f"{name} {words}" for name, _, _, words in bars)
    widest = max((width(name) for name, *_ in bars), default=0)
    return {
        "rows": [
            {"name": cut(name), "value": value, "light": light, "words": words}
            for name, value, light, words in bars
        ],
        "most": most or max((value for _, value, _, _ in bars), default=0),
        "names": min(48, widest * 100 // _COLUMN + 8),  # in hundredths of the drawing
        "alt": f"横棒グラフ。{about}：{said}。",
        "nothing": nothing,
        "note": about,
    }


def _nothing_stands(figures: Figures) -> str:
    return f"残る不一致はありません（{'0 件' if figures.was_compared else '照合していません'}）。"


def _share(rule: RuleCount, share: float) -> str:
    mark = "▲" if share < LOW_PRECISION else ""
    return f"{mark}{share:.0%}（{rule.confirmed:,}/{rule.decided:,}）"


def _largest(rules: Sequence[RuleCount], by: Callable[[RuleCount], int]) -> list[RuleCount]:
    ordered = sorted((rule for rule in rules if by(rule)), key=lambda rule: (-by(rule), rule.rule_id))
    return ordered[:MOST_BARS]


def width(text: str) -> int:
    """In half-width characters."""
    return sum(2 if ord(character) > 0x2E7F else 1 for character in text)


def cut(name: str) -> str:
    """As much of a name as stands beside a bar; the table has the whole."""
    while width(name) > _BESIDE:
        name = f"{name.removesuffix('…')[:-1]}…"
    return name
