"""``renkei report``: publish the mismatch report and the run report of a day."""

import argparse
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from renkei.cli import exits, place
from renkei.cli.output import answer, show, tell
from renkei.cli.parser import Parser, add_as_of, add_json
from renkei.language import say

if TYPE_CHECKING:
    from renkei.project import Project


def declare(parser: Parser) -> None:
    """The arguments of ``renkei report``."""
    add_as_of(parser)
    text = say("出力先のフォルダ（既定 var/reports/基準日）", "the folder (var/reports/DAY unless given)")
    parser.option("--out", text, type=Path, metavar="DIR")
    add_json(parser)
    parser.set_defaults(run=_run)


def _run(asked: argparse.Namespace) -> int:
    project = place.project()
    return write(project, asked.as_of or place.today(project), out=asked.out, as_json=asked.json)


def write(project: "Project", as_of: date, *, out: Path | None, as_json: bool) -> int:
    """Publish the day's reports and say where they are."""
    from renkei.workflow import report

    made = report(project, as_of=as_of, actor=place.actor(), trigger=place.TRIGGER, out=out)
    published = made.published
    if as_json:
        body = {
            "as_of": as_of,
            "files": published.files,
            "sha256": published.sha256s,
            "counts": published.counts,
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
    return exits.OK
