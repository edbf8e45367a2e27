"""Snapshots of three systems for the rules: the sample city's own records, repeated under other names.

The sample city's people go once through their real file formats and mappings. Each copy of them has keys,
numbers, households, names and places of its own, so that nobody meets a neighbour of another copy; all else,
planted differences included, keeps the city's frequencies.
"""

from collections.abc import Mapping as Mapping_
from dataclasses import fields, replace
from fnmatch import fnmatch
from functools import partial
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from bench.child import Done, Runs
from bench.desk import ROOT, Desk
from renkei import mapping
from renkei.mapping import Mapping, load_all
from renkei.model import REJECT_SCHEMA, Batch, Control
from renkei.reconcile import Source
from renkei.reconcile.relation import ENTRY_SCHEMA, LINK_SCHEMA, FeedTerms
from renkei.snapshot import GONE, Snapshot
from renkei.vault.tokens import TokenKey
from renkei_sample.base import found
from renkei_sample.legacy.nightly import write_night
from renkei_sample.plants import plant
from renkei_sample.records import Resident
from renkei_sample.state import CityState

#: Kind of change → the column that it keyed.
_KEYED = {
    "address": "address_key", "name": "name_key", "date_of_birth": "date_of_birth",
    "household": "household_number",
}  # fmt: skip
#: People of the city that is repeated.
PEOPLE = 20_000
#: Texts that tell one person, household or place from another: a copy's have its number behind them.
_OWN = frozenset(
    {
        "party_number", "same_as_party_number", "household_number", "full_name", "full_name_kana",
        "common_name", "former_surname", "roman_name", "address", "address_building", "mailing_address",
        "residence_card_number", "individual_number_token", "resident_code_token", "account_token",
    }
)  # fmt: skip


def make(desk: Desk, *, rows: int, seed: int) -> Runs:
    """Write the snapshots and links of three systems with ``rows`` people each on average."""
    yield partial(_make, desk, rows, seed)


def sources(desk: Desk) -> list[Source]:
    """What was made, as the hub's feeds; one of which nothing was made never came."""
    terms = {each.feed.id: FeedTerms(record=each.feed.record, lag=each.feed.lag) for each in _declared()}
    there = {feed: _folder(desk) / f"{feed}.parquet" for feed in terms}
    return [
        Source(
            feed=feed,
            terms=term,
            snapshot=Snapshot(whole=there[feed], digest=feed) if there[feed].exists() else None,
            as_of=desk.day if there[feed].exists() else None,
        )
        for feed, term in terms.items()
    ]


def changed(desk: Desk) -> list[Source]:
    """The same a night later: of each feed of people one record in a hundred says something else."""
    return [_patched(source, _folder(desk) / f"{source.feed}.patch.parquet") for source in sources(desk)]


def _patched(source: Source, patch: Path) -> Source:
    if source.snapshot is None or not patch.exists():
        return source
    whole = source.snapshot.whole
    return replace(source, snapshot=Snapshot(whole=whole, digest=source.snapshot.digest, patch=patch))


def links(desk: Desk) -> pa.Table:
    """Whose record is whose."""
    return pq.read_table(_folder(desk) / "links.parquet").cast(LINK_SCHEMA)


def entries(desk: Desk) -> pa.Table:
    """What was keyed in the last days, as ``hub.entry`` tells it."""
    return pq.read_table(_folder(desk) / "entries.parquet").cast(ENTRY_SCHEMA)


def _folder(desk: Desk) -> Path:
    return desk.folder / "rules"


def _declared() -> tuple[Mapping, ...]:
    return tuple(load_all(ROOT / "mappings"))


def _make(desk: Desk, rows: int, seed: int) -> Done:
    folder = _folder(desk)
    folder.mkdir(exist_ok=True)
    whose, base = _base(desk, min(PEOPLE, rows), seed)
    people = sum(table.num_rows for feed, table in base.items() if feed in set(whose["feed"]))
    copies = max(1, round(rows * 3 / people))
    counted = {}
    for feed, table in base.items():
        whole = _repeated(table, copies)
        _write(whole, folder / f"{feed}.parquet")
        if feed in set(whose["feed"]):
            _write(_changed(whole), folder / f"{feed}.patch.parquet")
        counted[feed] = table.num_rows * copies
    _write(_repeated_links(whose, copies), folder / "links.parquet")
    typed = _repeated_links(_entries(base, whose), copies, people=whose["resident_id"].n_unique())
    _write(typed, folder / "entries.parquet")
    return Done(rows=sum(counted.values()), facts={"copies": copies, **counted})


def _base(desk: Desk, people: int, seed: int) -> tuple[pl.DataFrame, dict[str, pa.Table]]:
    """Links and records of one city, its plants included."""
    state = found(residents=people, seed=seed, day=desk.day)
    plant(state)
    night = desk.folder / "night"
    for name in ("out", "staging"):
        (night / name).mkdir(parents=True, exist_ok=True)
    place = (night / "out", night / "staging")
    write_night(state, tax=place, welfare=place)
    key = TokenKey(desk.folder / "keys")
    made = {each.feed.id: _mapped(each.keyed(key), state, night / "out") for each in _declared()}
    return _whose(state), {feed: table for feed, table in made.items() if table is not None}


def _mapped(declared: Mapping, state: CityState, out: Path) -> pa.Table | None:
    """A feed's records with what a snapshot adds; None where the city hands out nothing for it."""
    batch = _batch(declared, state, out)
    if batch is None:
        return None
    records = mapping.apply(declared, batch, as_of=state.day).records
    digests = pa.array([f"{row:032x}" for row in range(records.num_rows)])
    days = pa.array([state.day] * records.num_rows, pa.date32())
    return records.append_column("content_hash", digests).append_column("since", days)


def _batch(declared: Mapping, state: CityState, out: Path) -> Batch | None:
    if declared.feed.connector == "odbc":
        return _residents(state) if declared.feed.id == "juki.resident" else None
    pattern = Path(str(declared.feed.settings["path"])).name
    place = next((each for each in sorted(out.iterdir()) if fnmatch(each.name, pattern)), None)
    return None if place is None else mapping.read(place, declared, day=state.day)


def _residents(state: CityState) -> Batch:
    """The rows as the database link brings them: text, one column each."""
    people = list(state.residents.values())
    columns = {
        each.name: [_text(getattr(person, each.name)) for person in people] for each in fields(Resident)
    }
    table = pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
    nothing = pa.nulls(len(people), pa.int64())
    numbers = pa.array(range(1, len(people) + 1), pa.int64())
    for name, column in (("__rec_no", numbers), ("__byte_offset", nothing), ("__byte_length", nothing)):
        table = table.append_column(name, column)
    return Batch(
        feed="juki.resident", table=table, rejects=REJECT_SCHEMA.empty_table(),
        records=len(people), control=Control(),
    )  # fmt: skip


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _whose(state: CityState) -> pl.DataFrame:
    """The links as the city itself knows them: linking is measured elsewhere."""
    rows = [("juki.resident", key, key) for key in state.residents]
    rows += [
        ("tax.taxpayer", key, state.owners.get(key, key if each.atena_kbn == "1" else f"tax {key}"))
        for key, each in state.taxpayers.items()
    ]
    rows += [
        ("welfare.recipient", key, each.atena_no or state.owners.get(key, f"welfare {key}"))
        for key, each in state.recipients.items()
    ]
    frame = pl.DataFrame(rows, schema=["feed", "source_key", "person"], orient="row")
    return frame.select("feed", "source_key", resident_id=pl.col("person").rank("dense").cast(pl.Int64))


def _repeated(table: pa.Table, copies: int) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    own = [name for name, kind in frame.schema.items() if kind == pl.String and _is_own(name)]
    return pl.concat(
        [frame.with_columns(pl.col(own) + _behind(number)) for number in range(copies)], how="vertical"
    )


def _is_own(name: str) -> bool:
    return name in _OWN or name.endswith("_key")


def _entries(base: Mapping_[str, pa.Table], whose: pl.DataFrame) -> pl.DataFrame:
    """Of each person's record what its newest change keyed; what was written over since is left out."""
    told = [
        pl.DataFrame(table).filter(pl.col("change_kind").is_in(list(_KEYED))).select(
            pl.lit(feed).alias("feed"), pl.lit(feed.partition(".")[0]).alias("system"), "source_key",
            pl.col("change_kind").alias("field"),
            pl.coalesce(
                pl.when(pl.col("change_kind") == field).then(pl.col(column).cast(pl.String))
                for field, column in _KEYED.items()
            ).alias("value"),
            pl.col("changed_at").alias("entered_at"), "operator", "operator_kind", "terminal", "change_kind",
            pl.col("valid_from").alias("event_date"), pl.lit(None, pl.String).alias("office"),
        )
        for feed, table in base.items() if feed in set(whose["feed"])
    ]  # fmt: skip
    recent = pl.concat(told).filter(pl.col("entered_at") >= pl.col("entered_at").max() - pl.duration(days=62))
    return recent.join(whose, on=["feed", "source_key"]).select(ENTRY_SCHEMA.names)


def _changed(whole: pl.DataFrame) -> pl.DataFrame:
    """Every hundredth record, moved to another place, as a patch of the whole."""
    digests = pl.lit("changed") + pl.col("content_hash")
    some = whole.gather_every(100).with_columns(
        content_hash=digests, address_key=pl.col("address_key") + "の2"
    )
    return some.with_columns(pl.lit(value=False).alias(GONE))


def _repeated_links(whose: pl.DataFrame, copies: int, *, people: int | None = None) -> pl.DataFrame:
    count = people or whose["resident_id"].n_unique()
    return pl.concat(
        whose.with_columns(pl.col("source_key") + _behind(number), pl.col("resident_id") + number * count)
        for number in range(copies)
    )


def _behind(number: int) -> pl.Expr:
    return pl.lit(f"-{number}" if number else "")


def _write(frame: pl.DataFrame, place: Path) -> None:
    """As the hub writes a snapshot."""
    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    pq.write_table(table, place, compression="zstd", row_group_size=122_880)
