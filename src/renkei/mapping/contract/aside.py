"""Mode ``quarantine``: the records that break the contract are set aside, and the others go on.

Only breaches that a single record shows can be set aside: no value where there always was one, a value longer
than ever before, unknown codes and values that are too long (these two the mapping sets aside itself). Where
more than the declared share would go, or the breach is one of the whole delivery, the delivery is held.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from renkei.mapping.contract.finding import Finding
from renkei.mapping.contract.profile import Profile
from renkei.mapping.contract.usual import usual
from renkei.mapping.declaration import Mapping
from renkei.model import BYTE_LENGTH, BYTE_OFFSET, REC_NO, REJECT_SCHEMA, Batch, Mapped

#: A column is always filled where no more than one value in a thousand is missing.
_ALWAYS = 0.999

#: Breaches that the mapping itself sets aside record by record.
_ASIDE_ALREADY = frozenset({"unknown_code", "too_long"})


def set_aside(
    mapping: Mapping, batch: Batch, mapped: Mapped, found: Sequence[Finding], *, past: Sequence[Profile]
) -> tuple[Mapped, tuple[Finding, ...]]:
    """The records that may go on, and the findings that still hold the delivery: none, or all of them."""
    broken = dict(_broken(batch.table, found, past))
    if any(each.kind not in _ASIDE_ALREADY and each not in broken for each in found):
        return mapped, tuple(found)
    less = _without(mapped, batch.table, broken)
    if less.rejects.num_rows > mapping.contract.share * max(1, batch.records):
        return mapped, tuple(found)
    return less, ()


def _broken(
    raw: pa.Table, found: Sequence[Finding], past: Sequence[Profile]
) -> Iterator[tuple[Finding, pa.Array]]:
    """Record numbers that show a finding by themselves."""
    measure = usual(past)
    for each in found:
        if each.column not in raw.column_names or measure is None:
            continue
        text = pl.Series("text", raw.column(each.column)).str.strip_chars_end(" \u3000")
        numbers = pl.Series("number", raw.column(REC_NO))
        if each.kind == "emptied" and (each.usual or 0) >= _ALWAYS:
            yield each, numbers.filter(text.is_null() | (text == "")).to_arrow()
        elif each.kind == "widened" and each.usual is not None:
            yield each, numbers.filter(text.str.len_chars() > each.usual).to_arrow()


def _without(mapped: Mapped, raw: pa.Table, broken: dict[Finding, pa.Array]) -> Mapped:
    """The mapped records without those that break the contract, which are now among the rejects."""
    places = raw.select([REC_NO, BYTE_OFFSET, BYTE_LENGTH])
    for finding, numbers in broken.items():
        bad = pc.is_in(mapped.records.column(REC_NO), value_set=pc.cast(numbers, pa.int64()))
        rejects = _rejects(mapped.records.filter(bad), places, finding)
        mapped = replace(
            mapped,
            records=mapped.records.filter(pc.invert(bad)),
            rejects=pa.concat_tables([mapped.rejects, rejects]).sort_by(REC_NO),
        )
    return mapped


def _rejects(records: pa.Table, places: pa.Table, finding: Finding) -> pa.Table:
    count = records.num_rows
    beside = records.select([REC_NO, "source_key"]).join(places, REC_NO)
    texts = {"field": finding.column, "code": "E_CONTRACT", "detail": f"finding={finding.kind}"}
    for name, text in texts.items():
        beside = beside.append_column(name, pa.array([text] * count, pa.string()))
    return beside.select(REJECT_SCHEMA.names).cast(REJECT_SCHEMA)
