"""What is really wrong: each planted mismatch, double entry, file anomaly and reject. Hidden from the hub."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

#: The longest declared lag is 26 hours, so a difference is a mismatch from the second night on.
LAG_NIGHTS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """One thing that a rule must find. A key is ``None`` where the rule alone decides what to name.

    ``since``: the day from which the difference could be seen. ``found_from``: the first night on which it
    must be found; what ``lasting`` rules find happened, and is never in transit. ``gone_from``: the first
    night on which it must no longer stand; never, where ``lasting``. ``why``: why the two values differ, of
    the twelve reasons (相違の原因); nothing where no two values are compared.
    """

    rule_id: str
    klass: str
    field: str
    left_feed: str
    left_key: str | None
    right_feed: str
    right_key: str | None
    planted_on: date
    since: date
    found_from: date
    gone_from: date | None = None
    lasting: bool = False
    minutes: int | None = None
    why: str | None = None

    def is_due(self, night: date) -> bool:
        """Must the hub's books show it after this night?"""
        return self.found_from <= night and (self.lasting or self.gone_from is None or night < self.gone_from)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """A record that the hub must set aside, from the night it was planted."""

    feed: str
    source_key: str
    field: str
    reason: str
    planted_on: date
    gone_from: date | None = None


class Ledger:
    """The truth so far; grows day by day."""

    def __init__(self, truths: Iterable[Truth] = (), rejects: Iterable[Reject] = ()) -> None:
        self.truths, self.rejects = list(truths), list(rejects)

    def plant(
        self,
        rule_id: str,
        klass: str,
        *,
        field: str,
        left: tuple[str, str | None],
        right: tuple[str, str | None],
        since: date,
        day: date,
        lasting: bool = False,
        minutes: int | None = None,
        why: str | None = None,
    ) -> Truth:
        """Write down a mismatch that exists from now on (or from a later ``since``)."""
        found_from = max(day, since if lasting else since + timedelta(days=LAG_NIGHTS))
        truth = Truth(
            rule_id=rule_id,
            klass=klass,
            field=field,
            left_feed=left[0],
            left_key=left[1],
            right_feed=right[0],
            right_key=right[1],
            planted_on=day,
            since=since,
            found_from=found_from,
            lasting=lasting,
            minutes=minutes,
            why=why,
        )
        self.truths.append(truth)
        return truth

    def end(self, truth: Truth, night: date) -> None:
        """The difference is corrected: from this night on it must be gone."""
        self.truths[self.truths.index(truth)] = replace(truth, gone_from=night)

    def due(self, night: date) -> list[Truth]:
        """What must be found after a night."""
        return [truth for truth in self.truths if truth.is_due(night)]

    def save(self, folder: Path) -> None:
        """Write both files anew."""
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / "mismatches.jsonl", self.truths)
        _write(folder / "rejects.jsonl", self.rejects)


def load(folder: Path) -> Ledger:
    """The ledger of a folder."""
    return Ledger(
        (Truth(**_dates(row)) for row in _read(folder / "mismatches.jsonl")),
        (Reject(**_dates(row)) for row in _read(folder / "rejects.jsonl")),
    )


def _write(path: Path, rows: Iterable[Truth | Reject]) -> None:
    lines = [json.dumps(asdict(row), ensure_ascii=False, default=date.isoformat) for row in rows]
    temporary = path.with_suffix(".tmp")
    temporary.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    temporary.replace(path)


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _dates(row: dict[str, Any]) -> dict[str, Any]:
    days = ("planted_on", "since", "found_from", "gone_from")
    return {
        name: date.fromisoformat(str(value)) if name in days and value else value
        for name, value in row.items()
    }
