"""``renkei rejects slip``: the return slip (返戻票) for the department that sent what was set aside."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from renkei.cli import exits, place
from renkei.cli.output import answer, show, tell
from renkei.cli.parser import Parser, add_as_of, add_json
from renkei.errors import FixDeclaration
from renkei.language import say

if TYPE_CHECKING:
    from renkei.report.slip import Slip
    from renkei.workflow import SlipResult


def declare(parser: Parser) -> None:
    """The arguments of ``renkei rejects slip``."""
    slip = parser.verb(
        "slip", _slip, say("返戻票（CSV・PDF）を作る", "write the return slip for the sending department")
    )
    slip.option("feed", say("連携データ", "the feed"), metavar="FEED")
    text = say("出力先のフォルダ（既定 var/reports の下）", "the folder (below var/reports unless given)")
    slip.option("--out", text, type=Path, metavar="DIR")
    slip.option(
        "--purpose",
        say(
            "記載の番号も載せる目的（事務と理由。証跡に残る）",
            "include the records' numbers, for this task and reason; recorded",
        ),
        metavar=say("目的", "PURPOSE"),
    )
    add_as_of(slip)
    add_json(slip)


def _slip(asked: argparse.Namespace) -> int:
    from renkei.workflow import slip

    if asked.purpose is not None and not asked.purpose.strip():
        raise FixDeclaration("E_PURPOSE")
    project = place.project()
    made = slip(
        project,
        asked.feed,
        as_of=asked.as_of or place.today(project),
        actor=place.actor(),
        trigger=place.TRIGGER,
        out=asked.out,
        purpose=asked.purpose and asked.purpose.strip(),
    )
    if asked.json:
        answer("renkei.slip/1", _as_json(made, asked.feed))
    elif made.issued is None:
        tell(say("返戻する取込エラーはありません。", "Nothing is set aside, so nothing is returned."))
    else:
        for file in made.issued.files:
            show(str(file))
        tell(_summary(made.issued.slip))
    return exits.OK


def _as_json(made: "SlipResult", feed: str) -> dict[str, object]:
    issued = made.issued
    return {
        "run_id": made.run_id,
        "feed": feed,
        "records": issued.slip.records if issued else 0,
        "withheld": issued.slip.withheld if issued else 0,
        "files": issued.files if issued else (),
        "sha256": issued.sha256s if issued else {},
    }


def _summary(slip: "Slip") -> str:
    causes = len(slip.sections)
    return say(
        f"{slip.department}へ {slip.records:,} 件（原因 {causes}、うち番号を伏せたもの {slip.withheld:,}）。"
        "取扱注意の資料です。",
        f"{slip.records:,} records for {slip.department} ({causes} causes, {slip.withheld:,} numbers "
        "withheld). Handle with care.",
    )
