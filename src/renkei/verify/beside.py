"""Two sides beside each other: bucket by bucket, and by their values where a bucket differs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from renkei.comparison import Comparison, compare
from renkei.registry.buckets import differing
from renkei.verify.result import Finding, Kind
from renkei.verify.side import Side

#: Rows (``source_key`` and the keys of the persons whom a record is about) → source keys that may be named.
Whom = Callable[[pa.Table], pa.Array]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What differs; ``hidden`` counts the records among them that may not be named."""

    apart: int = 0
    altered: int = 0
    missing: int = 0
    surplus: int = 0
    hidden: int = 0
    fields: dict[str, int] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


def beside(
    state: Side,
    other: Side,
    names: Sequence[str],
    *,
    whom: Whom,
    limit: int,
    scratch: Path | None = None,
    values: bool = False,
) -> Outcome:
    """Compare; the first ``limit`` findings are named, with their ``values`` where these are wanted."""
    apart = differing(state.buckets, other.buckets)
    if not apart:
        return Outcome()
    left, right = state.rows(apart), other.rows(apart)
    with compare(left, right, keys=["source_key"], fields=list(names), scratch=scratch, samples=0) as found:
        odd = _keys_apart(found)
        told = pa.concat_tables([_of_keys(table, odd) for table in (left, right)])
        shown = frozenset(whom(told).to_pylist())
        return Outcome(
            apart=len(apart),
            altered=found.counts.differing,
            missing=found.counts.left_only,
            surplus=found.counts.right_only,
            hidden=sum(1 for key in odd.to_pylist() if key not in shown),
            fields={each.name: each.differing for each in found.fields if each.differing},
            findings=tuple(_named(found, shown, limit=limit, values=values)),
        )


def _keys_apart(found: Comparison) -> pa.Array:
    keys = [found.cells().read_all()["source_key"]]
    keys += [found.only(side).read_all()["source_key"] for side in ("left", "right")]
    return pc.unique(pa.chunked_array([chunk for each in keys for chunk in each.chunks], pa.string()))


def _of_keys(table: pa.Table, keys: pa.Array) -> pa.Table:
    return table.filter(pc.is_in(table["source_key"], value_set=keys))


def _named(found: Comparison, shown: frozenset[str], *, limit: int, values: bool) -> list[Finding]:
    named: list[Finding] = []
    kinds: tuple[tuple[Kind, str], ...] = (("missing", "left"), ("surplus", "right"))
    for kind, side in kinds:
        for key in found.only(side).read_all()["source_key"].to_pylist():
            if len(named) < limit and key in shown:
                named.append(Finding(kind=kind, key=key))
    for batch in found.cells():
        for row in batch.to_pylist() if len(named) < limit else ():
            if len(named) < limit and row["source_key"] in shown:
                told = {"held": row["left"], "found": row["right"]} if values else {}
                named.append(Finding(kind="altered", key=row["source_key"], field=row["field"], **told))
    return named
