"""The figures of a report, each a query (``sql/``) over the registry at a stated day and instant.

A question about a past day has the same answer whenever it is asked with the same ``known_at``, and with a
later one too unless that day itself has been compared again. Whose case it is, is said as it is now.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from hashlib import sha256
from importlib import resources
from typing import Any

from sqlalchemy import Connection, text

from renkei.reconcile.double_entry import Offices, found_query, lost_by_field
from renkei.report.period import Period

#: Bands of age: days since the mismatch was found.
BANDS = ("当日", "1〜7日", "8〜30日", "31〜90日", "91日以上")
PER = 10_000


@dataclass(frozen=True, kw_only=True)
class DayCount:
    """One day; its numbers mean nothing where no rule was compared."""

    day: date
    is_compared: bool
    opened: int
    closed: int
    standing: int


@dataclass(frozen=True, kw_only=True)
class RuleCount:
    """One rule in the period. ``state`` is that of its last night, None when it had none.

    ``compared`` are the subjects of that night; of a rule that was not compared, those that were left out.
    ``decided`` and ``confirmed`` count cases from the beginning to the day. An event rule has ``events``
    found in the period, and nothing that was opened, closed or stands.
    """

    rule_id: str
    state: str | None
    told_on: date | None
    rule_digest: str | None
    compared: int
    in_transit: int
    missing_feeds: tuple[str, ...]
    error_code: str | None
    nights_compared: int
    nights_not_compared: int
    opened: int
    closed: int
    standing: int
    suppressed: int
    decided: int
    confirmed: int
    events: int = 0
    is_event: bool = False

    @property
    def is_compared(self) -> bool:
        """True when the numbers of this rule mean something."""
        return self.state == "compared"


@dataclass(frozen=True, kw_only=True)
class Age:
    """Standing mismatches of one band of :data:`BANDS`."""

    band: str
    standing: int
    suppressed: int


@dataclass(frozen=True, kw_only=True)
class Entries:
    """What was keyed twice of one field since the first of the month, and the minutes that it took."""

    field: str
    entries: int
    minutes: int


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """Differences of a rule between two feeds that are in transit (反映待ち) on the day, the oldest since."""

    rule_id: str
    left_feed: str
    right_feed: str
    waiting: int
    oldest: date


@dataclass(frozen=True, kw_only=True)
class Share:
    """One department's part of the city's mismatches."""

    department: str
    opened: int
    closed: int
    standing: int
    suppressed: int
    events: int = 0


@dataclass(frozen=True, kw_only=True)
class Figures:
    """All that a report draws of one department, or of the whole city where ``department`` is None.

    ``entries`` are what was keyed twice in the office ``entries_of``, or in the city where it is None.
    """

    department: str | None
    period: Period
    reconcile_run: str | None
    days: tuple[DayCount, ...]
    rules: tuple[RuleCount, ...]
    ages: tuple[Age, ...]
    entries: tuple[Entries, ...]
    transit: tuple[Waiting, ...]
    shares: tuple[Share, ...]
    residents: int
    entries_of: str | None = None

    @property
    def compared(self) -> tuple[RuleCount, ...]:
        """The rules that were compared on their last night."""
        return tuple(rule for rule in self.rules if rule.is_compared)

    @property
    def not_compared(self) -> tuple[RuleCount, ...]:
        """Those that should have been and were not, for whatever reason."""
        return tuple(rule for rule in self.rules if rule.state not in ("compared", "not_in_force"))

    @property
    def is_counted(self) -> bool:
        """True where what stands at the end is known, or something does."""
        return bool(self.compared) or self.sum("standing") > 0

    @property
    def was_compared(self) -> bool:
        """True when any rule was compared on any night of the period."""
        return any(rule.nights_compared for rule in self.rules)

    def sum(self, name: str) -> int:
        """The sum of one number over all rules."""
        return sum(getattr(rule, name) for rule in self.rules)

    def rate(self, standing: int) -> float | None:
        """So many in ten thousand residents; None while no resident is known."""
        return standing / self.residents * PER if self.residents else None

    @property
    def is_clear(self) -> bool:
        """True when something was compared and nothing stands, was new, or was closed; events aside."""
        found = self.sum("standing") + self.sum("opened") + self.sum("closed")
        return self.was_compared and not found


def suppressed_cases(connection: Connection, period: Period, *, zone: str) -> tuple[int, ...]:
    """Cases that were set aside (抑止) on the day, in the city's time zone."""
    rows = connection.execute(
        text(_sql("suppressed")), {"as_of": period.as_of, "known_at": period.known_at, "zone": zone}
    )
    return tuple(rows.scalars())


def read(
    connection: Connection,
    period: Period,
    *,
    suppressed: Sequence[int],
    department: str | None = None,
    rules: Sequence[str] = (),
    lasting: Sequence[str] = (),
    entries: Sequence[Entries] = (),
    entries_of: str | None = None,
) -> Figures:
    """Ask for the figures of a department, or of the city.

    ``rules`` are those that the department answers for (all of the city's where it is None): they are told of
    even where nothing was found, or nothing was compared. The ``lasting`` ones find events. ``entries`` are
    those of the office ``entries_of`` in :func:`keyed_twice`.
    """
    asked = {
        "as_of": period.as_of,
        "known_at": period.known_at,
        "from_day": period.from_day,
        "nights_from": period.nights_from,
        "department": department,
        "suppressed": list(suppressed),
        "lasting": list(lasting),
        "rules": None if department is None else list(rules),
    }
    return Figures(
        department=department,
        period=period,
        reconcile_run=_run(connection, asked),
        days=tuple(DayCount(**row) for row in _ask(connection, "known nights days", asked)),
        rules=_rules(connection, asked, department=department, declared=rules),
        ages=_ages(connection, asked),
        entries=tuple(entries),
        entries_of=entries_of,
        transit=tuple(Waiting(**row) for row in _ask(connection, "transit", asked)),
        shares=tuple(Share(**row) for row in _ask(connection, "known departments", asked))
        if department is None
        else (),
        residents=int(connection.execute(*_bound("residents", asked)).scalar_one()),
    )


def keyed_twice(
    connection: Connection, period: Period, *, offices: Offices
) -> dict[str | None, tuple[Entries, ...]]:
    """Entries from the first of the month to the day: by the office that keyed them, the city's under None.

    What was keyed on the last day is found the night after, so that only ``known_at`` says what is known.
    """
    begin = period.as_of.replace(day=1)
    lost = lost_by_field(
        connection, begin=begin, until=period.as_of, known_at=period.known_at, offices=offices
    )
    return {
        office: tuple(Entries(field=each.name, entries=each.entries, minutes=each.minutes) for each in fields)
        for office, fields in lost.items()
    }


def departments(connection: Connection, period: Period) -> tuple[str, ...]:
    """Every department that has had a mismatch up to the day."""
    asked: dict[str, Any] = {
        "as_of": period.as_of,
        "known_at": period.known_at,
        "from_day": period.from_day,
        "department": None,
        "suppressed": [],
        "lasting": [],
    }
    return tuple(row["department"] for row in _ask(connection, "known departments", asked))


def queries_digest() -> str:
    """One hash over the text of all the queries, so that a report names what its numbers were made by."""
    names = sorted(each.name for each in resources.files("renkei.report").joinpath("sql").iterdir())
    texts = [*(_sql(name.removesuffix(".sql")) for name in names), found_query()]
    return sha256("\0".join(texts).encode()).hexdigest()


def _run(connection: Connection, asked: Mapping[str, Any]) -> str | None:
    query = "SELECT run_id::text FROM night ORDER BY as_of DESC LIMIT 1"
    bound = {**asked, "nights_from": asked["from_day"]}
    return connection.execute(text(f"WITH {_sql('nights')} {query}"), bound).scalar()


def _rules(
    connection: Connection, asked: Mapping[str, Any], *, department: str | None, declared: Sequence[str]
) -> tuple[RuleCount, ...]:
    """Of a department those that it answers for or has mismatches of; of the city all."""
    told = {row["rule_id"]: dict(row) for row in _ask(connection, "known nights rules", asked)}
    judged = {row["rule_id"]: dict(row) for row in _ask(connection, "precision", asked)}
    counts = ("opened", "closed", "standing", "events")
    own = {
        rule
        for rule, row in told.items()
        if department is None or rule in declared or any(row[name] for name in counts)
    }
    every = (_rule(rule, told.get(rule), judged.get(rule)) for rule in sorted(own | {*declared}))
    return tuple(
        replace(rule, is_event=rule.events > 0 or rule.rule_id in asked["lasting"]) for rule in every
    )


def _rule(rule_id: str, told: Mapping[str, Any] | None, judged: Mapping[str, Any] | None) -> RuleCount:
    row = {**_NOTHING, **(told or {}), **(judged or {}), "rule_id": rule_id}
    return RuleCount(**{**row, "missing_feeds": tuple(row["missing_feeds"])})


_NOTHING: Mapping[str, Any] = {
    "state": None, "told_on": None, "rule_digest": None, "compared": 0, "in_transit": 0, "missing_feeds": (),
    "error_code": None, "nights_compared": 0, "nights_not_compared": 0, "opened": 0, "closed": 0,
    "standing": 0, "suppressed": 0, "events": 0, "decided": 0, "confirmed": 0,
}  # fmt: skip


def _ages(connection: Connection, asked: Mapping[str, Any]) -> tuple[Age, ...]:
    found = {row["band"]: row for row in _ask(connection, "known ages", asked)}
    return tuple(
        Age(band=band, **{name: found[n][name] if n in found else 0 for name in ("standing", "suppressed")})
        for n, band in enumerate(BANDS, start=1)
    )


def _ask(connection: Connection, names: str, asked: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return [dict(row) for row in connection.execute(*_bound(names, asked)).mappings()]


def _bound(names: str, asked: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """A query of its common parts and its own, and what of the question it takes."""
    *parts, own = (_sql(name) for name in names.split())
    query = f"WITH {', '.join(parts)} {own}" if parts else own
    return text(query), {name: value for name, value in asked.items() if f":{name}" in query}


@cache
def _sql(name: str) -> str:
    return resources.files("renkei.report").joinpath("sql", f"{name}.sql").read_text("utf-8")
