"""What the proofs stand on, and how they say what they found."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Row, text

from renkei.landing import Landing

MOST_PROBLEMS = 20
TITLES: Mapping[str, tuple[str, str]] = {
    "I1": ("受信ファイルはすべて完全でハッシュが一致する", "Every object is whole and is what its name says"),
    "I2": ("読んだ記載は一件も失われず二重にも数えられない", "Every record read is accounted for once"),
    "I3": ("取込は全部か無かのどちらかで終わっている", "Every unit is done as a whole or not at all"),
    "I4": ("送信元の記載はすべて台帳にある", "Nothing that was delivered is missing from the registry"),
    "I5": ("同じ記載が二度取り込まれていない", "Nothing was merged twice"),
    "I7": ("同じ受信を再度取り込んでも何も変わらない", "Applying a done unit again changes nothing"),
    "I9": ("追い越された古い実行は何も書いていない", "No overtaken run has written"),
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


@dataclass(frozen=True, kw_only=True)
class Reread:
    """Source keys of a delivery, read again from its bytes; ``nameless`` records had no readable key."""

    records: frozenset[str]
    rejected: frozenset[str]
    nameless: int


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What the proofs stand on. ``reread(feed, file, as_of)`` reads a delivery again from its bytes;
    ``replay(feed)`` applies the feed's newest unit again."""

    engine: Engine
    landing: Landing
    public_key: Path
    witnesses: tuple[Path, ...]
    reread: Callable[[str, Path, date], Reread]
    replay: Callable[[str], object]

    def rows(self, query: str, **parameters: object) -> Sequence[Row[Any]]:
        """The rows of a question to the registry."""
        with self.engine.connect() as connection:
            return connection.execute(text(query), parameters).all()

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

    def proof(self, name: str) -> Proof:
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
        )
