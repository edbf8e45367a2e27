"""Mapping one feed: all of its fields, and its four derived values beside the same by rows."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import polars as pl
import pyarrow as pa

from bench.child import Done, Runs
from bench.desk import Desk
from bench.tasks import by_row
from renkei import formats
from renkei import mapping as mappings
from renkei.mapping.address import Towns
from renkei.model import REC_NO, Batch

_DERIVED = ("name_key", "kana_key", "date_of_birth", "address_key")
_RAW = ("SHIMEI", "SHIMEI_KANA", "SEINENGAPPI", "JUSHO", "SHIKUCHOSON")
_CITY = "葛原市"


def _batch(desk: Desk, feed: str) -> tuple[mappings.Mapping, Batch]:
    mapping = desk.project().mapping(feed).at(desk.day)
    return mapping, formats.read(desk.pulled(feed)[0], mapping.feed.format, feed=feed)


def _four(mapping: mappings.Mapping) -> mappings.Mapping:
    kept = {"source_key", *_DERIVED}
    return replace(mapping, fields=tuple(rule for rule in mapping.fields if rule.to in kept), expect=())


def ours(desk: Desk, *, feed: str, only_derived: bool) -> Runs:
    """The engine over every record of the feed."""
    mapping, batch = _batch(desk, feed)
    mapping = _four(mapping) if only_derived else mapping
    while True:
        yield partial(_ours, mapping, batch, desk)


def _ours(mapping: mappings.Mapping, batch: Batch, desk: Desk) -> Done:
    mappings.apply(mapping, batch, as_of=desk.day)
    return Done(rows=batch.records)


def by_rows(desk: Desk, *, feed: str, sample: int) -> Runs:
    """Names, kana, era date and address key of the first records, one record after the other."""
    mapping, batch = _batch(desk, feed)
    table = batch.table.slice(0, sample)
    rows = list(zip(*(table.column(name).to_pylist() for name in _RAW), strict=True))
    differing = _differing(mapping, batch, table=table, found=_derive(rows, mapping.towns), desk=desk)
    while True:
        yield partial(_by_rows, rows, mapping.towns, differing)


def _by_rows(rows: Sequence[Any], towns: Towns | None, differing: int) -> Done:
    return Done(rows=len(_derive(rows, towns)), facts={"differing": differing})


def _derive(rows: Sequence[Any], towns: Towns | None) -> list[tuple[Any, ...]]:
    return [
        (
            by_row.strict_key(name),
            by_row.strict_key(kana),
            by_row.era_date(birth),
            by_row.address_key(place, code, city=_CITY, towns=towns),
        )
        for name, kana, birth, place, code in rows
    ]


def _differing(
    mapping: mappings.Mapping, batch: Batch, *, table: pa.Table, found: Sequence[tuple[Any, ...]], desk: Desk
) -> int:
    """Records for which the two ways do not agree; those that the engine set aside are left out."""
    mapped = mappings.apply(_four(mapping), replace(batch, table=table), as_of=desk.day).records
    engine = pl.DataFrame(mapped.select([REC_NO, *_DERIVED]))
    numbers = pl.Series(REC_NO, table.column(REC_NO))
    schema = {name: engine.schema[name] for name in _DERIVED}
    loop = pl.DataFrame(found, schema=schema, orient="row").with_columns(numbers)
    both = engine.join(loop, on=REC_NO, suffix="_loop")
    return both.filter(
        pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_loop")) for name in _DERIVED)
    ).height
