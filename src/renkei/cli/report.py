"""``renkei report``: publish the reports of a day or a month, for every department."""

import argparse
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from renkei.cli import exits, place
from renkei.cli.output import answer, show, tell
from renkei.cli.parser import Parser, add_as_of, add_json
from renkei.errors import FixDeclaration
from renkei.language import say

if TYPE_CHECKING:
    from renkei.project import Project


def declare(parser: Parser) -> None:
    """The arguments of ``renkei report``."""
    add_as_of(parser)
    text = say("月報（その月の今日まで）", "the report of a month, as far as today")
    parser.option("--month", text, type=_month, metavar="YYYY-MM")
    text = say("この課の分だけ", "of this department alone")
    parser.option("--department", text, metavar="NAME")
    text = say(
        "この時点で把握していた数（ISO 8601、時差付き）", "as known at this instant (ISO 8601 with zone)"
    )
    parser.option("--known-at", text, type=_instant, metavar="TIME")
    text = say("出力先のフォルダ（既定 var/reports/基準日）", "the folder (var/reports/DAY unless given)")
    parser.option("--out", text, type=Path, metavar="DIR")
    add_json(parser)
    parser.set_defaults(run=_run)


def _month(text: str) -> date:
    if len(text) != 7:
        raise ValueError(text)
    return date.fromisoformat(f"{text}-01")


def _instant(text: str) -> datetime:
    made = datetime.fromisoformat(text)
    if made.tzinfo is None:
        raise ValueError(text)
    return made


def _run(asked: argparse.Namespace) -> int:
    if asked.month and asked.as_of:
        problem = say("--as-of と --month は一緒に使えません", "--month is not allowed with --as-of")
        raise FixDeclaration("E_USAGE", problem=problem, command="renkei report")
    project = place.project()
    return write(
        project,
        asked.as_of or place.today(project),
        out=asked.out,
        as_json=asked.json,
        month=asked.month,
        department=asked.department,
        known_at=asked.known_at,
    )


def again(project: "Project", target: str, as_of: date, *, as_json: bool) -> int:
    """Publish what an earlier run of this target was to."""
    month, department = about(target)
    return write(project, as_of, out=None, as_json=as_json, month=month, department=department)


def about(target: str) -> tuple[date | None, str | None]:
    """The month and the department that a run's target names, as ``report:2026-11:市民課``."""
    parts = target.split(":", 2)[1:]
    month = _as_month(parts[0]) if parts else None
    return month, ":".join(parts[1:] if month else parts) or None


def _as_month(text: str) -> date | None:
    try:
        return _month(text)
    except ValueError:
        return None


def write(
    project: "Project",
    as_of: date,
    *,
    out: Path | None,
    as_json: bool,
    month: date | None = None,
    department: str | None = None,
    known_at: datetime | None = None,
) -> int:
    """Publish the reports and say where they are."""
    from renkei.workflow import report

    made = report(
        project,
        as_of=as_of,
        actor=place.actor(),
        trigger=place.TRIGGER,
        out=out,
        month=month,
        department=department,
        known_at=known_at,
    )
    published = made.published
    if as_json:
        body = {
            "as_of": published.period.as_of,
            "period": published.period.name,
            "known_at": published.period.known_at,
            "files": published.files,
            "sha256": published.sha256s,
            "counts": published.counts,
            "departments": published.departments,
        }
        answer("renkei.report/1", {"run_id": str(made.run_id), **body})
        return exits.OK
    for file in published.files:
        show(str(file))
    rows, restricted = published.counts["rows"], published.counts["restricted"]
    tell(
        say(
            f"不一致 {rows:,} 件（うち閲覧制限 {restricted:,} 件）。取扱注意の資料です。",
            f"{rows:,} mismatches ({restricted:,} restricted). Handle with care.",
        )
    )
    absent = published.counts["not_compared"]
    if absent:
        tell(say(f"照合していない規則が {absent} あります。", f"{absent} rules were not compared."))
    return exits.OK
