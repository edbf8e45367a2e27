"""The mismatch report of a period: every standing mismatch with what each system says now, as values."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib import resources
from typing import Any

from sqlalchemy import Connection, text

from renkei.causes.classes import say_why
from renkei.report.labels import label
from renkei.report.said import WITHHELD, said_of, says_place
from renkei.views import RESTRICTED

_FETCH = 2000
#: As known at any time.
_EVER = datetime.max.replace(tzinfo=UTC)

#: What stands where nobody can tell since when two values differ.
UNKNOWN = "不明"
#: The day that rules give where no date says since when.
_NO_DAY = date(1900, 1, 1)

#: What marks a row of a case that is set aside: it is counted all the same.
SET_ASIDE = "抑止中"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One row of the report. ``said`` follows the report's order of systems."""

    case_id: int
    rule_id: str
    severity: int
    owner: str
    state: str
    party_number: str
    full_name: str
    field: str
    class_: str
    why: str | None
    why_kind: str | None
    said: tuple[str, ...]
    first_as_of: date
    since: date | None
    due_on: date
    taken_as_of: date | None
    gone_as_of: date | None
    is_restricted: bool
    is_suppressed: bool


def lines(
    connection: Connection,
    *,
    as_of: date,
    systems: Sequence[str],
    case_id: int | None = None,
    department: str | None = None,
    gone_from: date | None = None,
    known_at: datetime | None = None,
    suppressed: Sequence[int] = (),
    lasting: Sequence[str] = (),
) -> Iterator[Line]:
    """Mismatches standing on ``as_of``, gravest first; fetched in blocks, so memory does not grow with them.

    With ``gone_from`` also those that went since that day. Events (deliveries, double entries, and what the
    ``lasting`` rules found) do not stand: they are there on the day of their finding, or since ``gone_from``.
    ``suppressed`` are cases that are set aside: their rows are marked. A row that involves a restricted
    person, as subject, payee or behind either record, or that would show where one is to be found, has
    neither name, number, reason, day nor values.
    """
    body = resources.files("renkei.report").joinpath("mismatch.sql").read_text("utf-8")
    query = text(f"WITH {RESTRICTED}{body}").execution_options(yield_per=_FETCH)
    asked = {
        "as_of": as_of,
        "case_id": case_id,
        "department": department,
        "gone_from": gone_from,
        "known_at": known_at or _EVER,
        "suppressed": list(suppressed),
        "lasting": list(lasting),
    }
    for row in connection.execute(query, asked).mappings():
        yield _line(dict(row), systems)


def header(systems: Iterable[str]) -> tuple[str, ...]:
    """The columns' headings."""
    return (
        "案件番号", "規則", "規則名", "重要度", "担当課", "状態", "抑止",
        "対象者（宛名番号）", "氏名", "相違項目", "分類", "原因",
        *(f"{label('system', system)}の値" for system in systems),
        "検出日", "差の生じた日", "期限", "取込時点", "解消日",
    )  # fmt: skip


def cells(line: Line, *, titles: Mapping[str, str]) -> tuple[str, ...]:
    """One row as text, in the order of :func:`header`; numbers with leading zeros stay text."""
    return (
        case_number(line.case_id), line.rule_id, titles.get(line.rule_id, ""),
        label("severity", line.severity), line.owner, label("state", line.state),
        SET_ASIDE if line.is_suppressed else "",
        line.party_number, line.full_name, label("field", line.field), label("class", line.class_),
        WITHHELD if line.is_restricted else say_why(line.why, line.why_kind),
        *line.said,
        _day(line.first_as_of), since_of(line), _day(line.due_on), _day(line.taken_as_of),
        _day(line.gone_as_of),
    )  # fmt: skip


def case_number(case_id: int) -> str:
    """How a case is called on paper: ``C-000123``."""
    return f"C-{case_id:06}"


def since_of(line: Line) -> str:
    """Since when the values differ; empty where a rule does not say, :data:`UNKNOWN` where nobody can."""
    if line.is_restricted:
        return WITHHELD
    return UNKNOWN if line.since == _NO_DAY else _day(line.since)


def _day(day: date | None) -> str:
    return day.isoformat() if day else ""


def _line(row: Mapping[str, Any], systems: Sequence[str]) -> Line:
    shown = not row["is_restricted"] and not _shows_restricted_place(row, systems)
    return Line(
        party_number=_subject(row) if shown else WITHHELD,
        full_name=(row["full_name"] or "") if shown else WITHHELD,
        said=tuple(_said(row, system) if shown else WITHHELD for system in systems),
        class_=row["class"],
        is_restricted=not shown,
        since=row["since"] if shown else None,
        why=row["why"] if shown else None,
        why_kind=row["why_kind"] if shown else None,
        **{name: row[name] for name in _PLAIN},
    )


_PLAIN = (
    "case_id", "rule_id", "severity", "owner", "state", "field", "first_as_of", "due_on",
    "taken_as_of", "gone_as_of", "is_suppressed",
)  # fmt: skip


def _subject(row: Mapping[str, Any]) -> str:
    return str((row["delivery"] if row["subject_kind"] == "delivery" else row["party_number"]) or "")


def _said(row: Mapping[str, Any], system: str) -> str:
    """What the compared records of this system say; else what its record of the person says."""
    texts = [said_of(record, field=row["field"]) for record in _records(row, system)]
    return " ／ ".join(dict.fromkeys(text for text in texts if text))


def _shows_restricted_place(row: Mapping[str, Any], systems: Sequence[str]) -> bool:
    """True where one of the values would be the place of a restricted person: also on somebody else's row."""
    shown = (record for system in systems for record in _records(row, system))
    return any(record["at_restricted"] and says_place(record, field=row["field"]) for record in shown)


def _records(row: Mapping[str, Any], system: str) -> list[Mapping[str, Any]]:
    sides = {_system(row[f"{side}_feed"]): row[f"{side}_said"] for side in ("right", "left")}
    both = _system(row["left_feed"]) == _system(row["right_feed"])
    if system in sides:
        records = (row["left_said"], row["right_said"]) if both else (sides[system],)
    else:
        records = tuple(said for said in row["others_said"] or () if _system(said["feed"]) == system)
    return [record for record in records if record is not None]


def _system(feed: str) -> str:
    return feed.partition(".")[0]
