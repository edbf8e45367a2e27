"""Deliveries read again: their order and repetition change nothing (I6), nor do the surroundings (I11)."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from renkei.errors import RenkeiError
from renkei.prove.ground import Findings, Ground, Part, Reread
from renkei.prove.state import keys_in, parquet, state_of
from renkei.records import RECORD_TYPES

if TYPE_CHECKING:
    import polars as pl

_HELD_SCHEMA = pa.schema([("source_key", pa.string()), ("content_hash", pa.string())])
#: The newest whole delivery and the parts after it: so many are read again.
MOST_DELIVERIES = 4
_SEED = 20_261_120
_CONTENT = ("source_key", "source_version", "content_hash")


# I6: the model -----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Told:
    """What deliveries say of keys, in no order: ``claims`` (``source_key, source_version, content_hash,
    rank``) and ``ends`` (``source_key, rank``), each once; before ``whole`` nothing counts. A rank is a
    delivery's place by the day and time that it speaks for.
    """

    claims: "pl.DataFrame"
    ends: "pl.DataFrame"
    whole: int = -1

    def __add__(self, other: "Told") -> "Told":
        """Both together; who came first, or twice, does not show."""
        import polars as pl

        whole = max(self.whole, other.whole)
        claims = pl.concat([self.claims, other.claims]).unique()
        ends = pl.concat([self.ends, other.ends]).group_by("source_key").agg(pl.col("rank").max())
        return Told(claims=claims.filter(pl.col("rank") >= whole), ends=ends, whole=whole)

    def present(self) -> "pl.DataFrame":
        """The keys that are there, by key, each with the newest version told since it was last gone."""
        import polars as pl

        return (
            self.claims.join(self.ends.rename({"rank": "ended"}), on="source_key", how="left")
            .filter(pl.col("rank") > pl.col("ended").fill_null(-1))
            .sort("source_key", "source_version", "rank")
            .unique("source_key", keep="last", maintain_order=True)
            .select(_CONTENT)
        )


def told(again: Reread, *, rank: int, is_whole: bool) -> Told:
    """What one delivery says."""
    import polars as pl

    claims = pl.DataFrame(again.records.select(list(_CONTENT)))
    ends = pl.DataFrame({"source_key": pl.Series(again.gone, dtype=pl.String)})
    place = pl.lit(rank, pl.Int32).alias("rank")
    return Told(
        claims=claims.with_columns(place), ends=ends.with_columns(place), whole=rank if is_whole else -1
    )


def orders(count: int, *, seed: int = _SEED) -> list[list[int]]:
    """The order of so many deliveries, its opposite, and a seeded one; in both of these some come again."""
    dice = random.Random(seed)  # noqa: S311 - an order that can be repeated, no secret
    straight = list(range(count))
    opposite = [*dice.choices(straight, k=count), *reversed(straight)]
    mixed = [*straight, *dice.choices(straight, k=count)]
    dice.shuffle(mixed)
    return [straight, opposite, mixed]


# I6: the registry beside it ----------------------------------------------------------------------


def order_free(ground: Ground, findings: Findings) -> None:
    """Fold each feed's last deliveries in several orders: one state each time, and it is the registry's."""
    for (feed,) in ground.rows("SELECT feed FROM cursor ORDER BY feed"):
        ground.progress(feed)
        window = ground.rows(_WINDOW, feed=feed)
        whole = next((number for number, each in enumerate(window) if each.is_whole), None)
        recent = window if len(window) <= MOST_DELIVERIES else _ends_of(window, whole)
        try:
            parts = [ground.reread(_part(ground, each)) for each in recent]
        except (RenkeiError, OSError) as broken:
            findings.broken(f"{feed} {getattr(broken, 'code', 'unreadable')}")
            continue
        said = [
            told(again, rank=each.place, is_whole=bool(each.is_whole))
            for again, each in zip(parts, recent, strict=True)
            if not each.is_moot
        ]
        if not said:
            continue
        state = _one_state(said, feed, findings)
        findings.checked += state.height
        unseen = [each for each in window if each not in recent]
        _beside(ground, findings, feed=feed, state=state, parts=parts, recent=recent, unseen=unseen)


def _ends_of(window: Sequence[Any], whole: int | None) -> list[Any]:
    first = [] if whole is None else [window[whole]]
    return [*first, *window[len(first) - MOST_DELIVERIES :]]


def _part(ground: Ground, row: Any) -> Part:  # noqa: ANN401 - a row of any query
    day: date = row.as_of
    return Part(feed=row.feed, file=ground.landing.path(row.sha256), as_of=day)


def _one_state(said: Sequence[Told], feed: str, findings: Findings) -> "pl.DataFrame":
    first: pl.DataFrame | None = None
    for order in orders(len(said)):
        state = reduce(add, (said[number] for number in order)).present()
        if first is None:
            first = state
        findings.expect(
            state.equals(first), f"{feed} another order of {len(said)} deliveries gives another state"
        )
    assert first is not None
    return first


# made_at as the cursor tells it; what came late and as a whole, or not as a file, was not believed
_WINDOW = """
    WITH merged AS (
        SELECT d.feed, d.delivery_id, d.sha256, u.as_of, u.dispositions, d.is_whole, u.withheld,
            coalesce(d.error_code = 'E_DELIVERY_OLD', false)
                AND (d.is_whole OR d.remote_modified IS NULL) AS is_moot,
            row_number() OVER (
                ORDER BY u.as_of, coalesce(d.remote_modified, d.received_at), d.delivery_id) AS place
        FROM delivery AS d
        JOIN unit AS u USING (delivery_id)
        WHERE d.feed = :feed AND d.verdict = 'merged' AND u.part = 'all'
    )
    SELECT *
    FROM merged
    WHERE place >= coalesce((SELECT max(place) FROM merged WHERE is_whole AND NOT is_moot), 1)
    ORDER BY place
"""


def _beside(
    ground: Ground,
    findings: Findings,
    *,
    feed: str,
    state: "pl.DataFrame",
    parts: Sequence[Reread],
    recent: Sequence[Any],
    unseen: Sequence[Any],
) -> None:
    """The registry holds what the fold says, but for keys of which others had the last word."""
    import polars as pl

    place = ground.rows("SELECT snapshot FROM cursor WHERE feed = :feed", feed=feed)[0].snapshot
    snapshot = _snapshot(ground, place)
    if snapshot is None:
        return  # I1 and I4 tell
    held = pl.DataFrame(ground.table(_HELD, _HELD_SCHEMA, feed=feed))
    pairs = held.join(snapshot, on="source_key", how="full", suffix="_snapshot")
    apart = pairs.filter(~pl.col("content_hash").eq_missing(pl.col("content_hash_snapshot"))).height
    findings.checked += pairs.height
    findings.expect(not apart, f"{feed} snapshot and registry differ in {apart} keys")

    elsewhere = _judged_elsewhere(ground, feed, parts, recent, unseen)
    both = state.join(elsewhere, on="source_key", how="anti").join(
        snapshot, on="source_key", how="left", suffix="_held"
    )
    lost = both.filter(pl.col("content_hash_held").is_null()).height
    findings.expect(not lost, f"{feed} the fold has {lost} keys that the registry lacks")
    # the same version under another mapping may say something else, and a newer one may be from before
    digest = parts[-1].mapping_digest
    other = both.filter(
        (pl.col("mapped_by").fill_null(digest) == digest)
        & (pl.col("source_version_held") <= pl.col("source_version"))
        & (pl.col("content_hash") != pl.col("content_hash_held"))
    ).height
    findings.expect(not other, f"{feed} the fold has other content than the registry for {other} keys")
    if (
        any(each.is_whole for each in recent)
        and not any(each.withheld for each in recent)
        and not _nameless(parts)
    ):
        more = (
            snapshot.join(state, on="source_key", how="anti")
            .join(elsewhere, on="source_key", how="anti")
            .height
        )
        findings.expect(not more, f"{feed} the registry has {more} keys that the fold lacks")
    findings.notes.append(f"{feed}={len(recent)}")


def _snapshot(ground: Ground, digest: str) -> "pl.DataFrame | None":
    """Key, version, content and mapping of each record; older snapshots do not say the mapping."""
    import polars as pl

    table = state_of(ground, digest, [*_CONTENT, "mapped_by"])
    if table is None:
        return None
    found = pl.DataFrame(table)
    return found if "mapped_by" in found.columns else found.with_columns(mapped_by=pl.lit(None, pl.String))


def _nameless(parts: Iterable[Reread]) -> bool:
    return any(part.nameless for part in parts)


def _judged_elsewhere(
    ground: Ground, feed: str, parts: Sequence[Reread], recent: Sequence[Any], unseen: Sequence[Any]
) -> "pl.DataFrame":
    """Keys that were set aside, superseded by what was known before, or told by parts that were not read."""
    import polars as pl

    keys = [ground.keys(_ASIDE, feed=feed), *(part.rejected for part in parts)]
    keys += [keys_in(ground.landing.path(each.dispositions)) for each in unseen]
    keys += [
        keys_in(ground.landing.path(each.dispositions), only=kind)
        for each in recent[:1]
        for kind in ("superseded", "rejected")
    ]
    return pl.DataFrame(
        {"source_key": pl.concat([pl.Series(each, dtype=pl.String) for each in keys])}
    ).unique()


_HELD = " UNION ALL ".join(
    f"SELECT source_key, content_hash FROM {kind.table}\n"
    "WHERE feed = current_setting('prove.feed') AND known_to IS NULL AND NOT removed"
    for kind in RECORD_TYPES.values()
)
_ASIDE = (
    "SELECT DISTINCT source_key FROM reject WHERE feed = current_setting('prove.feed') AND state = 'open'"
)


# I11 ---------------------------------------------------------------------------------------------


def same_everywhere(ground: Ground, findings: Findings) -> None:
    """Map each feed's newest delivery again, here and in other surroundings; it is what the unit merged."""
    newest = ground.rows(_NEWEST)
    parts = [_part(ground, row) for row in newest]
    there = ground.elsewhere(parts) if parts else {}
    for number, (row, part) in enumerate(zip(newest, parts, strict=True)):
        try:
            again = ground.reread(part)
        except (RenkeiError, OSError) as broken:
            findings.broken(f"unit:{row.unit_id} {getattr(broken, 'code', 'unreadable')}")
            continue
        for name, digests in there.items():
            findings.expect(
                digests[number] == again.digest, f"unit:{row.unit_id} is mapped otherwise under {name}"
            )
        _as_merged(ground, findings, row, again)
    findings.notes.append(f"surroundings={len(there) + 1}")


def _as_merged(ground: Ground, findings: Findings, row: Any, again: Reread) -> None:  # noqa: ANN401 - a row
    """What that unit brought, or found unchanged, is read today with the same content."""
    import polars as pl

    if row.mapping_digest != again.mapping_digest:
        findings.notes.append(f"unit:{row.unit_id} was mapped by another text")
        return
    kept = _snapshot(ground, row.snapshot)
    done = parquet(ground.landing.path(row.dispositions), ["source_key", "kind"])
    if kept is None or done is None:
        return  # I1 tells
    merged = pl.DataFrame(done).filter(pl.col("kind").is_in(["merged", "unchanged"])).select("source_key")
    pairs = (
        pl.DataFrame(again.records)
        .join(merged, on="source_key", how="semi")
        .join(kept, on="source_key", suffix="_kept")
    )
    findings.checked += pairs.height
    other = pairs.filter(pl.col("content_hash") != pl.col("content_hash_kept")).height
    findings.expect(not other, f"unit:{row.unit_id} is read otherwise than it was merged: {other} records")


_NEWEST = """
    SELECT c.feed, u.unit_id, u.as_of, u.mapping_digest, u.dispositions, u.snapshot, d.sha256
    FROM cursor AS c
    JOIN unit AS u USING (unit_id)
    JOIN delivery AS d USING (delivery_id)
    ORDER BY c.feed
"""
