"""``renkei plan FEED``: fetch, map and compare for real, and write nothing."""

import argparse
from typing import TYPE_CHECKING

from renkei.cli import exits, place
from renkei.cli.output import answer, show, tell
from renkei.cli.parser import Parser, add_as_of, add_json
from renkei.cli.width import table
from renkei.cli.wording import PARTS, word
from renkei.language import say

if TYPE_CHECKING:
    from renkei.workflow.plan import Plan, PlannedDelivery


def declare(parser: Parser) -> None:
    """The arguments of ``renkei plan``."""
    parser.option("feed", say("連携データ（例 tax.taxpayer）", "the feed, as tax.taxpayer"), metavar="FEED")
    add_as_of(parser)
    add_json(parser)
    parser.set_defaults(run=show_plan)


def show_plan(asked: argparse.Namespace) -> int:
    """Make the plan and show it."""
    from renkei.workflow.plan import plan

    project = place.project()
    made = plan(project, asked.feed, as_of=asked.as_of or place.today(project))
    if asked.json:
        answer("renkei.plan/1", {**made.summary(), "changes": made.changes})
    else:
        _show(made)
    return exits.code_of_refusals(tuple(each.refused for each in made.deliveries if each.refused))


def _show(made: "Plan") -> None:
    columns = ("name", "as_of", "records", *PARTS, "ended", "result")
    show(table([word("run", column) for column in columns], [_cells(each) for each in made.deliveries]))
    tell(
        say(
            f"{made.changes:,} 件が変わります。何も書き込んでいません。",
            f"{made.changes:,} records would change. Nothing was written.",
        )
    )


def _cells(each: "PlannedDelivery") -> list[object]:
    counts = vars(each.counts)
    rejects = " ".join(f"{code}×{times}" for code, times in each.rejects.items())
    numbers = [f"{counts[name]:,}" for name in ("records", *PARTS, "ended")]
    return [each.name, each.as_of, *numbers, each.refused or rejects]
