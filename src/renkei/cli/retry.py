"""``renkei retry RUN``: run again what failed or was held; what was already done changes nothing."""

import argparse
from typing import TYPE_CHECKING

from renkei.cli import exits, place, reconcile, report, run
from renkei.cli.output import answer, tell
from renkei.cli.parser import Parser, add_json
from renkei.errors import FixDeclaration
from renkei.language import say

if TYPE_CHECKING:
    from renkei.project import Project
    from renkei.views import RunView


def declare(parser: Parser) -> None:
    """The arguments of ``renkei retry``."""
    text = say("実行番号（先頭の数文字でよい）", "the run's id, or the beginning of it")
    parser.option("run_id", text, metavar="RUN")
    text = say(
        "いつもと違っても取り込む理由。以後はこれが基準になる",
        "take it although it differs from what was usual, for this reason; it is the measure from then on",
    )
    parser.option("--accept", text, metavar="REASON")
    add_json(parser)
    parser.set_defaults(run=_retry)


def _retry(asked: argparse.Namespace) -> int:
    from renkei import views

    project = place.project()
    with place.registry(project) as engine:
        found = views.run(engine, asked.run_id)
    if found is None:
        raise FixDeclaration(
            "E_NOT_FOUND", kind=say("実行", "run"), name=asked.run_id, nearest="renkei status"
        )
    if found.state == "done":
        tell(
            say(
                "この実行は完了しています。やり直しは要りません。",
                "This run is done; there is nothing to retry.",
            )
        )
        if asked.json:
            answer("renkei.retry/1", {"run_id": found.run_id, "state": found.state, "retried": False})
        return exits.OK
    return _again(project, found, accept=asked.accept, as_json=asked.json)


def _again(project: "Project", found: "RunView", *, accept: str | None, as_json: bool) -> int:
    from renkei.workflow import refeed, sync_in

    if found.kind == "reconcile":
        return reconcile.compare(project, found.as_of, limit=None, as_json=as_json)
    if found.target.startswith("slip:"):  # what its numbers are needed for must be said anew
        again = f"renkei rejects slip {found.target.removeprefix('slip:')}"
        kind = say("やり直せる実行", "run to retry")
        raise FixDeclaration("E_NOT_FOUND", kind=kind, name=found.run_id, nearest=again)
    if found.kind == "report":
        return report.again(project, found.target, found.as_of, as_json=as_json)
    day, actor = found.as_of, place.actor()
    if found.kind == "refeed":
        made = refeed(project, found.target, as_of=day, actor=actor, trigger="retry")
    else:
        made = sync_in(
            project, found.target, as_of=day, actor=actor, trigger="retry", release=True, accept=accept
        )
    return run.show_result(made, limit=0, as_json=as_json)
