"""Steps on dates and moments."""

import functools
from collections.abc import Callable, Iterator

import polars as pl

from renkei.mapping import dates, eras, moments
from renkei.mapping.steps.kinds import (
    Fault,
    Known,
    Misuse,
    Step,
    StepKind,
    Surroundings,
    Value,
    are_texts,
    lost,
    texts,
)

#: Characters of a month or a day, and the patterns that also write them with one.
_MARK, _FREE = 2, ("TEXT", "YYYY/MM/DD")

#: What a year past its era's end may mean: an error, or the calendar's year counted on.
OVERRUNS = ("refuse", "by_rule")


def _form(step: Step) -> dates.Form:
    options = step.options
    return dates.Form(
        pattern=step.argument if isinstance(step.argument, str) else "ISO",
        unknown=texts(options.get("unknown", "00")),
        words=texts(options.get("words", "不詳")),
        eras=tuple(options.get("eras", {}).items()),
        by_rule=options.get("overrun") == "by_rule",
        about=options.get("about", 1),
    )


def _date(value: Value, step: Step, _around: Surroundings) -> Value:
    read = functools.partial(dates.read_dates, form=_form(step))
    result = value.expr.map_batches(read, return_dtype=dates.RESULT)
    bad = Fault(code="E_IMPOSSIBLE_DATE", bad=lambda result, _source: result.struct.field("bad"))
    return value.then(result, bad, kind="interval")


def _written(day: pl.Expr, step: Step, _around: Surroundings) -> pl.Expr:
    """A whole day as the source writes it. What is not known to the day has only its own text."""
    return dates.write_dates(day, _form(step))


def _timestamp(value: Value, step: Step, _around: Surroundings) -> Value:
    result = moments.read_timestamps(value.expr, step.argument, zone=_zone(step))
    return value.then(result, Fault(code="E_IMPOSSIBLE_DATE", bad=lost), kind="timestamp")


def _moment_written(moment: pl.Expr, step: Step, _around: Surroundings) -> pl.Expr:
    return moments.write_timestamps(moment, step.argument, zone=_zone(step))


def _zone(step: Step) -> str:
    return str(step.options.get("zone", moments.ZONES[0]))


def _misuses(*patterns: str) -> Callable[[Step, Known], Iterator[Misuse]]:
    """What is wrong with the pattern, the era codes and the two rules."""

    def misuses(step: Step, _known: Known) -> Iterator[Misuse]:
        bare = STEPS[step.name].argument == "optional" and (step.argument is None or step.argument is True)
        if step.argument not in patterns and not bare:
            yield Misuse(expected=" | ".join(patterns), found=str(step.argument), near=patterns)
        yield from _eras_misused(step)
        yield from _marks_misused(step)
        if step.options.get("overrun", "refuse") not in OVERRUNS:
            yield Misuse(expected=" | ".join(OVERRUNS), found=str(step.options["overrun"]), near=OVERRUNS)
        about = step.options.get("about", 1)
        if type(about) is not int or not 0 <= about <= 9:
            yield Misuse(expected="about: a number from 0 to 9", found=str(about))

    return misuses


def _eras_misused(step: Step) -> Iterator[Misuse]:
    """Codes must fill the pattern's place, and name an era."""
    if "eras" not in step.options:
        return
    codes, usual = step.options["eras"], eras.CODES.get(str(step.argument))
    if usual is None or not isinstance(codes, dict):
        yield Misuse(expected="eras = { code = era } with a pattern of era codes", found=str(codes))
        return
    width = len(next(iter(usual)))
    for code, name in codes.items():
        if len(code) != width:
            yield Misuse(expected=f"{width} characters for the code of an era", found=code)
        if name not in eras.NAMES:
            yield Misuse(expected=" | ".join(eras.NAMES), found=str(name), near=eras.NAMES)


def _marks_misused(step: Step) -> Iterator[Misuse]:
    """Marks of the unknown are texts as wide as a month; one of another width would never be found."""
    for name in ("unknown", "words"):
        given = step.options.get(name, "")
        if not isinstance(given, str) and not are_texts(given):
            yield Misuse(expected=f"{name}: a text or a list of texts", found=str(given))
            return
    for mark in texts(step.options.get("unknown", "00")):
        if len(mark) != _MARK and step.argument not in _FREE:
            yield Misuse(expected=f"{_MARK} characters for an unknown month or day", found=repr(mark))


def _zone_misused(step: Step, _known: Known) -> Iterator[Misuse]:
    if step.argument not in moments.PATTERNS:
        yield Misuse(expected=" | ".join(moments.PATTERNS), found=str(step.argument), near=moments.PATTERNS)
    if _zone(step) not in moments.ZONES:
        yield Misuse(expected=" | ".join(moments.ZONES), found=_zone(step), near=moments.ZONES)


_LOSSY = (
    "日まで分かる日付だけを書き戻せる（それ以外は原文を使う）",
    "only a date known to the day can be written back; for any other its own text is used",
)

STEPS: dict[str, StepKind] = {
    "wareki": StepKind(
        build=_date,
        says="era date: GYYMMDD, EYYMMDD, GGYYMMDD, or TEXT as people write it",
        gives="interval",
        argument="needed",
        options=("unknown", "words", "overrun", "eras", "about"),
        misuses=_misuses("GYYMMDD", "EYYMMDD", "GGYYMMDD", "TEXT"),
        undo=_written,
        lossy=_LOSSY,
    ),
    "seireki": StepKind(
        build=_date,
        says="date: YYYYMMDD, or YYYY/MM/DD with any one separator",
        gives="interval",
        argument="needed",
        options=("unknown", "words"),
        misuses=_misuses("YYYYMMDD", "YYYY/MM/DD"),
        undo=_written,
        lossy=_LOSSY,
    ),
    "iso_date": StepKind(
        build=_date,
        says="YYYY, YYYY-MM or YYYY-MM-DD",
        gives="interval",
        argument="optional",
        options=("unknown", "words"),
        misuses=_misuses("ISO"),
        undo=_written,
        lossy=_LOSSY,
    ),
    "timestamp": StepKind(
        build=_timestamp,
        says="YYYYMMDDhhmmss or ISO; Japan's clock, or zone = UTC",
        gives="timestamp",
        argument="needed",
        options=("zone",),
        misuses=_zone_misused,
        undo=_moment_written,
        lossy=(
            "同じ時計で書き戻す（秒より細かい時刻は ISO だけ）",
            "written back on the same clock; parts of a second only as ISO",
        ),
    ),
}
