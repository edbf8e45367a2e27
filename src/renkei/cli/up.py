"""``renkei up``: databases, scheduler and pages on this machine, watched until told to end."""

import argparse
from typing import TYPE_CHECKING

from renkei.cli import exits, place
from renkei.cli.output import tell
from renkei.cli.parser import Parser
from renkei.language import say

if TYPE_CHECKING:
    from renkei.project import Project
    from renkei.supervisor import State


def declare(parser: Parser) -> None:
    """The arguments of ``renkei up``."""
    text = say("時刻では何も始めない", "start nothing by the clock")
    parser.option("--untimed", text, action="store_true")
    parser.set_defaults(run=_run)


def _run(asked: argparse.Namespace) -> int:
    from renkei import supervisor

    project = place.project()
    tell(say("起動しています…（終わるには Ctrl-C）", "Starting … (Ctrl-C ends it)"))
    supervisor.up(project, on_ready=lambda state: _say_ready(project, state), timed=not asked.untimed)
    tell(say("すべて止めました。", "Everything is stopped."))
    return exits.OK


def _say_ready(project: "Project", state: "State") -> None:
    from renkei import views

    tell(say(f"準備ができました: {state.url}", f"Ready: {state.url}"))
    tell(
        say(
            f"最初の利用者: {project.var / 'airflow' / 'sign-in.json'}",
            f"First sign-in: {project.var / 'airflow' / 'sign-in.json'}",
        )
    )
    with place.registry(project) as engine:
        for feed in views.feeds_status(engine, feeds=[feed.id for feed in project.feeds]):
            tell(f"  {feed.feed}: {feed.as_of or say('未取込', 'never taken in')}")
