"""A mapping → one lazy Polars plan, run over a batch in blocks.

The plan has layers, each one ``with_columns``: padding trimmed · every field's value · faults · what is
derived from fields (what stands in for a missing event date, the match key). Nothing is evaluated that a
mapping's author wrote: steps are a closed list, and expressions for ``matches`` never track back.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from renkei.mapping import expectations, recall, segments
from renkei.mapping.declaration import FieldRule, Mapping
from renkei.mapping.steps import SPREAD, STEPS, Surroundings, Value
from renkei.model import BYTE_LENGTH, BYTE_OFFSET, REC_NO, REJECT_SCHEMA, TOLD_AS, Batch, Mapped
from renkei.records import RECORD_TYPES, RecordType

#: Rows in one evaluation of the plan: bounds the memory it takes beside its result.
BLOCK = 250_000

#: Characters that cannot be stored or stand for a loss: controls, NUL and the replacement character.
BAD_CHARACTER = r"[\x00-\x1f\x7f\u{80}-\u{9f}\u{fffd}]"

_PADDING = " \u3000"


@dataclass(frozen=True, kw_only=True)
class _Cell:
    """One field of the plan. ``name`` is its temporary column, ``source`` the text it comes from."""

    rule: FieldRule
    name: str
    source: pl.Expr
    value: Value


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A mapping compiled for one day.

    ``as_of`` is the delivery's day, which stands in for what a record does not say; ``day`` the one on which
    code tables are looked at, the delivery's unless said. ``keeps_digests`` carries :data:`TOLD_AS` along.
    """

    mapping: Mapping
    as_of: date
    day: date | None = None
    keeps_digests: bool = False

    @cached_property
    def record(self) -> RecordType:
        """The record type that the plan fills."""
        return RECORD_TYPES[self.mapping.feed.record]

    @cached_property
    def schema(self) -> pa.Schema:
        """What a mapped record has: the columns of its type, and its digest where that is kept."""
        made: pa.Schema = self.record.schema
        return made.append(pa.field(TOLD_AS, pa.binary())) if self.keeps_digests else made

    @cached_property
    def version_is_day(self) -> bool:
        """True where no version of the mapping says which version of a record a row is."""
        return all(rule.to != "source_version" for rule in self.mapping.every_field)

    @cached_property
    def cells(self) -> tuple[_Cell, ...]:
        """Every field with its expressions."""
        return tuple(self._cell(number, rule) for number, rule in enumerate(self.mapping.fields))

    def _cell(self, number: int, rule: FieldRule) -> _Cell:
        around = Surroundings(
            codes=self.mapping.codes,
            as_of=self.day or self.as_of,
            raw=_trimmed,
            towns=self.mapping.towns,
            tokens=self.mapping.tokens,
        )
        source = _source(rule)
        value = Value(expr=source)
        for step in rule.steps:
            value = STEPS[step.name].build(value, step, around)
        return _Cell(rule=rule, name=f"__v{number}", source=source, value=value)

    def lazy(self, raw: pl.LazyFrame) -> pl.LazyFrame:
        """The plan over raw columns: the record's columns, ``__fault`` (0, or the fault's number), and what
        is told beside the records (:attr:`beside`).
        """
        return (
            raw.with_columns(_trim(name) for name in self.mapping.raw_columns)
            .with_columns(cell.value.expr.alias(cell.name) for cell in self.cells)
            .with_columns(self._fault(), *self.beside.values())
            .with_columns(self._targets())
            .with_columns(self._stand_ins())
            .with_columns(self._match_key())
            .select("__fault", *self.beside, *self.schema.names)
        )

    @cached_property
    def beside(self) -> dict[str, pl.Expr]:
        """What is in no record: the number behind a token, and for each doubt whether it holds."""
        made = {name: expr.alias(name) for name, (_, expr) in self.doubts.items()}
        number = next((cell.value.number for cell in self.cells if cell.value.number is not None), None)
        return made if number is None else {**made, _NUMBER: number.alias(_NUMBER)}

    @cached_property
    def doubts(self) -> dict[str, tuple[str, pl.Expr]]:
        """Temporary column → the raw field that is doubtful, and where."""
        found = [(cell.rule.sources[0], expr) for cell in self.cells for expr in cell.value.doubts]
        return {f"__d{number}": each for number, each in enumerate(found)}

    def keys(self, raw: pl.LazyFrame) -> pl.LazyFrame:
        """The plan's first part over the key's raw columns alone: ``source_key`` and ``__fault``."""
        number, cell = next((n, c) for n, c in enumerate(self.cells) if c.rule.to == "source_key")
        before = sum(len(_judge(each)) for each in self.cells[:number])
        first = pl.lit(0, pl.Int32)
        for place, (*_, bad) in reversed(list(enumerate(_judge(cell), before + 1))):
            first = pl.when(bad).then(pl.lit(place, pl.Int32)).otherwise(first)
        return (
            raw.with_columns(_trim(name) for name in cell.rule.sources)
            .with_columns(cell.value.expr.alias(cell.name))
            .with_columns(first.alias("__fault"), pl.col(cell.name).alias("source_key"))
        )

    def days(self, raw: pl.LazyFrame) -> pl.DataFrame:
        """``lo`` and ``hi`` of the date that chooses each record's version, null where it has none."""
        cell = next(each for each in self.cells if each.rule.to == self.mapping.version_by)
        read = raw.with_columns(_trim(name) for name in cell.rule.sources).select(
            cell.value.expr.alias("day")
        )
        parts = [pl.col("day").struct.field(name).alias(name) for name in ("lo", "hi")]
        return read.select(parts).collect()

    def aside(self, faulty: pl.DataFrame) -> pl.DataFrame:
        """Records with their ``__fault`` as they are set aside: the fault as field, code and detail."""
        faults = dict(enumerate(self.faults, 1))
        words = [
            pl.col("__fault")
            .replace_strict({number: fault[part] for number, fault in faults.items()}, return_dtype=pl.String)
            .alias(name)
            for part, name in enumerate(("field", "code", "detail"))
        ]
        return faulty.filter(pl.col("__fault") > 0).with_columns(words).select(*_ASIDE)

    @cached_property
    def faults(self) -> tuple[tuple[str, str, str], ...]:
        """(raw field, code, detail) of fault number n at place n - 1."""
        return tuple((place, code, detail) for place, code, detail, _ in self._judged)

    @cached_property
    def _judged(self) -> tuple[tuple[str, str, str, pl.Expr], ...]:
        return tuple(judged for cell in self.cells for judged in _judge(cell))

    def _fault(self) -> pl.Expr:
        """Number of the first fault in order of the fields."""
        first = pl.lit(0, pl.Int32)
        for number in range(len(self._judged), 0, -1):
            bad = self._judged[number - 1][3]
            first = pl.when(bad).then(pl.lit(number, pl.Int32)).otherwise(first)
        return first.alias("__fault")

    def _targets(self) -> list[pl.Expr]:
        found = {name: expr for cell in self.cells for name, expr in _spread(cell, self.record).items()}
        types = dict(zip(self.record.schema.names, self.record.schema.types, strict=True))
        for name in self.record.schema.names[1:]:
            found.setdefault(name, pl.lit(None, _polars(types[name])))
        return [expr.alias(name) for name, expr in found.items() if name in types]

    def _stand_ins(self) -> list[pl.Expr]:
        """For sources without event dates or versions: the day of the change, or of the delivery."""
        changed = pl.col("changed_at").dt.date()
        digests = []
        if self.keeps_digests:
            digests = [pl.when(self._is_of_the_day()).then(None).otherwise(pl.col(TOLD_AS)).alias(TOLD_AS)]
        return [
            pl.coalesce("valid_from", changed, pl.lit(self.as_of)).alias("valid_from"),
            pl.col("source_version").fill_null(self.as_of.isoformat()),
            *digests,
        ]

    def _is_of_the_day(self) -> pl.Expr:
        """Records that would be others on another day, and those of which each delivery counts the doubts."""
        dated = pl.col("valid_from").is_not_null() | pl.col("changed_at").is_not_null()
        versioned = pl.col("source_version").is_not_null()
        doubted = [pl.col(name).fill_null(value=False) for name in self.doubts]
        return (
            ~dated
            | (pl.lit(value=not self.version_is_day) & ~versioned)
            | pl.any_horizontal(pl.lit(value=False), *doubted)
        )

    def _match_key(self) -> list[pl.Expr]:
        """All four attributes, exact, or nothing."""
        if "match_key" not in self.record.schema.names:
            return []
        four = ("name_key", "date_of_birth", "sex", "address_key")
        joined = pl.concat_str([pl.col(name).cast(pl.String) for name in four], separator="|")
        return [pl.when(pl.col("sex").is_in(["1", "2"])).then(joined).otherwise(None).alias("match_key")]


def _polars(kind: pa.DataType) -> pl.DataType:
    return pl.Series(pa.array([], kind)).dtype


def _trimmed(raw: str) -> pl.Expr:
    return pl.col(f"__t:{raw}")


def _trim(raw: str) -> pl.Expr:
    """Padding at the end belongs to the layout; what is blank then says nothing."""
    text = pl.col(raw).str.strip_chars_end(_PADDING)
    return pl.when(text != "").then(text).otherwise(None).alias(f"__t:{raw}")


def _source(rule: FieldRule) -> pl.Expr:
    """The text a field starts from: a constant, one raw column, the first filled one, or several joined."""
    if rule.value is not None:
        return pl.lit(rule.value)
    parts = [_trimmed(name) for name in rule.sources]
    if len(parts) == 1:
        return parts[0]
    if rule.pick_first:
        return pl.coalesce(parts)
    joined = pl.concat_str(parts, separator=rule.join, ignore_nulls=not rule.required)
    return pl.when(joined != "").then(joined).otherwise(None)


def _spread(cell: _Cell, record: RecordType) -> dict[str, pl.Expr]:
    """The field's column, and the neighbours of a value of several parts, where the record has them."""
    name, column = cell.rule.to, pl.col(cell.name)
    if cell.value.kind not in SPREAD:
        return {name: column}
    first, parts = SPREAD[cell.value.kind]
    beside = {f"{name}_{part}": column.struct.field(part) for part in parts} | {f"{name}_raw": cell.source}
    kept = {place: expr for place, expr in beside.items() if place in record.schema.names}
    return {name: column.struct.field(first), **kept}


def _judge(cell: _Cell) -> list[tuple[str, str, str, pl.Expr]]:
    """Everything that can be wrong with one field: its raw name, the code, the target, and the test."""
    rule, column = cell.rule, pl.col(cell.name)
    place, detail = (rule.sources or (rule.to,))[0], f"to={rule.to}"
    judged = [
        (place, fault.code, detail, fault.bad(column, cell.source).fill_null(value=False))
        for fault in cell.value.faults
    ]
    if rule.value is None and cell.value.kind == "text" and rule.keeps_text:
        judged.append(
            (place, "E_BAD_CHARACTER", detail, column.str.contains(BAD_CHARACTER).fill_null(value=False))
        )
    if rule.most:
        long = (column.str.len_chars() > rule.most).fill_null(value=False)
        judged.append((place, "E_TOO_LONG", f"{detail} limit={rule.most}", long))
    if rule.required:
        empty = cell.source.is_null() if cell.value.kind in SPREAD else column.is_null()
        judged.append((place, "E_MISSING_VALUE", detail, empty))
    return judged


def apply(
    mapping: Mapping, batch: Batch, *, as_of: date, is_delivery: bool = True, known: pa.Table | None = None
) -> Mapped:
    """Map a batch: typed records of the feed's record type, and every other record with its reason.

    Records that the format reader set aside are among the rejects, so every record of the delivery is in
    exactly one of the two tables. Same batch, same mapping, same day: the same bytes.
    What a feed expects of its deliveries is not asked of a batch that is only records picked out of one
    (``is_delivery`` off). Records that are ``known`` (:func:`renkei.mapping.recall.known`) are not mapped.
    """
    has_digests = TOLD_AS in batch.table.column_names
    plan = Plan(mapping=mapping.at(as_of), as_of=as_of, keeps_digests=has_digests)
    table = batch.table if known is None else recall.without(batch.table, known)
    made = ran(mapping, table, plan)
    good, bad = made.good, made.bad
    gone, nameless = _gone(plan, batch)
    known = good.slice(0, 0) if known is None else known
    twice = _keys_twice(good, bad, gone, known)
    if len(twice):
        good, more = _without(good, twice, plan)
        gone, others = _without(gone, twice, plan)
        known, again = _without(known, twice, plan)
        bad = pl.concat([bad, more, others, again])
    bad = bad.vstack(nameless)
    if is_delivery:
        expectations.hold_odd_profile(plan.mapping, good, known)
    return Mapped(
        gone=gone,
        feed=batch.feed,
        record=plan.record.name,
        records=good,
        rejects=_rejects(bad, batch),
        mapping_digest=plan.mapping.digest,
        numbers=made.numbers,
        doubts=made.doubts,
        token_key=mapping.tokens.key_id if mapping.makes_tokens else None,
        known=known.select(_GONE.names) if known.num_rows else None,
        version_is_day=plan.version_is_day,
    )


def run(mapping: Mapping, table: pa.Table, plan: Plan) -> tuple[pa.Table, pl.DataFrame]:
    """The records without a fault, and the others with what is wrong; block by block, in order."""
    made = ran(mapping, table, plan)
    return made.good, made.bad


@dataclass(frozen=True, kw_only=True)
class Ran:
    """Records without a fault, the others, the numbers behind tokens, how often each field is doubtful."""

    good: pa.Table
    bad: pl.DataFrame
    numbers: pa.Table | None = field(repr=False)
    doubts: dict[str, int]


def ran(mapping: Mapping, table: pa.Table, plan: Plan) -> Ran:
    """Map block by block, in order."""
    good = [plan.schema.empty_table()]
    bad = [pl.DataFrame(schema=_ASIDE)]
    numbers: list[pl.DataFrame] = []
    doubts: Counter[str] = Counter()
    plans = {plan.as_of: plan}
    for start in range(0, table.num_rows, BLOCK):
        raw = pl.from_arrow(table.slice(start, BLOCK))
        assert isinstance(raw, pl.DataFrame)  # a table never becomes a Series
        mapped = []
        for day, records in segments.split(mapping, raw, reader=plan, as_of=plan.as_of):
            plans.setdefault(day, replace(plan, mapping=mapping.at(day), day=day))
            made = plans[day].lazy(records.lazy()).collect()
            right = made.filter(pl.col("__fault") == 0)
            mapped.append(right.select(plan.schema.names))
            numbers += _numbers(right)
            doubts.update(_doubtful(right, plans[day]))
            bad.append(plans[day].aside(made))
        fit = mapped[0] if len(mapped) == 1 else pl.concat(mapped).sort(REC_NO)
        good.append(_arrow(fit, plan.schema))
    return Ran(
        good=pa.concat_tables(good),
        bad=pl.concat(bad),
        numbers=_arrow(pl.concat(numbers), NUMBERS) if numbers else None,
        doubts={name: count for name, count in doubts.items() if count},
    )


def _arrow(frame: pl.DataFrame, schema: pa.Schema) -> pa.Table:
    return frame.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(schema)


#: The number behind each token, on its way to the vault; it is in no other table.
NUMBERS = pa.schema([pa.field(name, pa.string()) for name in ("source_key", "token", "number")])

_NUMBER = "__number"
_OUTSIDE = {"individual_number_token": "token", _NUMBER: "number"}


def _numbers(right: pl.DataFrame) -> list[pl.DataFrame]:
    if _NUMBER not in right.columns:
        return []
    held = right.filter(pl.col("individual_number_token").is_not_null())
    return [held.select("source_key", "individual_number_token", _NUMBER).rename(_OUTSIDE)]


def _doubtful(right: pl.DataFrame, plan: Plan) -> dict[str, int]:
    return {name: int(right[place].sum()) for place, (name, _) in plan.doubts.items()}


_ASIDE: dict[str, type[pl.DataType]] = {
    REC_NO: pl.Int64,
    "source_key": pl.String,
    "field": pl.String,
    "code": pl.String,
    "detail": pl.String,
}


def _gone(plan: Plan, batch: Batch) -> tuple[pa.Table, pl.DataFrame]:
    """Keys that the source no longer has, and the records that say so without a key that can be read."""
    if batch.gone is None or not batch.gone.num_rows:
        return _GONE.empty_table(), pl.DataFrame(schema=_ASIDE)
    raw = pl.from_arrow(batch.gone)
    assert isinstance(raw, pl.DataFrame)  # a table never becomes a Series
    told = plan.keys(raw.lazy()).collect()
    fit = told.filter(pl.col("__fault") == 0).select(_GONE.names)
    return (
        fit.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(_GONE),
        plan.aside(told),
    )


_GONE = pa.schema([pa.field(REC_NO, pa.int64()), pa.field("source_key", pa.string())])


def _without(records: pa.Table, twice: pa.Array, plan: Plan) -> tuple[pa.Table, pl.DataFrame]:
    """The records whose key is theirs alone, and the others set aside."""
    again = pc.is_in(records.column("source_key"), value_set=twice)
    return records.filter(pc.invert(again)), _set_aside(records.filter(again), plan)


def _keys_twice(good: pa.Table, bad: pl.DataFrame, *others: pa.Table) -> pa.Array:
    """Keys that two records of one delivery share: neither is taken, for nobody knows which is right."""
    taken = [pl.Series("key", table.column("source_key"), dtype=pl.String) for table in (good, *others)]
    keys = pl.concat([*taken, bad["source_key"]])
    again = keys.filter(keys.is_duplicated()).drop_nulls().unique()
    return again.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(pa.string())


def _set_aside(records: pa.Table, plan: Plan) -> pl.DataFrame:
    field = next(rule for rule in plan.mapping.fields if rule.to == "source_key").sources[0]
    keys, numbers = records.column("source_key"), records.column(REC_NO)
    said = {"field": field, "code": "E_KEY_TWICE", "detail": "to=source_key"}
    words = [pl.lit(word).alias(name) for name, word in said.items()]
    return (
        pl.DataFrame({REC_NO: numbers, "source_key": keys})
        .with_columns(words)
        .cast(pl.Schema(_ASIDE))
        .select(*_ASIDE)
    )


def _rejects(bad: pl.DataFrame, batch: Batch) -> pa.Table:
    """Every record set aside, by the reader or by the mapping, in record order."""
    places = pl.DataFrame(batch.table.select([REC_NO, BYTE_OFFSET, BYTE_LENGTH]))  # gone ones have none
    told = bad.join(places, on=REC_NO, how="left").select(*REJECT_SCHEMA.names)
    made = told.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(REJECT_SCHEMA)
    return pa.concat_tables([batch.rejects, made]).sort_by(REC_NO)
