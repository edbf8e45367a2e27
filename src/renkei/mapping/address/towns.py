"""The towns of Japan, and what a city adds of its own: its towns, and which place became which.

``towns/<name>.csv`` beside the mappings holds a city's towns, ``towns/old_new.csv`` its 新旧対照. Both are
text that the city owns; every problem of them is told at once, by file and line.
"""

import csv
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache, cached_property, lru_cache
from importlib.resources import files
from pathlib import Path

import polars as pl

from renkei.mapping.address.folding import NUMBERS, fold, fold_text, hyphenate
from renkei.mapping.problems import Problem, nearest

#: The table of which place became which; every other file of the folder lists towns.
OLD_NEW = "old_new.csv"

_TOWN_NEEDS = ("municipality_code", "prefecture", "municipality", "town")
_TOWN_MAY = ("kana", "postal_code", "chome", "town_id")
_CHANGE_NEEDS = ("municipality_code", "old", "new", "from")
_CHANGE_MAY = ("new_municipality_code", "note")

_TOWNS = {
    "code": pl.String,
    "prefecture": pl.String,
    "municipality": pl.String,
    "town": pl.String,
    "kana": pl.String,
    "postal_code": pl.String,
    "chome": pl.Boolean,
    "town_id": pl.String,
}


#: The number of a house: 12番地, 3-12, 甲12; but not 三丁目.
_HOUSE = re.compile("[0-9](?:番|号|-|$)|無番地")


def is_house(place: str) -> bool:
    """True when a place is written down to a number."""
    return _HOUSE.search(fold_text(place)) is not None


@dataclass(frozen=True, kw_only=True)
class Change:
    """One row of 新旧対照: from that day on the old place is the new one."""

    municipality_code: str
    old: str
    new_municipality_code: str
    new: str
    since: date

    @property
    def names_a_house(self) -> bool:
        """False where the row renames a whole town."""
        return is_house(self.old)


@dataclass(frozen=True, kw_only=True)
class Towns:
    """The national table and a city's own. Two with one ``digest`` are the same."""

    digest: str
    own: pl.DataFrame = field(compare=False, repr=False)
    changes: tuple[Change, ...] = field(default=(), compare=False, repr=False)

    @cached_property
    def keys(self) -> pl.DataFrame:
        """One row a town of a municipality: code, key, name, chome, repeated, longer.

        ``key`` is the folded town, ``name`` how a place's key has it. ``chome``: it is divided into 丁目.
        ``repeated``: several places of the municipality bear the name. ``longer``: another town of the
        municipality begins with this one and goes on with a number (寺泊 and 寺泊五分一).
        """
        own = _with_keys(pl.concat([self.own, self._renamed]))
        divided = own.filter(pl.col("key").str.contains(_DIVIDED)).with_columns(
            pl.col("key").str.replace(_DIVIDED, ""), chome=pl.lit(value=True)
        )
        columns = ("code", "key", "chome", "repeated")
        listed = pl.concat([own.select(columns), divided.select(columns), _national().select(columns)])
        merged = listed.filter(pl.col("key") != "").group_by("code", "key", maintain_order=True)
        towns = merged.agg(pl.col("chome").any(), pl.col("repeated").any()).with_columns(name=_named())
        begun = _beginnings(towns.filter(pl.col("key").str.contains(NUMBERS)))
        return towns.join(begun, on=["code", "key"], how="left", maintain_order="left").with_columns(
            pl.col("longer").fill_null(value=False)
        )

    @property
    def _renamed(self) -> pl.DataFrame:
        """Towns that 新旧対照 names whole: the old ones are in no other table."""
        whole = [each for each in self.changes if not each.names_a_house]
        old = [{"code": each.municipality_code, "town": each.old} for each in whole]
        new = [{"code": each.new_municipality_code, "town": each.new} for each in whole]
        return pl.DataFrame([*old, *new], schema=_TOWNS)

    @cached_property
    def ids(self) -> pl.DataFrame:
        """町字ID where the city's tables have it: code, town (as a place's key has it), town_id."""
        own = _with_keys(self.own).with_columns(town=_named()).filter(pl.col("town_id").is_not_null())
        return own.select("code", "town", "town_id").unique(["code", "town"], keep="first")

    @cached_property
    def names(self) -> pl.DataFrame:
        """code, prefecture, municipality, short (without 郡, or the ward alone): what the code says too."""
        columns = ("code", "prefecture", "municipality")
        known = pl.concat([self.own.select(columns), _national().select(columns)]).unique(maintain_order=True)
        names = known.with_columns(
            _folded("prefecture"),
            _folded("municipality"),
            short=pl.coalesce(
                pl.col("municipality").str.extract(r"^.+?郡(.+[町村])$"),
                pl.col("municipality").str.extract(r"^.+?市(.+区)$"),
            ),
        ).with_columns(_folded("short"))
        return names.unique("code", keep="first", maintain_order=True)


#: A town of a city's own table that is one 丁目 of a divided town.
_DIVIDED = r"[0-9]+丁目$"


def _folded(name: str) -> pl.Expr:
    return pl.col(name).map_batches(fold, return_dtype=pl.String)


def _named() -> pl.Expr:
    """The town's key as it stands in a place's key: 本町3丁目 and 本町3 are one."""
    return pl.col("key").str.replace_all("([0-9])丁目", "${1}-").str.strip_chars_end("-")


def _beginnings(towns: pl.DataFrame) -> pl.DataFrame:
    """Every proper beginning of every town: code, key, longer."""
    lengths = pl.int_ranges(1, pl.col("key").str.len_chars(), dtype=pl.Int64)
    begun = towns.select("code", "key", length=lengths).explode("length").drop_nulls()
    return begun.select("code", pl.col("key").str.slice(0, pl.col("length")), longer=True).unique()


def _with_keys(own: pl.DataFrame) -> pl.DataFrame:
    return own.with_columns(
        _folded("town").alias("key"), pl.col("chome").fill_null(value=False), repeated=False
    )


@cache
def _national() -> pl.DataFrame:
    table = pl.read_parquet(_shipped())
    return table.with_columns(pl.col("key").fill_null(pl.col("town")))


@cache
def _shipped() -> bytes:
    return files("renkei.mapping").joinpath("data/towns.parquet").read_bytes()


@cache
def nationwide() -> Towns:
    """The national table alone."""
    return Towns(digest=_digest(()), own=pl.DataFrame(schema=_TOWNS))


def digest_of(folder: Path) -> str:
    """sha256 over the national table and every table of the folder; a missing folder adds nothing."""
    return _digest(sorted(folder.glob("*.csv")))


def _digest(paths: Sequence[Path]) -> str:
    seen = hashlib.sha256(_shipped_digest())
    for path in paths:
        seen.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return seen.hexdigest()


@cache
def _shipped_digest() -> bytes:
    return hashlib.sha256(_shipped()).digest()


def load(folder: Path) -> tuple[Towns, tuple[Problem, ...]]:
    """The city's tables over the national one, and what is wrong with any of them."""
    return _load(folder, digest_of(folder))


@lru_cache(maxsize=4)
def _load(folder: Path, digest: str) -> tuple[Towns, tuple[Problem, ...]]:
    """Every mapping of a folder shares its towns."""
    own: list[dict[str, object]] = []
    changes: list[Change] = []
    problems: list[Problem] = []
    for path in sorted(folder.glob("*.csv")):
        table = _Table(path=path)
        if path.name == OLD_NEW:
            changes += table.changes()
        else:
            own += table.towns()
        problems += table.problems
    frame = pl.DataFrame(own, schema=_TOWNS)
    return Towns(digest=digest, own=frame, changes=tuple(changes)), tuple(problems)


@dataclass(frozen=True, kw_only=True)
class _Table:
    """One CSV file under examination: UTF-8, a header, no column that nobody knows."""

    path: Path
    problems: list[Problem] = field(default_factory=list)

    def towns(self) -> Iterator[dict[str, object]]:
        for line, row in self._rows(_TOWN_NEEDS, _TOWN_MAY):
            chome = row.get("chome") or "0"
            if chome not in ("0", "1"):
                self._wrong(line, "chome 0 or 1", chome)
            yield {
                "code": self._code(line, row["municipality_code"]),
                **{name: row[name] for name in _TOWN_NEEDS[1:]},
                **{name: row.get(name) or None for name in ("kana", "postal_code", "town_id")},
                "chome": chome == "1",
            }

    def changes(self) -> Iterator[Change]:
        seen: dict[tuple[str, str], int] = {}
        for line, row in self._rows(_CHANGE_NEEDS, _CHANGE_MAY):
            code = self._code(line, row["municipality_code"])
            since = self._day(line, row["from"])
            new_code = self._code(line, row.get("new_municipality_code") or code)
            place = (code, hyphenate(fold(pl.Series([row["old"]])))[0])
            if place in seen:
                self._wrong(line, "one row an old place", f"again, as in line {seen[place]}")
            elif is_house(row["old"]) != is_house(row["new"]):
                self._wrong(line, "two towns or two houses", "one of each")
            elif since is not None:
                yield Change(
                    municipality_code=code,
                    old=row["old"],
                    new_municipality_code=new_code,
                    new=row["new"],
                    since=since,
                )
            seen.setdefault(place, line)

    def _rows(self, needs: tuple[str, ...], may: tuple[str, ...]) -> Iterator[tuple[int, Mapping[str, str]]]:
        try:
            text = self.path.read_text("utf-8-sig")
        except UnicodeDecodeError:
            self._wrong(0, "UTF-8", "another encoding")
            return
        reader = csv.DictReader(text.splitlines(), strict=True)
        found = tuple(reader.fieldnames or ())
        for name in needs:
            if name not in found:
                self._wrong(1, f"a column {name}", ", ".join(found) or "nothing")
        for name in found:
            if name not in (*needs, *may):
                self._wrong(1, "a known column", name, nearest(name, (*needs, *may)))
        if not self.problems:
            yield from self._filled(reader, needs)

    def _filled(
        self, reader: "csv.DictReader[str]", needs: tuple[str, ...]
    ) -> Iterator[tuple[int, dict[str, str]]]:
        for row in reader:
            empty = [name for name in needs if not row.get(name)]
            if empty or None in row:
                self._wrong(
                    reader.line_num, "every needed column filled", ", ".join(empty) or "too many columns"
                )
            else:
                yield reader.line_num, row

    def _code(self, line: int, code: str) -> str:
        if not (len(code) == 6 and code.isascii() and code.isdigit()):
            self._wrong(line, "a municipality code of 6 figures", code)
        return code

    def _day(self, line: int, text: str) -> date | None:
        try:
            return date.fromisoformat(text)
        except ValueError:
            self._wrong(line, "a day YYYY-MM-DD", text)
            return None

    def _wrong(self, line: int, expected: str, found: str, near: str = "") -> None:
        file = f"{self.path.parent.name}/{self.path.name}"
        self.problems.append(Problem(file=file, line=line, expected=expected, found=found, nearest=near))
