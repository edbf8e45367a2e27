"""What the proofs stand on, and how they say what they found."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlalchemy import Engine, Row, text

from renkei.bulk import copy_out
from renkei.landing import Landing

MOST_PROBLEMS = 20
_KEYS = pa.schema([("key", pa.string())])
TITLES: Mapping[str, tuple[str, str]] = {
    "I1": ("受信ファイルはすべて完全でハッシュが一致する", "Every object is whole and is what its name says"),
    "I2": ("読んだ記載は一件も失われず二重にも数えられない", "Every record read is accounted for once"),
    "I3": ("取込は全部か無かのどちらかで終わっている", "Every unit is done as a whole or not at all"),
    "I4": ("送信元の記載はすべて台帳にある", "Nothing that was delivered is missing from the registry"),
    "I5": ("同じ記載が二度取り込まれていない", "Nothing was merged twice"),
    "I6": (
        "受信の順序や重複によらず同じ結果になる",
        "The order of deliveries, and repetition, change nothing",
    ),
    "I7": ("同じ受信を再度取り込んでも何も変わらない", "Applying a done unit again changes nothing"),
    "I9": ("追い越された古い実行は何も書いていない", "No overtaken run has written"),
    "I10": ("履歴に重なりも抜けもなく、過去の答えは変わらない", "History has no overlap and no gap"),
    "I11": ("同じ受信は環境によらず同じ記載になる", "A delivery means the same wherever it is read"),
    "I16": (
        "名寄せは記録と判定だけから定まり、元に戻せる",
        "Who is who follows from records and decisions alone",
    ),
    "I20": ("監査証跡に改ざん・欠落がない", "The audit trail is whole"),
}


@dataclass(frozen=True, kw_only=True)
class Proof:
    """One invariant: does it hold, over how many checked things, and what does not."""

    id: str
    title_ja: str
    title_en: str
    holds: bool
    checked: int
    detail: str
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Reread:
    """A delivery, read and mapped again from its bytes.

    ``records`` has ``source_key, source_version, content_hash``; ``rejected`` and ``gone`` are keys;
    ``nameless`` rejects had no readable key. ``digest`` is of everything that was mapped, byte for byte.
    """

    records: pa.Table
    rejected: pa.Array
    gone: pa.Array
    nameless: int
    mapping_digest: str = ""
    digest: str = ""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A landed delivery to be read again: its feed, its object and the day it speaks for."""

    feed: str
    file: Path
    as_of: date


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What the proofs stand on. ``reread(part)`` reads a delivery again from its bytes; ``replay(feed)``
    applies the feed's newest unit again; ``elsewhere(parts)`` maps deliveries in processes of another locale,
    time zone, hash seed and number of threads, and gives for each of these the digests in the parts' order,
    a code in the stead of one that could not be read; ``progress`` is told what begins.
    """

    engine: Engine
    landing: Landing
    public_key: Path
    witnesses: tuple[Path, ...]
    reread: Callable[[Part], Reread]
    replay: Callable[[str], object]
    elsewhere: Callable[[Sequence[Part]], Mapping[str, Sequence[str]]]
    progress: Callable[[str], None] = lambda _: None
    refuse_contradictions: bool = True

    def rows(self, query: str, **parameters: object) -> Sequence[Row[Any]]:
        """The rows of a question to the registry."""
        with self.engine.connect() as connection:
            return connection.execute(text(query), parameters).all()

    def table(self, query: str, schema: pa.Schema, **parameters: str) -> pa.Table:
        """The rows of a question as an Arrow table; a parameter is ``current_setting('prove.name')``."""
        with self.engine.connect() as connection:
            for name, value in parameters.items():
                connection.execute(
                    text("SELECT set_config(:name, :value, true)"), {"name": f"prove.{name}", "value": value}
                )
            return copy_out(connection, query, schema)

    def keys(self, query: str, **parameters: str) -> pa.Array:
        """The one column of texts that a question is answered with, without nulls."""
        return self.table(query, _KEYS, **parameters)["key"].combine_chunks().drop_null()

    def count(self, query: str) -> int:
        """The one number that a question is answered with."""
        return int(self.rows(query)[0][0])


class Findings:
    """What one proof has checked and found so far."""

    def __init__(self) -> None:
        self.checked = 0
        self.notes: list[str] = []
        self._problems: list[str] = []
        self._found = 0

    def expect(self, holds: bool, problem: str) -> None:  # noqa: FBT001 - reads as a sentence
        """Count one check, and keep the problem when it does not hold."""
        self.checked += 1
        if not holds:
            self.broken(problem)

    def broken(self, problem: str) -> None:
        """Keep a problem; the first ones are told, all are counted."""
        self._found += 1
        self._problems = [*self._problems, problem][:MOST_PROBLEMS]

    def proof(self, name: str, *, seconds: float = 0.0) -> Proof:
        """Sum up."""
        more = [f"+{self._found - MOST_PROBLEMS}"] if self._found > MOST_PROBLEMS else []
        title_ja, title_en = TITLES[name]
        return Proof(
            id=name,
            title_ja=title_ja,
            title_en=title_en,
            holds=not self._found,
            checked=self.checked,
            detail="; ".join([*self._problems, *more, *self.notes]),
            seconds=round(seconds, 3),
        )
