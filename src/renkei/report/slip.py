"""The return slip (返戻票) of a feed: what its department is asked to correct, record by record, by cause.

A record's key is a person's number: it is there only for a purpose, and only where the record belongs to
somebody known not to be restricted.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, text

from renkei.quarantine.causes import count_open, shown
from renkei.quarantine.remedy import correction, reason
from renkei.reconcile.calendar import due_on
from renkei.report.said import WITHHELD

if TYPE_CHECKING:
    from renkei.model import Feed

#: What stands where a key would when nobody said what for.
NOT_ASKED = "—"
#: Severity of what may be a missing resident, and of everything else: one office day, or five.
_URGENT, _ORDINARY = 1, 2


@dataclass(frozen=True, kw_only=True)
class Line:
    """One record to correct. ``byte_offset`` counts from 0, ``rec_no`` from 1."""

    reject_id: int
    delivery: str
    as_of: date
    rec_no: int
    byte_offset: int | None
    byte_length: int | None
    key: str


@dataclass(frozen=True, kw_only=True)
class Section:
    """One cause: a field in the sender's own word, what is wrong with it, until when it is to be corrected.

    ``reason`` and ``correct`` are in Japanese and English.
    """

    field: str
    code: str
    reason: tuple[str, str]
    correct: tuple[str, str]
    due_on: date
    lines: tuple[Line, ...]


@dataclass(frozen=True, kw_only=True)
class Slip:
    """All open rejects of one feed. ``open`` is the registry's own count of them: the sections' sum is it."""

    feed: str
    title: str
    department: str
    issued_on: date
    sections: tuple[Section, ...]
    open: int
    withheld: int
    with_keys: bool

    @property
    def records(self) -> int:
        """How many records the sections hold."""
        return sum(len(section.lines) for section in self.sections)


def read(connection: Connection, *, feed: "Feed", issued_on: date, with_keys: bool) -> Slip:
    """The slip of a feed as the caller's transaction sees the registry, gravest and largest cause first."""
    rows = connection.execute(text(_OPEN), {"feed": feed.id}).mappings().all()
    may_show = shown(connection, (row["reject_id"] for row in rows)) if with_keys else frozenset()
    sections = [
        _section(cause, of_cause, issued_on=issued_on, may_show=may_show if with_keys else None)
        for cause, of_cause in _by_cause(rows).items()
    ]
    return Slip(
        feed=feed.id,
        title=feed.title,
        department=feed.owner,
        issued_on=issued_on,
        sections=tuple(sorted(sections, key=lambda each: (each.due_on, -len(each.lines), each.field))),
        open=count_open(connection, feed.id),
        withheld=sum(row["reject_id"] not in may_show for row in rows) if with_keys else 0,
        with_keys=with_keys,
    )


_OPEN = """
    SELECT j.reject_id, d.name AS delivery, u.as_of, j.rec_no, j.byte_offset, j.byte_length, j.source_key,
        j.field, j.code, j.suspect
    FROM reject AS j
    JOIN unit AS u USING (unit_id)
    JOIN delivery AS d ON d.delivery_id = j.delivery_id
    WHERE j.feed = :feed AND j.state = 'open'
    ORDER BY u.as_of, d.delivery_id, j.rec_no
"""

_Row = Mapping[Any, Any]


def _by_cause(rows: "Iterable[_Row]") -> dict[tuple[str, str], list["_Row"]]:
    made: dict[tuple[str, str], list[_Row]] = {}
    for row in rows:
        made.setdefault((str(row["field"]), str(row["code"])), []).append(row)
    return made


def _section(
    cause: tuple[str, str], rows: Sequence["_Row"], *, issued_on: date, may_show: frozenset[int] | None
) -> Section:
    severity = _URGENT if any(row["suspect"] for row in rows) else _ORDINARY
    return Section(
        field=cause[0],
        code=cause[1],
        reason=reason(cause[1]),
        correct=correction(cause[1]),
        due_on=due_on(issued_on, severity),
        lines=tuple(_line(row, may_show) for row in rows),
    )


def _line(row: "_Row", may_show: frozenset[int] | None) -> Line:
    if may_show is None:
        key = NOT_ASKED
    else:
        key = str(row["source_key"]) if row["reject_id"] in may_show else WITHHELD
    return Line(key=key, **{name: row[name] for name in _PLAIN})


_PLAIN = ("reject_id", "delivery", "as_of", "rec_no", "byte_offset", "byte_length")

#: Headings of the CSV file.
HEADER = (
    "番号", "担当課", "連携データ", "データ名", "ファイル", "基準日", "件目", "バイト位置", "バイト数",
    "記載の番号", "項目", "エラーコード", "理由", "訂正していただくこと", "訂正期限",
)  # fmt: skip


def cells(slip: Slip) -> Iterator[tuple[str, ...]]:
    """A row for each record, in the order of :data:`HEADER`."""
    for section in slip.sections:
        for line in section.lines:
            yield (
                str(line.reject_id), slip.department, slip.feed, slip.title, line.delivery,
                line.as_of.isoformat(), str(line.rec_no), _number(line.byte_offset),
                _number(line.byte_length), line.key, section.field, section.code, section.reason[0],
                section.correct[0], section.due_on.isoformat(),
            )  # fmt: skip


def _number(value: int | None) -> str:
    return "" if value is None else str(value)
