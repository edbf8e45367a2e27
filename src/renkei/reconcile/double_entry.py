"""Sums up double entries (二重入力): which item, between which systems, how many minutes."""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from renkei.reconcile.find import Found


@dataclass(frozen=True, kw_only=True)
class DoubleEntries:
    """One item typed twice between two feeds: how often, how often with another value, the minutes spent."""

    field: str
    left_feed: str
    right_feed: str
    entries: int
    with_error: int
    minutes: int


def double_entries(found: Found) -> tuple[DoubleEntries, ...]:
    """Double entries of a night by item and pair of feeds, the costliest first; none in transit."""
    kinds = {outcome.rule.id for outcome in found.outcomes if outcome.rule.kind == "double_entry"}
    rows = found.mismatches
    of_kind = pc.is_in(rows["rule_id"], pa.array(sorted(kinds), pa.string()))
    settled = rows.filter(pc.and_not(of_kind, rows["in_transit"]))
    return tuple(sorted(_summed(settled), key=lambda entry: (-entry.minutes, entry.field, entry.left_feed)))


def _summed(rows: pa.Table) -> Iterator[DoubleEntries]:
    counted = rows.append_column("error", pc.equal(rows["class"], "with_error").cast(pa.int64()))
    keys = ["field", "left_feed", "right_feed"]
    sums = [([], "count_all"), ("error", "sum"), ("minutes", "sum")]
    for row in counted.group_by(keys).aggregate(sums).to_pylist():
        yield DoubleEntries(
            **{name: row[name] for name in keys},
            entries=row["count_all"],
            with_error=row["error_sum"] or 0,
            minutes=row["minutes_sum"] or 0,
        )
