"""``renkei lineage export``: every run as OpenLineage events, for a data catalogue."""

import argparse
import json
from pathlib import Path

from renkei.cli import exits, place
from renkei.cli.output import show, tell
from renkei.cli.parser import Parser
from renkei.errors import FixDeclaration, Stop
from renkei.language import say


def declare(parser: Parser) -> None:
    """``export``."""
    made = parser.verb(
        "export", _export, say("実行の来歴を OpenLineage で書き出す", "runs as OpenLineage events")
    )
    text = say("この実行だけ（番号の初めだけでよい）", "only this run (the beginning of its id is enough)")
    made.option("--run", text, metavar="RUN", dest="run_id")
    text = say("書き出すフォルダー、- は標準出力（一行一件）", "a folder, or - for stdout, an event a line")
    made.option("--out", text, metavar="DIR|-", required=True)


def _export(asked: argparse.Namespace) -> int:
    from renkei.workflow import lineage

    project, runs = place.project(), 0
    with place.registry(project) as engine:
        for run_id, events in lineage.export(project, engine, run=asked.run_id):
            runs += 1
            for event in events:
                _write(event, run_id, asked.out)
    if asked.run_id is not None and not runs:
        raise FixDeclaration("E_NOT_FOUND", kind=say("実行", "run"), name=asked.run_id, nearest="-")
    tell(say(f"{runs} 回の実行を書き出しました。", f"{runs} runs written."))
    return exits.OK


def _write(event: dict[str, object], run_id: str, out: str) -> None:
    line = json.dumps(event, ensure_ascii=False)
    if out == "-":
        show(line)
        return
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise Stop("E_EXISTS", path=out)
    folder.mkdir(parents=True, exist_ok=True)
    place_ = folder / f"{run_id}.{str(event['eventType']).lower()}.json"
    place_.write_text(line + "\n", "utf-8")
