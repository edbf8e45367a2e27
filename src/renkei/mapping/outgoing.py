"""The same declaration the other way: records of the registry → raw columns in the source's own layout.

Each raw column is made from the field that keeps most of it: the source's own text where it is stored beside
a date, a text that is stored as written, a value whose steps can be undone on that day. What cannot be made
says why. Then everything that was made is read again by the same mapping: a record that does not come back
as it was is set aside, so that nothing wrong is ever sent.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

import polars as pl
import pyarrow as pa

from renkei.mapping import segments
from renkei.mapping.compile import Plan, run
from renkei.mapping.declaration import BY_DELIVERY, FieldRule, Mapping
from renkei.mapping.steps import STEPS
from renkei.mapping.steps.kinds import LOSSY
from renkei.model import BYTE_LENGTH, BYTE_OFFSET, REC_NO, REJECT_SCHEMA
from renkei.records import RECORD_TYPES

#: own: the source's text itself · kept: stored as written · undone: its steps taken back · partly: for some
#: of its values · rest: what a joined text holds beside its other parts · split: a part of a joined text ·
#: first: the one that was picked · filled: not mapped, a declared text or blank · lost: cannot be made.
How = Literal["own", "kept", "undone", "partly", "rest", "split", "first", "filled", "lost"]
Words = tuple[str, str]

_BEST: tuple[How, ...] = ("own", "kept", "undone", "rest", "split", "partly", "first", "lost")

_STAND_IN = (
    "元が空のときは、代わりに置いた日・版を書く",
    "where the source said nothing, the day or version that stands in is written",
)
_FIRST = (
    "どの列の値だったかは残らない。先頭の列に書く",
    "which of the columns held it is not kept; it goes into the first",
)
_OTHERS = ("先頭の列に書いたので空にする", "left blank, for the first column has it")
_JOINED = (
    "つないだ列の境が残らない（区切りがないか、区切りが値にも現れうる）",
    "where the joined columns met is not kept: no separator, or one that a value may hold",
)
_ANY_PICKED = ("拾われなかった列の値は残らない", "values that were not picked are not kept")
_BLANK = ("対応表で取り込まない列。空白で埋める", "the mapping ignores it; left blank")


@dataclass(frozen=True, kw_only=True)
class Making:
    """How one raw column is made: from which target, and in Japanese and English what is lost or why not.

    ``note`` None: the column comes back letter for letter.
    """

    column: str
    how: How
    target: str | None = None
    fill: str | None = None
    note: Words | None = None


@dataclass(frozen=True, kw_only=True)
class OutgoingPlan:
    """How a whole record is made on a day, column by column in the order of the layout."""

    mapping: Mapping
    day: date
    columns: tuple[Making, ...]

    @property
    def lost(self) -> tuple[Making, ...]:
        """Columns that cannot be made."""
        return tuple(each for each in self.columns if each.how == "lost")


@dataclass(frozen=True, kw_only=True)
class Rewritten:
    """Raw columns as ``formats.write`` takes them, and the records that are not among them, with a reason."""

    table: pa.Table
    rejects: pa.Table


def plan(mapping: Mapping, *, as_of: date) -> OutgoingPlan:
    """How each raw column is made on a day, or why it cannot be."""
    state = mapping.at(as_of)
    names = [column["name"] for column in state.feed.format["columns"]]
    made = {name: _best(state, name, as_of) for name in names}
    made |= dict(_rests(state, made, as_of))
    return OutgoingPlan(mapping=state, day=as_of, columns=tuple(made[name] for name in names))


def write(mapping: Mapping, records: pa.Table, *, as_of: date) -> Rewritten:
    """Records of the feed's type → raw columns, each record by the version that reads it.

    Every record is in exactly one of the two tables. What is in ``table`` gives the same records again when
    it is mapped for the same day.
    """
    frame = pl.DataFrame(records)
    made = [_lay_out(plan(mapping, as_of=day), part) for day, part in _by_day(mapping, frame, as_of)]
    raw = pl.concat([part.select(made[0].columns) for part in made]).sort(REC_NO)
    bad = _not_read_back(mapping, raw, frame, as_of=as_of)
    fit = raw.filter(~pl.col(REC_NO).is_in(bad[REC_NO].to_list()))
    return Rewritten(table=_arrow(fit), rejects=_arrow(bad).cast(REJECT_SCHEMA))


def _by_day(mapping: Mapping, frame: pl.DataFrame, as_of: date) -> Iterator[tuple[date, pl.DataFrame]]:
    """Records by the version that reads them, each with a day of it."""
    cuts = segments.turns(mapping)
    if mapping.version_by == BY_DELIVERY or not cuts or frame.is_empty():
        yield as_of, frame
        return
    dated = frame.select(pl.col(mapping.version_by).alias(name) for name in ("lo", "hi"))
    numbers = segments.numbers_of(dated, cuts, as_of=as_of)
    for number in sorted(numbers.unique()):
        yield segments.day_of(number, cuts, as_of=as_of), frame.filter(numbers == number)


def _arrow(frame: pl.DataFrame) -> pa.Table:
    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    texts = {name: pa.string() if name not in _NUMBERS else pa.int64() for name in table.column_names}
    return table.cast(pa.schema(list(texts.items())))


_NUMBERS = (REC_NO, BYTE_OFFSET, BYTE_LENGTH)


def _best(mapping: Mapping, column: str, day: date) -> Making:
    """The candidate that keeps most; ignored columns have none."""
    rules = [rule for rule in mapping.fields if column in rule.sources]
    if not rules:
        fill = mapping.fills.get(column)
        note = _BLANK if fill is None else (f"「{fill}」で埋める", f"filled with {fill!r}")
        return Making(column=column, how="filled", fill=fill, note=note)
    found = [making for rule in rules for making in _candidates(mapping, rule, column, day)]
    return min(found, key=lambda each: (_BEST.index(each.how), each.note is not None))


def _candidates(mapping: Mapping, rule: FieldRule, column: str, day: date) -> Iterator[Making]:
    base = Making(column=column, how="lost", target=rule.to)
    if len(rule.sources) > 1:
        yield _of_several(rule, base)
        return
    if _own_text(mapping, rule):
        yield replace(base, how="own", target=f"{rule.to}_raw")
    why = next((each for step in rule.steps if (each := _cannot(mapping, step, day))), None)
    if why:
        yield replace(base, note=why)
        return
    around = mapping.surroundings(day)
    if some := next((each for step in rule.steps if (each := STEPS[step.name].partly(step, around))), None):
        yield replace(base, how="partly", note=some)
        return
    notes = [note for step in rule.steps if (note := STEPS[step.name].lossy) != LOSSY]
    notes += [_STAND_IN] if rule.to in ("valid_from", "source_version") else []
    kept = all(STEPS[step.name].keeps for step in rule.steps)
    yield replace(base, how="kept" if kept else "undone", note=_all(notes))


def _all(notes: Sequence[Words]) -> Words | None:
    return ("。".join(ja for ja, _ in notes), "; ".join(en for _, en in notes)) if notes else None


def _of_several(rule: FieldRule, base: Making) -> Making:
    """A column of a joined or picked text."""
    if any(STEPS[step.name].undo is None for step in rule.steps):
        step = next(step for step in rule.steps if STEPS[step.name].undo is None)
        return replace(base, note=STEPS[step.name].lossy)
    if rule.pick_first:
        first = base.column == rule.sources[0]
        return replace(base, how="first", note=_FIRST if first else _OTHERS)
    # every part is there, and none can hold the separator without one too many being found
    if rule.required and len(rule.join) == 1:
        return replace(base, how="split")
    return replace(base, note=_JOINED)


def _own_text(mapping: Mapping, rule: FieldRule) -> bool:
    """True where the source's own text is stored beside the value, and by this field alone."""
    beside = f"{rule.to}_raw"
    if beside not in RECORD_TYPES[mapping.feed.record].schema.names:
        return False
    # a field of its own may hold the text of another column
    return all(other.to != beside for other in mapping.fields)


def _cannot(mapping: Mapping, step: Any, day: date) -> Words | None:  # noqa: ANN401 - a step
    kind = STEPS[step.name]
    return kind.lossy if kind.undo is None else kind.cannot(step, mapping.surroundings(day))


def _rests(mapping: Mapping, made: dict[str, Making], day: date) -> Iterator[tuple[str, Making]]:
    """A lost part of a joined text is what remains when the other parts, which are known, are taken away."""
    for rule in mapping.fields:
        unknown = [name for name in rule.sources if made[name].how == "lost"]
        takes = not rule.pick_first and all(_cannot(mapping, step, day) is None for step in rule.steps)
        others = [made[name] for name in rule.sources if name not in unknown]
        exact = all(each.how in ("own", "kept", "undone") for each in others)
        if len(rule.sources) > 1 and len(unknown) == 1 and takes and exact:
            yield unknown[0], Making(column=unknown[0], how="rest", target=rule.to)


def _lay_out(outgoing: OutgoingPlan, records: pl.DataFrame) -> pl.DataFrame:
    """Every raw column of the layout; those that are the rest of a joined text come last."""
    first = [each for each in outgoing.columns if each.how != "rest"]
    raw = records.select(
        pl.all(), *(_expr(outgoing, each).alias(f"__o:{each.column}") for each in first)
    ).with_columns(
        _rest(outgoing, each).alias(f"__o:{each.column}") for each in outgoing.columns if each.how == "rest"
    )
    return raw.select(REC_NO, *(pl.col(f"__o:{each.column}").alias(each.column) for each in outgoing.columns))


def _expr(outgoing: OutgoingPlan, making: Making) -> pl.Expr:
    nothing = pl.lit(None, pl.String)
    if making.how == "filled":
        return pl.lit(making.fill, pl.String)
    if making.how == "own":
        return pl.col(str(making.target))
    if making.how == "lost" or making.note == _OTHERS:
        return nothing
    rule = _rule(outgoing, making)
    text = _undone(outgoing, rule)
    if making.how == "split":
        parts = text.str.split(rule.join)
        whole = parts.list.len() == len(rule.sources)
        return pl.when(whole).then(parts.list.get(rule.sources.index(making.column), null_on_oob=True))
    return text


def _rule(outgoing: OutgoingPlan, making: Making) -> FieldRule:
    return next(rule for rule in outgoing.mapping.fields if rule.to == making.target)


def _undone(outgoing: OutgoingPlan, rule: FieldRule) -> pl.Expr:
    value, around = pl.col(rule.to), outgoing.mapping.surroundings(outgoing.day)
    for step in reversed(rule.steps):
        undo = STEPS[step.name].undo
        assert undo is not None  # a column whose steps cannot be undone is lost
        value = undo(value, step, around)
    return value


def _rest(outgoing: OutgoingPlan, making: Making) -> pl.Expr:
    rule = _rule(outgoing, making)
    place = rule.sources.index(making.column)
    text = _undone(outgoing, rule)
    before = _joined(rule.sources[:place], rule.join, after=True)
    behind = _joined(rule.sources[place + 1 :], rule.join, after=False)
    left = text.str.strip_prefix(before).str.strip_suffix(behind)
    return pl.when(left != "").then(left)


def _joined(names: Sequence[str], separator: str, *, after: bool) -> pl.Expr:
    """The known parts in order, each with its separator behind or before it."""
    parts = [pl.col(f"__o:{name}") for name in names]
    texts = [part + pl.lit(separator) if after else pl.lit(separator) + part for part in parts]
    return pl.concat_str(texts, ignore_nulls=True) if texts else pl.lit("")


def _not_read_back(
    mapping: Mapping, raw: pl.DataFrame, records: pl.DataFrame, *, as_of: date
) -> pl.DataFrame:
    """The records that the mapping reads otherwise, or not at all, from what was made of them."""
    reader = Plan(mapping=mapping.at(as_of), as_of=as_of)
    good, bad = run(mapping, _arrow(raw), reader)
    names = [name for name in reader.record.schema.names if name != REC_NO]
    both = records.join(pl.DataFrame(good), on=REC_NO, suffix="__again", maintain_order="left")
    target = pl.coalesce(
        *(pl.when(pl.col(name).ne_missing(pl.col(f"{name}__again"))).then(pl.lit(name)) for name in names)
    )
    apart = both.with_columns(target.alias("target")).filter(pl.col("target").is_not_null())
    sources = {rule.to: (rule.sources or (rule.to,))[0] for rule in reader.mapping.fields}
    told = apart.select(
        REC_NO,
        "source_key",
        pl.col("target").replace(sources).alias("field"),
        pl.lit("E_NOT_WRITABLE").alias("code"),
        ("to=" + pl.col("target")).alias("detail"),
    )
    # told by the record's own key: what was made of it may have none
    refused = bad.drop("source_key").join(records.select(REC_NO, "source_key"), on=REC_NO)
    refused = refused.with_columns(
        pl.lit("E_NOT_WRITABLE").alias("code"), (pl.col("detail") + " " + pl.col("code")).alias("detail")
    )
    every = pl.concat([told, refused.select(told.columns)]).sort(REC_NO)
    nowhere = [pl.lit(None, pl.Int64).alias(name) for name in (BYTE_OFFSET, BYTE_LENGTH)]
    return every.with_columns(nowhere).select(*REJECT_SCHEMA.names)
