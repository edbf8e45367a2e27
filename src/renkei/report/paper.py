"""A report on paper: the figures as words and drawings for ``report.typ``. Decides nothing that SQL could."""

from collections.abc import Sequence
from typing import Any

from renkei.report import drawings, typeset, words
from renkei.report.figures import Figures
from renkei.report.labels import label
from renkei.report.mismatch import SET_ASIDE, Line, case_number, since_of
from renkei.report.said import WITHHELD
from renkei.report.words import NO_NUMBER, Front

#: Most rows of mismatches on paper; the workbook and the CSV file beside it have all of them.
MOST_LINES = 300

_CITY = "市全体"
#: As many half-width characters stand in one line; a longer name is cut into pieces of so many.
_WHOLE, _PIECE = 14, 4


def render(figures: Figures, *, front: Front, lines: Sequence[Line] | None, rows: int, hidden: int) -> bytes:
    """The report as tagged PDF (PDF/UA-1); ``lines`` are its first rows, or None: it has no list.

    ``rows`` counts all of them, ``hidden`` those about restricted persons.
    """
    data = data_of(figures, front=front, lines=lines, rows=rows, hidden=hidden)
    return typeset.pdf("report", data, parts=("chart",), made_at=front.made_at)


def pages(
    figures: Figures, *, front: Front, lines: Sequence[Line] | None, rows: int, hidden: int
) -> list[bytes]:
    """Each page as PNG, to look at."""
    data = data_of(figures, front=front, lines=lines, rows=rows, hidden=hidden)
    return typeset.pages("report", data, parts=("chart",))


def data_of(
    figures: Figures, *, front: Front, lines: Sequence[Line] | None, rows: int, hidden: int
) -> dict[str, Any]:
    """All that the page says, as words, numbers and lists."""
    period = figures.period
    return {
        "city": front.city,
        "title": period.title,
        "when": period.when,
        "name": period.name,
        "whose": figures.department or _CITY,
        "as_of": period.as_of.isoformat(),
        "known_at": front.instant(period.known_at),
        "made_at": front.instant(front.made_at),
        "actor": front.actor,
        "headline": words.headline(figures),
        "compared": words.compared(figures, front),
        "warnings": words.warnings(figures, front),
        "key": _key(figures),
        "days": drawings.days(figures),
        "ages": drawings.ages(figures),
        "rates": drawings.rates(figures, front),
        "entries": drawings.entries(figures),
        "precision": drawings.precision(figures, front),
        "rules": _table(words.rule_header(figures), words.rule_rows(figures, front)),
        "transit": _table(words.TRANSIT_HEADER, words.transit_rows(figures, front)),
        "shares": _table(words.SHARES_HEADER, words.share_rows(figures)),
        "methods": words.methods(figures, front, hidden=hidden),
        "lines": None if lines is None else [_line(each, front) for each in lines[:MOST_LINES]],
        "more": max(0, rows - MOST_LINES),
    }


def _table(header: Sequence[str], rows: Sequence[Sequence[words.Cell]]) -> dict[str, Any]:
    return {"header": list(header), "rows": [words.text(row) for row in rows]}


def _key(figures: Figures) -> list[tuple[str, str, str]]:
    """The few numbers that are read first; one that was not counted is none, and never 0."""
    standing, known, stands = figures.sum("standing"), figures.was_compared, figures.is_counted
    rate = figures.rate(standing)

    def number(name: str, *, is_known: bool = known) -> str:
        return f"{figures.sum(name):,}" if is_known else NO_NUMBER

    return [
        ("新規", number("opened"), ""),
        ("解消", number("closed"), ""),
        (
            "残",
            number("standing", is_known=stands),
            "" if figures.compared or not standing else "前回の照合から",
        ),
        ("うち抑止中", number("suppressed", is_known=stands), "残に含む"),
        ("反映待ち", number("in_transit"), "残に含まない"),
        (
            "1万人当たり",
            f"{rate:,.1f}" if stands and rate is not None else NO_NUMBER,
            f"住民 {figures.residents:,} 人",
        ),
        ("事象", number("events"), "残に含まない"),
    ]


def _line(line: Line, front: Front) -> dict[str, Any]:
    said = [("", WITHHELD)] if line.is_restricted else _said(line, front)
    since = "" if line.is_restricted or line.since is None else f"\n発生 {since_of(line)}"
    gone = f"\n解消 {line.gone_as_of}" if line.gone_as_of else ""
    state = label("state", line.state)
    return {
        "number": f"{case_number(line.case_id)}\n重要度 {label('severity', line.severity)}",
        "rule": front.rule(line.rule_id),
        "name": typeset.runs(line.full_name),
        "party_number": _pieces(line.party_number),
        "field": f"{label('field', line.field)}・{label('class', line.class_)}",
        "said": [[system, typeset.runs(each)] for system, each in said],
        "days": f"検出 {line.first_as_of}{since}\n期限 {line.due_on}{gone}",
        "state": f"{state}\n{SET_ASIDE}" if line.is_suppressed else state,
    }


def _pieces(name: str) -> list[str]:
    """A name cut where a line may end: a delivery's has no spaces. Together they are the name."""
    if len(name) <= _WHOLE:
        return [name]
    return [name[start : start + _PIECE] for start in range(0, len(name), _PIECE)]


def _said(line: Line, front: Front) -> list[tuple[str, str]]:
    each = zip(front.systems, line.said, strict=True)
    return [(label("system", system), said) for system, said in each if said]
