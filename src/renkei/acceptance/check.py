"""Compares the states of two feeds by a migration's declaration, and says whether it is accepted."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from renkei.acceptance.causes import CAUSES, shown, with_cause
from renkei.acceptance.conversion import RAW, convert
from renkei.acceptance.declaration import Migration
from renkei.comparison import Comparison, Counts, compare
from renkei.records import PERSON_KEYS, RECORD_TYPES
from renkei.snapshot import Snapshot

#: Samples of each field and cause.
SAMPLES = 3


@dataclass(frozen=True, kw_only=True)
class State:
    """What a feed said on a day: its snapshot, proved, and the kind of its records."""

    feed: str
    record: str
    as_of: date
    sha256: str
    snapshot: Snapshot


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One difference. ``whose``: per side the keys of the persons that the record is about, for the guard.

    ``field`` is None where the whole record is meant; ``cause`` then says what is the matter with it.
    """

    field: str | None
    cause: str
    key: tuple[str, ...]
    old: str | None
    new: str | None
    whose: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class FieldFound:
    """One field: how many cells differ, by cause, and how many are accepted."""

    name: str
    differing: int
    most: int
    causes: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Breach:
    """A limit that does not hold: what was found more often than is accepted."""

    of: str
    field: str | None
    found: int
    most: int


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What a check found. Accepted when nothing was found beyond what the declaration accepts."""

    migration: Migration
    old: State
    new: State
    counts: Counts
    fields: tuple[FieldFound, ...]
    unspoken: Mapping[str, tuple[str, ...]]
    breaches: tuple[Breach, ...]
    samples: tuple[Sample, ...]

    @property
    def verdict(self) -> str:
        """``accepted`` or ``refused``."""
        return "refused" if self.breaches else "accepted"


def check(migration: Migration, old: State, new: State, *, scratch: Path, memory: str = "1GB") -> Checked:
    """Compare the two states, each brought to comparable values first; ``scratch`` holds the work."""
    files, unspoken = {}, {}
    for side, state in (("old", old), ("new", new)):
        files[side] = scratch / f"{side}.parquet"
        keep = _whose(state.record)
        left = convert(state.snapshot, migration, side, as_of=state.as_of, place=files[side], keep=keep)
        # what the hub itself adds to a state is no part of the migration
        unspoken[side] = tuple(sorted(set(left) & set(RECORD_TYPES[state.record].content)))
    with compare(
        files["old"], files["new"], keys=[pair.name for pair in migration.keys],
        fields=[pair.name for pair in migration.fields], scratch=scratch, memory=memory, samples=0,
        same=_same(migration),
    ) as found:  # fmt: skip
        causes, samples = _causes(migration, found)
        samples += _lone(found)
        fields = tuple(
            FieldFound(
                name=each.name, differing=each.differing, most=migration.most("cells", each.name),
                causes=causes.get(each.name, {}),
            )
            for each in found.fields
        )  # fmt: skip
        counts = found.counts
    return Checked(
        migration=migration, old=old, new=new, counts=counts, fields=fields, unspoken=unspoken,
        breaches=_breaches(migration, counts, fields, unspoken, apart=abs((new.as_of - old.as_of).days)),
        samples=_with_whose(_in_order(samples, fields), files),
    )  # fmt: skip


def _whose(record: str) -> tuple[str, ...]:
    """Kept beside the compared columns: whose record it is, of a person's record and of any other."""
    if record == "person":
        return ("source_key",)
    return tuple(name for name in PERSON_KEYS if name in RECORD_TYPES[record].schema.names)


def _same(migration: Migration) -> dict[str, str]:
    """Fields whose cells may lie apart → when they still count as equal, in SQL."""
    made = {}
    for each in migration.tolerances:
        if each.field and each.within is not None:
            apart = "abs(TRY_CAST(l AS DECIMAL(38, 6)) - TRY_CAST(r AS DECIMAL(38, 6)))"
            made[each.field] = f"{apart} <= {each.within!r}::DECIMAL(38, 6)"
        elif each.field and each.within_days is not None:
            days = "abs(date_diff('day', TRY_CAST(l AS DATE), TRY_CAST(r AS DATE)))"
            made[each.field] = f"{days} <= {each.within_days}"
    return made


def _causes(migration: Migration, found: Comparison) -> tuple[dict[str, dict[str, int]], list[Sample]]:
    """Field → cause → how many, and the first samples of each, from one reading of the cells."""
    counted: dict[str, Counter[str]] = {}
    samples: list[Sample] = []
    taken: Counter[tuple[str, str]] = Counter()
    keys = [pair.name for pair in migration.keys]
    for batch in found.cells():
        frame = pl.from_arrow(batch)
        assert isinstance(frame, pl.DataFrame)
        told = with_cause(frame)
        for name, cause, count in told.group_by("field", "cause").len().rows():
            counted.setdefault(name, Counter())[cause] += count
        first = told.group_by("field", "cause", maintain_order=True).head(SAMPLES)
        for row in first.iter_rows(named=True):
            taken[row["field"], row["cause"]] += 1
            if taken[row["field"], row["cause"]] <= SAMPLES:
                samples.append(
                    Sample(
                        field=row["field"], cause=row["cause"], key=tuple(str(row[key]) for key in keys),
                        old=row["left"], new=row["right"], whose={},
                    )
                )  # fmt: skip
    order = list(CAUSES)
    in_order = {
        name: dict(sorted(causes.items(), key=lambda pair: order.index(pair[0])))
        for name, causes in counted.items()
    }
    return in_order, samples


def _in_order(samples: list[Sample], fields: tuple[FieldFound, ...]) -> list[Sample]:
    """As the report reads: by field and cause, records that have no partner last; of each the first keys."""
    place = {
        (each.name, cause): (at, n) for at, each in enumerate(fields) for n, cause in enumerate(each.causes)
    }
    return sorted(samples, key=lambda each: place.get((each.field or "", each.cause), (len(fields), 0)))


def _lone(found: Comparison) -> list[Sample]:
    """The first keys that only one side has, or that repeat."""
    kinds = {
        "missing_in_new": found.only("left"), "missing_in_old": found.only("right"),
        "repeated_in_old": found.repeated("left"), "repeated_in_new": found.repeated("right"),
    }  # fmt: skip
    return [
        Sample(field=None, cause=cause, key=tuple(map(str, key)), old=None, new=None, whose={})
        for cause, reader in kinds.items()
        for key in _first(reader, width=len(found.keys))
    ]


def _first(reader: pa.RecordBatchReader, *, width: int) -> list[tuple[object, ...]]:
    batch = next(iter(reader), None)
    if batch is None:
        return []
    columns = [batch.column(at).slice(0, SAMPLES).to_pylist() for at in range(width)]
    return list(zip(*columns, strict=True))


def _with_whose(samples: list[Sample], files: Mapping[str, Path]) -> tuple[Sample, ...]:
    """The samples with the raw keys of both records, read from the converted files."""
    if not samples:
        return ()
    by_side: dict[str, dict[tuple[str, ...], tuple[str, ...]]] = {}
    for side, place in files.items():
        names = pq.read_schema(place).names
        raw = [name for name in names if name.startswith(RAW)]
        keys = names[: len(samples[0].key)]
        wanted = pl.DataFrame([each.key for each in samples], schema=keys, orient="row").unique()
        rows = pl.scan_parquet(place).select(*keys, *raw).join(wanted.lazy(), on=keys).collect()
        owners: dict[tuple[str, ...], tuple[str, ...]] = {}
        for row in rows.iter_rows():
            key = tuple(row[: len(keys)])
            owners[key] = (*owners.get(key, ()), *(each for each in row[len(keys) :] if each is not None))
        by_side[side] = owners
    return tuple(
        Sample(
            field=each.field, cause=each.cause, key=each.key, old=shown(each.old), new=shown(each.new),
            whose={side: found.get(each.key, ()) for side, found in by_side.items()},
        )
        for each in samples
    )  # fmt: skip


def _breaches(
    migration: Migration, counts: Counts, fields: tuple[FieldFound, ...],
    unspoken: Mapping[str, tuple[str, ...]], *, apart: int,
) -> tuple[Breach, ...]:  # fmt: skip
    """Everything found more often than is accepted. Columns that nobody spoke of are never accepted."""
    found = {
        "missing_in_new": counts.left_only,
        "missing_in_old": counts.right_only,
        "repeated": counts.left_repeated + counts.right_repeated,
        "keyless": counts.left_keyless + counts.right_keyless,
        "days_apart": apart,
    }
    limits = [(of, None, number, migration.most(of)) for of, number in found.items()]
    cells = [("cells", each.name, each.differing, each.most) for each in fields]
    silent = [(f"unspoken_{side}", None, len(names), 0) for side, names in unspoken.items()]
    return tuple(
        Breach(of=of, field=field, found=number, most=most)
        for of, field, number, most in (*limits, *cells, *silent)
        if number > most
    )
