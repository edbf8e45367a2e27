"""``renkei watch FEED``: take a feed in whenever its source changes, until Ctrl-C."""

import argparse
from typing import TYPE_CHECKING

from renkei.cli import exits, place
from renkei.cli.output import answer, show, tell
from renkei.cli.parser import Parser, add_json
from renkei.cli.wording import equation
from renkei.errors import TryAgain
from renkei.language import say

if TYPE_CHECKING:
    from renkei.workflow import SyncResult


def declare(parser: Parser) -> None:
    """The arguments of ``renkei watch``."""
    parser.option("feed", say("連携データ（例 juki.resident）", "the feed, as juki.resident"), metavar="FEED")
    add_json(parser)
    parser.set_defaults(run=_watch)


def _watch(asked: argparse.Namespace) -> int:
    from renkei.workflow import watch

    project = place.project()
    tell(say(f"{asked.feed} の変更を待ちます（Ctrl-C で終了）…", f"Waiting for changes of {asked.feed} …"))
    for made in watch(project, asked.feed, actor=place.actor(), today=lambda: place.today(project)):
        if isinstance(made, TryAgain):
            tell(f"{made.text()} [{made.code}]")
        elif asked.json:
            answer("renkei.run/1", {**made.summary(), "notes": made.notes})
        else:
            _tell(made)
        if not isinstance(made, TryAgain) and made.refused:
            return exits.code_of_refusals(made.refused)
    return exits.OK


def _tell(made: "SyncResult") -> None:
    if made.counts.records:
        show(equation(vars(made.counts)))
    for note in made.notes:
        tell(note)
