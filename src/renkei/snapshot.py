"""A feed's present state in files: a whole one, and beside it a patch with all that has changed since.

Few of a large feed's records change in a night. Its state is written whole at first, and again when too much
of it has changed; in between a patch says which records are otherwise and which are gone. A patch names the
whole file by its hash, so that the patch's own hash still stands for the whole state.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from renkei.landing import Landing

if TYPE_CHECKING:
    import polars as pl

#: Column of a patch: true for a key that the whole file has and the feed has no longer.
GONE = "gone"
_BASE, _TOLD_ON = b"renkei.base", b"renkei.told_on"


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The records of ``whole`` but for those that ``patch`` has.

    ``digest`` is the whole file's hash. ``told_on`` is the day (ISO) on which all records of the whole file
    were told again, for a feed whose versions are days.
    """

    whole: Path
    digest: str = ""
    patch: Path | None = None
    told_on: str | None = None

    @property
    def names(self) -> list[str]:
        """Columns of the state."""
        return [name for name in pq.read_schema(self.whole).names if name != GONE]

    def files(self) -> dict[str, Path]:
        """The files by their part."""
        return {"whole": self.whole} | ({"patch": self.patch} if self.patch else {})

    def places(self) -> dict[str, str]:
        """By part, what DuckDB reads a file as."""
        return {part: f"read_parquet({_quoted(place)})" for part, place in self.files().items()}

    def rows(self, names: Iterable[str] | None = None, *, places: Mapping[str, str] | None = None) -> str:
        """A SELECT of these columns of every record; all there are unless named.

        ``places`` says by part how the files are called, unless DuckDB is to read them where they are.
        """
        wanted = list(self.names if names is None else names)
        called = places or self.places()
        plain = ", ".join(f'"{name}"' for name in wanted)
        if self.patch is None:
            return f"SELECT {plain} FROM {called['whole']}"
        told = ", ".join(self._as_told(name) for name in wanted)
        return f"""
            SELECT {plain} FROM {called["patch"]} WHERE NOT {GONE}
            UNION ALL
            SELECT {told} FROM {called["whole"]} AS w
            WHERE NOT EXISTS (SELECT 1 FROM {called["patch"]} AS p WHERE p.source_key = w.source_key)
        """

    def _as_told(self, name: str) -> str:
        if name == "source_version" and self.told_on:
            return f"greatest(w.source_version, '{self.told_on}') AS source_version"
        return f'w."{name}"'

    def scan(self) -> "pl.LazyFrame":
        """The same as a lazy Polars plan."""
        import polars as pl

        whole = pl.scan_parquet(self.whole)
        if self.patch is None:
            return whole
        if self.told_on:
            whole = whole.with_columns(pl.max_horizontal("source_version", pl.lit(self.told_on)))
        patch = pl.scan_parquet(self.patch)
        kept = whole.join(patch.select("source_key"), on="source_key", how="anti")
        return pl.concat([patch.filter(~pl.col(GONE)).drop(GONE).select(self.names), kept], how="vertical")

    def table(self, names: Iterable[str]) -> pa.Table:
        """These columns of every record, those that there are."""
        import polars as pl

        there = self.names
        frame = self.scan().select([name for name in names if name in there]).collect()
        assert isinstance(frame, pl.DataFrame)
        return frame.to_arrow(compat_level=pl.CompatLevel.oldest())

    def as_one(self, place: Path) -> Path:
        """The state in one file: the whole one where nothing has changed, or else written to ``place``."""
        if self.patch is None:
            return self.whole
        pq.write_table(self.table(self.names), place, compression="zstd")
        return place

    @property
    def size(self) -> int:
        """How many records the whole file has."""
        return int(pq.read_metadata(self.whole).num_rows)


def as_patch(rows: pa.Table, *, digest: str, told_on: str | None) -> pa.Table:
    """Rows with :data:`GONE`, as a patch of the whole file with this hash."""
    said = {_BASE: digest.encode()} | ({_TOLD_ON: told_on.encode()} if told_on else {})
    return rows.replace_schema_metadata(said)


def proved(landing: Landing, digest: str) -> Snapshot:
    """The state with this hash, after checking the bytes of its files; Stop E_OBJECT_DAMAGED."""
    return _opened(landing.proved, digest)


def found(landing: Landing, digest: str) -> Snapshot:
    """The state with this hash, its bytes unchecked; OSError or ArrowException where it cannot be read."""
    return _opened(landing.path, digest)


def _opened(file_of: Callable[[str], Path], digest: str) -> Snapshot:
    place = file_of(digest)
    said = pq.read_schema(place).metadata or {}
    if _BASE not in said:
        return Snapshot(whole=place, digest=digest)
    base = said[_BASE].decode()
    told_on = said[_TOLD_ON].decode() if _TOLD_ON in said else None
    return Snapshot(whole=file_of(base), digest=base, patch=place, told_on=told_on)


def _quoted(place: Path) -> str:
    return "'" + str(place).replace("'", "''") + "'"
