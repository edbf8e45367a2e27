"""The normalization steps that a mapping may name. Closed list: a mapping holds no code of its own.

A step takes the value so far and gives the next one, with the faults it can find on the way. A fault is
an expression that is true for a bad row; the row is then set aside with the fault's code.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

import polars as pl

from renkei.mapping import address, dates, digits, folds
from renkei.mapping.codes import CodeTable

Kind = Literal["text", "date", "interval", "timestamp", "integer", "boolean"]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """``bad`` is judged on the step's own result ``pl.col(result)`` and on the text it was made from."""

    code: str
    bad: Callable[[pl.Expr, pl.Expr], pl.Expr]


@dataclass(frozen=True, kw_only=True)
class Value:
    """A value under way: its expression, what it holds, and what can be wrong with it."""

    expr: pl.Expr
    kind: Kind = "text"
    faults: tuple[Fault, ...] = ()

    def then(self, expr: pl.Expr, *faults: Fault, kind: Kind | None = None) -> "Value":
        """The value after one more step."""
        return replace(self, expr=expr, kind=kind or self.kind, faults=(*self.faults, *faults))


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a step may know beside its value: code tables, the day, and the raw columns by name."""

    codes: Mapping[str, CodeTable]
    as_of: date
    raw: Callable[[str], pl.Expr]


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step as declared: its name, its main argument and its options."""

    name: str
    argument: Any = None
    options: Mapping[str, Any]


def parse(declared: str | Mapping[str, Any]) -> Step:
    """``"trim"`` or ``{ wareki = "GYYMMDD", unknown = "00" }``: the first known key names the step."""
    if isinstance(declared, str):
        return Step(name=declared, options={})
    name = next((key for key in declared if key in STEPS), next(iter(declared)))
    options = {key: value for key, value in declared.items() if key != name}
    return Step(name=name, argument=declared[name], options=options)


def _lost(result: pl.Expr, source: pl.Expr) -> pl.Expr:
    """Something was written and nothing came out."""
    return result.is_null() & source.is_not_null()


def _trim(value: Value, _step: Step, _around: Surroundings) -> Value:
    """Padding goes before any step; naming it says so to the reader."""
    return value


def _wide_kana(value: Value, _step: Step, _around: Surroundings) -> Value:
    return value.then(folds.wide_kana(value.expr))


def _strict_key(value: Value, _step: Step, _around: Surroundings) -> Value:
    return value.then(folds.strict_key(value.expr))


def _pad(value: Value, step: Step, _around: Surroundings) -> Value:
    return value.then(value.expr.str.zfill(int(step.argument)))


def _code(value: Value, step: Step, around: Surroundings) -> Value:
    table = around.codes[step.argument]
    words = table.at(around.as_of)
    key = _prefix_of(value.expr, words) if table.by_prefix else value.expr
    said = {code: word for code, word in words.items() if word is not None}
    silent = [code for code, word in words.items() if word is None]
    nothing = pl.lit(None, pl.String)
    result = key.replace_strict(said, default=None, return_dtype=pl.String) if said else nothing

    def unknown(result: pl.Expr, source: pl.Expr) -> pl.Expr:
        bad = _lost(result, source)
        return bad & ~source.is_in(silent) if silent else bad

    return value.then(result, Fault(code="E_UNKNOWN_CODE", bad=unknown))


def _prefix_of(text: pl.Expr, prefixes: Mapping[str, Any]) -> pl.Expr:
    """The longest known beginning of the text."""
    found = pl.lit(None, pl.String)
    for prefix in sorted(prefixes, key=len):
        found = pl.when(text.str.starts_with(prefix)).then(pl.lit(prefix)).otherwise(found)
    return found


def _check_digit(value: Value, step: Step, _around: Surroundings) -> Value:
    check = digits.CHECKS[step.argument]

    def wrong(result: pl.Expr, _source: pl.Expr) -> pl.Expr:
        return result.is_not_null() & ~check(result).fill_null(value=False)

    return value.then(value.expr, Fault(code="E_CHECK_DIGIT", bad=wrong))


def _postal(value: Value, _step: Step, _around: Surroundings) -> Value:
    bare = value.expr.str.replace(r"^(\d{3})-(\d{4})$", "${1}${2}")
    return value.then(bare, _must_match(r"^[0-9]{7}$"))


def _matches(value: Value, step: Step, _around: Surroundings) -> Value:
    return value.then(value.expr, _must_match(step.argument))


def _must_match(pattern: str) -> Fault:
    def wrong(result: pl.Expr, _source: pl.Expr) -> pl.Expr:
        return result.is_not_null() & ~result.str.contains(pattern)

    return Fault(code="E_BAD_FORMAT", bad=wrong)


def _integer(value: Value, _step: Step, _around: Surroundings) -> Value:
    figures = value.expr.str.strip_chars(" ")
    whole = pl.when(figures.str.contains(r"^-?[0-9]{1,18}$")).then(figures.cast(pl.Int64, strict=False))
    return value.then(whole, Fault(code="E_BAD_FORMAT", bad=_lost), kind="integer")


def _boolean(value: Value, step: Step, _around: Surroundings) -> Value:
    answers = dict.fromkeys(step.options["yes"], True) | dict.fromkeys(step.options["no"], False)
    result = value.expr.replace_strict(answers, default=None, return_dtype=pl.Boolean)
    return value.then(result, Fault(code="E_UNKNOWN_CODE", bad=_lost), kind="boolean")


def _equals(value: Value, step: Step, _around: Surroundings) -> Value:
    return value.then(value.expr == step.argument, kind="boolean")


def _present(value: Value, step: Step, _around: Surroundings) -> Value:
    return value.then(pl.when(value.expr.is_not_null()).then(pl.lit(step.argument)).otherwise(None))


def _date(value: Value, step: Step, _around: Surroundings) -> Value:
    pattern = step.argument if isinstance(step.argument, str) else "ISO"
    form = dates.Form(
        pattern=pattern,
        unknown=_tuple(step.options.get("unknown", "00")),
        words=_tuple(step.options.get("words", "不詳")),
    )
    read = functools.partial(dates.read_dates, form=form)
    result = value.expr.map_batches(read, return_dtype=dates.RESULT)
    bad = Fault(code="E_IMPOSSIBLE_DATE", bad=lambda result, _source: result.struct.field("bad"))
    return value.then(result, bad, kind="interval")


def _tuple(given: str | Sequence[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _timestamp(value: Value, step: Step, _around: Surroundings) -> Value:
    result = dates.read_timestamps(value.expr, step.argument)
    return value.then(result, Fault(code="E_IMPOSSIBLE_DATE", bad=_lost), kind="timestamp")


def _address_key(value: Value, step: Step, around: Surroundings) -> Value:
    given = step.argument if isinstance(step.argument, Mapping) else {}
    code = pl.lit(given["code"]) if "code" in given else around.raw(given["municipality"])
    key = address.address_key(value.expr, municipality=code, strip=_tuple(given.get("strip", ())))
    return value.then(key)


@dataclass(frozen=True, kw_only=True)
class StepKind:
    """How a step is written and what it does. ``check`` says what is wrong with its arguments."""

    build: Callable[[Value, Step, Surroundings], Value]
    says: str
    takes: Kind = "text"
    gives: Kind = "text"
    argument: Literal["none", "needed", "optional"] = "none"
    options: tuple[str, ...] = ()


STEPS: dict[str, StepKind] = {
    "trim": StepKind(build=_trim, says="padding goes; blank is nothing (always done)"),
    "wide_kana": StepKind(build=_wide_kana, says="half-width katakana to full width"),
    "name_key": StepKind(build=_strict_key, says="strict key K1 of a name; kanji variants stay apart"),
    "kana_key": StepKind(build=_strict_key, says="strict key K1 of a reading"),
    "pad": StepKind(build=_pad, says="zeros on the left up to a width", argument="needed"),
    "code": StepKind(build=_code, says="translate by a code table", argument="needed"),
    "check_digit": StepKind(build=_check_digit, says="atena (M11 W2-7) or dantai", argument="needed"),
    "postal": StepKind(build=_postal, says="seven figures, the hyphen goes"),
    "matches": StepKind(build=_matches, says="must match an RE2 expression", argument="needed"),
    "integer": StepKind(build=_integer, says="whole number, money in yen", gives="integer"),
    "boolean": StepKind(
        build=_boolean,
        says="yes and no by lists",
        gives="boolean",
        argument="optional",
        options=("yes", "no"),
    ),
    "equals": StepKind(build=_equals, says="is it this word?", gives="boolean", argument="needed"),
    "present": StepKind(build=_present, says="this word where there is a value", argument="needed"),
    "wareki": StepKind(
        build=_date,
        says="era date: GYYMMDD, EYYMMDD or TEXT",
        gives="interval",
        argument="needed",
        options=("unknown", "words"),
    ),
    "seireki": StepKind(
        build=_date, says="date: YYYYMMDD", gives="interval", argument="needed", options=("unknown", "words")
    ),
    "iso_date": StepKind(
        build=_date,
        says="YYYY, YYYY-MM or YYYY-MM-DD",
        gives="interval",
        argument="optional",
        options=("unknown", "words"),
    ),
    "timestamp": StepKind(
        build=_timestamp, says="YYYYMMDDhhmmss or ISO, clock of Japan", gives="timestamp", argument="needed"
    ),
    "address_key": StepKind(
        build=_address_key, says="municipality | town and numbers, folded", argument="needed"
    ),
}
