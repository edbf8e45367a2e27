"""The run report's drawings: inline SVG, titled and described; labels and marks beside colours."""

from collections.abc import Mapping, Sequence

from renkei.report.html import Markup, join, tag

_LEFT, _RIGHT, _WIDTH = 240, 20, 900
_LABEL = 36  # half-width characters that fit left of the drawing
_SPAN = _WIDTH - _LEFT - _RIGHT

#: What a day's square holds besides its colour.
_MARKS = {"merged": "●", "held": "！", "refused": "✕", "missing": "–"}


def strip(
    ident: str,
    *,
    title: str,
    desc: str,
    words: Mapping[str, str],
    days: Sequence[str],
    rows: Sequence[tuple[str, Sequence[str]]],
) -> Markup:
    """Feeds down, days across; a square for each day, and below them what the marks mean."""
    step = _SPAN / len(days)
    heads = (_text(_LEFT + (n + 0.5) * step, 16, day, anchor="middle") for n, day in enumerate(days))
    body = (
        join((_label(name, 26 + n * 30), *_squares(states, 26 + n * 30, step)))
        for n, (name, states) in enumerate(rows)
    )
    foot = 44 + len(rows) * 30
    key = _text(_LEFT, foot, "　".join(f"{mark} {words[state]}" for state, mark in _MARKS.items()))
    return _drawing(ident, title=title, desc=desc, height=foot + 10, parts=(*heads, *body, key))


def shares(
    ident: str,
    *,
    title: str,
    desc: str,
    kinds: Sequence[tuple[str, str]],
    rows: Sequence[tuple[str, str, Mapping[str, int]]],
) -> Markup:
    """One bar a row, cut into its parts; the equation stands above the bar, the key above all."""
    parts = [*_key(kinds)]
    for n, (name, equation, counts) in enumerate(rows):
        top = 30 + n * 50
        parts += (_label(name, top + 12), _text(_LEFT, top + 12, equation), *_segments(counts, top + 18))
    return _drawing(ident, title=title, desc=desc, height=34 + len(rows) * 50, parts=parts)


def bars(
    ident: str,
    *,
    title: str,
    desc: str,
    kinds: Sequence[tuple[str, str]],
    rows: Sequence[tuple[str, Sequence[int]]],
) -> Markup:
    """A group of bars for each row, one for each kind (class, word), with its number at the end."""
    most = max((value for _, values in rows for value in values), default=0) or 1
    step = 16 * len(kinds) + 12
    parts: list[Markup] = []
    for n, (name, values) in enumerate(rows):
        top = 6 + n * step
        parts.append(_label(name, top + 8 * len(kinds) - 9))
        for k, ((class_, word), value) in enumerate(zip(kinds, values, strict=True)):
            parts += _bar(class_, f"{value:,} {word}", value / most, top + k * 16)
    return _drawing(ident, title=title, desc=desc, height=12 + len(rows) * step, parts=parts)


def _squares(states: Sequence[str], top: float, step: float) -> list[Markup]:
    parts: list[Markup] = []
    for n, state in enumerate(states):
        left = _LEFT + n * step + 3
        parts += (
            tag("rect", x=_px(left), y=_px(top), width=_px(step - 6), height=24, class_=f"day {state}"),
            _text(left + (step - 6) / 2, top + 17, _MARKS[state], anchor="middle", class_=f"mark {state}"),
        )
    return parts


def _key(kinds: Sequence[tuple[str, str]]) -> list[Markup]:
    parts: list[Markup] = []
    for n, (class_, word) in enumerate(kinds):
        left = _LEFT + n * 150
        parts.append(tag("rect", x=left, y=4, width=22, height=13, class_=class_))
        parts.append(_text(left + 28, 15, word))
    return parts


def _segments(counts: Mapping[str, int], top: float) -> list[Markup]:
    total, left = sum(counts.values()) or 1, float(_LEFT)
    parts: list[Markup] = []
    for kind, count in counts.items():
        if count:
            width = max(1.5, count / total * _SPAN)
            parts.append(tag("rect", x=_px(left), y=_px(top), width=_px(width), height=16, class_=kind))
            left += width
    return parts


def _bar(class_: str, words: str, share: float, top: float) -> tuple[Markup, Markup]:
    width = max(0.5, share * (_SPAN - 110))
    return (
        tag("rect", x=_LEFT, y=_px(top), width=_px(width), height=13, class_=class_),
        _text(_LEFT + width + 6, top + 11, words),
    )


def _label(name: str, top: float) -> Markup:
    return _text(_LEFT - 10, top + 13, _short(name), anchor="end")


def _short(name: str) -> str:
    """As much of a name as fits beside the drawing; the table under it has the whole."""
    taken = 0
    for place, character in enumerate(name):
        taken += 2 if ord(character) > 0x2E7F else 1
        if taken > _LABEL:
            return f"{name[: place - 1]}…"
    return name


def _text(x: float, y: float, words: str, *, anchor: str | None = None, class_: str | None = None) -> Markup:
    return tag("text", words, x=_px(x), y=_px(y), text_anchor=anchor, class_=class_)


def _px(value: float) -> str:
    return f"{value:.1f}"


def _drawing(ident: str, *, title: str, desc: str, height: float, parts: Sequence[Markup]) -> Markup:
    return tag(
        "svg",
        tag("title", title, id=f"{ident}-title"),
        tag("desc", desc, id=f"{ident}-desc"),
        *parts,
        viewBox=f"0 0 {_WIDTH} {height:.0f}",
        role="img",
        aria_labelledby=f"{ident}-title {ident}-desc",
    )
