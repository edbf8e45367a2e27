"""Steps on dates and moments."""

import functools

from renkei.mapping import dates
from renkei.mapping.steps.kinds import Fault, Step, StepKind, Surroundings, Value, lost, one_of, texts


def _date(value: Value, step: Step, _around: Surroundings) -> Value:
    pattern = step.argument if isinstance(step.argument, str) else "ISO"
    form = dates.Form(
        pattern=pattern,
        unknown=texts(step.options.get("unknown", "00")),
        words=texts(step.options.get("words", "不詳")),
    )
    read = functools.partial(dates.read_dates, form=form)
    result = value.expr.map_batches(read, return_dtype=dates.RESULT)
    bad = Fault(code="E_IMPOSSIBLE_DATE", bad=lambda result, _source: result.struct.field("bad"))
    return value.then(result, bad, kind="interval")


def _timestamp(value: Value, step: Step, _around: Surroundings) -> Value:
    result = dates.read_timestamps(value.expr, step.argument)
    return value.then(result, Fault(code="E_IMPOSSIBLE_DATE", bad=lost), kind="timestamp")


STEPS: dict[str, StepKind] = {
    "wareki": StepKind(
        build=_date,
        says="era date: GYYMMDD, EYYMMDD or TEXT",
        gives="interval",
        argument="needed",
        options=("unknown", "words"),
        misuses=one_of("GYYMMDD", "EYYMMDD", "TEXT"),
    ),
    "seireki": StepKind(
        build=_date,
        says="date: YYYYMMDD",
        gives="interval",
        argument="needed",
        options=("unknown", "words"),
        misuses=one_of("YYYYMMDD"),
    ),
    "iso_date": StepKind(
        build=_date,
        says="YYYY, YYYY-MM or YYYY-MM-DD",
        gives="interval",
        argument="optional",
        options=("unknown", "words"),
    ),
    "timestamp": StepKind(
        build=_timestamp,
        says="YYYYMMDDhhmmss or ISO, clock of Japan",
        gives="timestamp",
        argument="needed",
        misuses=one_of("YYYYMMDDhhmmss", "ISO"),
    ),
}
