"""One text through a field's steps, stage by stage: what an engineer tries and an auditor asks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import polars as pl

from renkei.mapping.address import Towns
from renkei.mapping.codes import CodeTable
from renkei.mapping.steps import SPREAD, STEPS, Step, Surroundings, Value
from renkei.mapping.steps.kinds import Fault
from renkei.vault.tokens import VEILED

PADDING = " \u3000"


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A step and what came out of it: text, date, number, or a mapping of parts."""

    step: Step
    value: Any


@dataclass(frozen=True, kw_only=True)
class Trial:
    """Every stage in order. ``refused`` is the code of the first fault; the value then counts for nothing."""

    stages: tuple[Stage, ...]
    refused: str | None

    @property
    def value(self) -> Any:  # noqa: ANN401 - whatever the last step gives
        """What the last step gave; None when the text was refused."""
        return None if self.refused else self.stages[-1].value

    def veiled(self, sign: str) -> "Trial":
        """The same steps with the sign for whatever they gave."""
        stages = tuple(replace(stage, value=None if stage.value is None else sign) for stage in self.stages)
        return replace(self, stages=stages)


def trial(
    steps: Sequence[Step],
    text: str | None,
    *,
    codes: Mapping[str, CodeTable],
    as_of: date,
    raw: Mapping[str, str | None] | None = None,
    towns: Towns | None = None,
) -> Trial:
    """Take the text through the steps. ``raw`` are the record's other columns, for steps that read them;
    without ``towns`` the national table stands alone.
    """
    frame = pl.DataFrame({"text": [_trimmed(text)]}, schema={"text": pl.String})
    beside = {name: _trimmed(value) for name, value in (raw or {}).items()}
    around = Surroundings(
        codes=codes, as_of=as_of, raw=lambda name: pl.lit(beside[name], pl.String), towns=towns, tokens=VEILED
    )
    value, stages = Value(expr=pl.col("text")), []
    for step in steps:
        value = STEPS[step.name].build(value, step, around)
        made = frame.select(value.expr.alias("made"))["made"][0]
        stages.append(Stage(step=step, value=_parts(made, value)))
    made = frame.with_columns(value.expr.alias("made"))
    bad = (fault.code for fault in value.faults if _is_bad(made, fault))
    return Trial(stages=tuple(stages), refused=next(bad, None))


def _parts(made: Any, value: Value) -> Any:  # noqa: ANN401 - whatever a step gives
    """A value of several parts as a record stores it: what only judges it is left out."""
    if value.kind not in SPREAD or made is None:
        return made
    first, others = SPREAD[value.kind]
    parts = {name: made[name] for name in (first, *others)}
    return parts if any(part is not None for part in parts.values()) else None


def _is_bad(made: pl.DataFrame, fault: Fault) -> bool:
    judged = fault.bad(pl.col("made"), pl.col("text")).fill_null(value=False)
    return bool(made.select(judged.alias("bad"))["bad"][0])


def _trimmed(text: str | None) -> str | None:
    """As a mapping has it: padding at the end belongs to the layout, and blank says nothing."""
    return (text or "").rstrip(PADDING) or None
