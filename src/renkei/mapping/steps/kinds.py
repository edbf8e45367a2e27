"""What a step is: the value it takes and gives, its faults, how it is written, whether it can be undone."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Literal

import polars as pl

from renkei.mapping.address import PARTS, Towns
from renkei.mapping.codes import CodeTable
from renkei.vault.tokens import KEYLESS, Tokens

Kind = Literal["text", "date", "interval", "timestamp", "integer", "boolean", "place", "token"]

#: Kinds that are a struct → its parts, each stored in a neighbour ``<target>_<part>`` where the record type
#: has one. The target itself takes the part that is named first.
SPREAD: dict[Kind, tuple[str, tuple[str, ...]]] = {
    "interval": ("date", ("lo", "hi", "precision")),
    "place": (PARTS[0], PARTS[1:]),
}


@dataclass(frozen=True, kw_only=True)
class Fault:
    """``bad`` is judged on the step's own result and on the text that the field began with."""

    code: str
    bad: Callable[[pl.Expr, pl.Expr], pl.Expr]

    def of(self, own: pl.Expr) -> "Fault":
        """The same fault where a later step changes the value: ``own`` is what this step made."""

        def bad(_result: pl.Expr, source: pl.Expr) -> pl.Expr:
            return self.bad(own, source)

        return replace(self, bad=bad)


@dataclass(frozen=True, kw_only=True)
class Value:
    """A value under way: its expression, what it holds, and what can be wrong with it.

    ``doubts`` are true for rows that are taken in and counted; ``number`` is what a token was made of, on its
    way to the vault: it counts where there is a token.
    """

    expr: pl.Expr
    kind: Kind = "text"
    faults: tuple[Fault, ...] = ()
    doubts: tuple[pl.Expr, ...] = ()
    number: pl.Expr | None = None

    def then(self, expr: pl.Expr, *faults: Fault, kind: Kind | None = None) -> "Value":
        """The value after one more step; faults found before it stay faults of what was there before."""
        earlier = (fault.of(self.expr) for fault in self.faults)
        return replace(self, expr=expr, kind=kind or self.kind, faults=(*earlier, *faults))


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a step may know beside its value: code tables, the day, the raw columns by name, the towns.

    Without ``towns`` a step knows the national table alone; without ``tokens`` no number is tokenised.
    """

    codes: Mapping[str, CodeTable]
    as_of: date
    raw: Callable[[str], pl.Expr]
    towns: Towns | None = None
    tokens: Tokens = KEYLESS


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step as declared: its name, its main argument and its options."""

    name: str
    argument: Any = None
    options: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Known:
    """What a mapping's steps may name: code tables, raw columns, files beside the mapping."""

    tables: Mapping[str, CodeTable]
    columns: frozenset[str]
    folder: Path


@dataclass(frozen=True, kw_only=True)
class Misuse:
    """What is wrong with a step's arguments; ``near`` are the names that could have been meant."""

    expected: str
    found: str
    near: Sequence[str] = ()


def nothing_wrong(_step: Step, _known: Known) -> Iterator[Misuse]:
    """Any argument will do."""
    yield from ()


def always(_step: Step, _around: Surroundings) -> tuple[str, str] | None:
    """Nothing stands in the way of undoing the step."""
    return None


def never(_step: Step, _around: Surroundings) -> Iterator[date]:
    """The step means the same on every day."""
    yield from ()


def one_of(*allowed: str) -> Callable[[Step, Known], Iterator[Misuse]]:
    """The argument must be one of these words."""

    def misuses(step: Step, _known: Known) -> Iterator[Misuse]:
        if step.argument not in allowed:
            yield Misuse(expected=" | ".join(allowed), found=str(step.argument), near=allowed)

    return misuses


#: Said of a step that does not say itself what is lost.
LOSSY = ("元の書き方が残らない", "the source's spelling is not kept")


@dataclass(frozen=True, kw_only=True)
class StepKind:
    """How a step is written and what it does.

    ``misuses`` says what is wrong with its arguments. ``undo`` gives the text that the step would have made
    this value of: None where that cannot be known, and ``lossy`` then says why, in Japanese and English. A
    step that can be undone may still say in ``lossy`` what does not come back; ``cannot`` says why it cannot
    be undone as it is written here, on this day, and ``partly`` which of its values cannot.
    ``keeps``: after the step a text is still what the source wrote. ``turns`` gives the days from which the
    step means something else than on the day before.
    """

    build: Callable[[Value, Step, Surroundings], Value]
    says: str
    takes: Kind = "text"
    gives: Kind = "text"
    argument: Literal["none", "needed", "optional"] = "none"
    options: tuple[str, ...] = ()
    misuses: Callable[[Step, Known], Iterator[Misuse]] = nothing_wrong
    undo: Callable[[pl.Expr, Step, Surroundings], pl.Expr] | None = None
    cannot: Callable[[Step, Surroundings], tuple[str, str] | None] = always
    partly: Callable[[Step, Surroundings], tuple[str, str] | None] = always
    lossy: tuple[str, str] = LOSSY
    keeps: bool = False
    turns: Callable[[Step, Surroundings], Iterable[date]] = never

    def misused(self, step: Step, known: Known) -> Iterator[Misuse]:
        """Everything about the step as it is written that cannot work."""
        if self.argument == "needed" and step.argument is None:
            yield Misuse(expected=f"an argument for {step.name}", found="none")
            return
        if self.argument == "none" and step.argument is not None and step.argument is not True:
            yield Misuse(expected=f"{step.name} without an argument", found=str(step.argument))
        for option in step.options:
            if option not in self.options:
                yield Misuse(expected=f"an option of {step.name}", found=option, near=self.options)
        yield from self.misuses(step, known)


def lost(result: pl.Expr, source: pl.Expr) -> pl.Expr:
    """Something was written and nothing came out."""
    return result.is_null() & source.is_not_null()


def must_match(pattern: str) -> Fault:
    """A value that is there must match."""

    def wrong(result: pl.Expr, _source: pl.Expr) -> pl.Expr:
        return result.is_not_null() & ~result.str.contains(pattern)

    return Fault(code="E_BAD_FORMAT", bad=wrong)


def texts(given: str | Sequence[str]) -> tuple[str, ...]:
    """One text or several, as several."""
    return (given,) if isinstance(given, str) else tuple(given)


def are_texts(given: object) -> bool:
    """True for a list of texts, where one text for several would be read letter by letter."""
    return isinstance(given, list | tuple) and all(isinstance(each, str) for each in given)
