"""``renkei plan``: what the edited declarations would do; ``renkei plan FEED``: what a run would take in.

The first is kept, to be applied by somebody else; the second writes nothing.
"""

import argparse
from typing import TYPE_CHECKING

from renkei.cli import changes, exits, place
from renkei.cli.output import answer, show, tell
from renkei.cli.parser import Parser, add_as_of, add_json, count
from renkei.cli.width import table
from renkei.cli.wording import PARTS, word
from renkei.errors import FixDeclaration
from renkei.language import say

if TYPE_CHECKING:
    from renkei.workflow.plan import Plan, PlannedDelivery


def declare(parser: Parser) -> None:
    """The arguments of ``renkei plan``."""
    text = say(
        "連携データ（例 tax.taxpayer）。取り込むと何が変わるかを見る。省くと作業中の定義の計画を作る",
        "the feed, as tax.taxpayer: what a run would take in. Without it the edited declarations are planned",
    )
    parser.option("feed", text, nargs="?", metavar="FEED")
    parser.option(
        "--reason",
        say("定義を変える理由（監査証跡に残る）", "why the declarations change; goes into the audit trail"),
        default="",
        metavar=say("理由", "REASON"),
    )
    parser.option("--list", say("計画の一覧", "the plans made so far"), action="store_true")
    text = say("計画をもう一度見る", "see a plan once more")
    parser.option("--show", text, type=count, metavar=say("番号", "ID"))
    add_as_of(parser)
    add_json(parser)
    parser.set_defaults(run=_run)


def _run(asked: argparse.Namespace) -> int:
    wishes = [asked.feed is not None, asked.list, asked.show is not None]
    if sum(wishes) > 1:
        problem = say("FEED・--list・--show は一つだけ", "only one of FEED, --list, --show")
        raise FixDeclaration("E_USAGE", problem=problem, command="renkei plan")
    if asked.feed is not None:
        return show_plan(asked)
    project = place.project()
    if asked.list:
        return changes.show_list(project, as_json=asked.json)
    if asked.show is not None:
        return changes.show_again(project, asked.show, as_json=asked.json)
    return changes.propose(project, reason=asked.reason, as_of=asked.as_of, as_json=asked.json)


def show_plan(asked: argparse.Namespace) -> int:
    """Make the plan of a feed's run and show it."""
    from renkei.workflow.plan import plan

    project = place.project()
    made = plan(project, asked.feed, as_of=asked.as_of or place.today(project))
    return tell_plan(made, as_json=asked.json)


def tell_plan(made: "Plan", *, as_json: bool) -> int:
    """Say what a plan would do and return the exit code that follows from it."""
    if as_json:
        answer("renkei.plan/1", {**made.summary(), "changes": made.changes})
    else:
        _show(made)
    return exits.code_of_refusals(tuple(each.refused for each in made.deliveries if each.refused))


def _show(made: "Plan") -> None:
    columns = ("name", "as_of", "records", *PARTS, "ended", "result")
    show(table([word("run", column) for column in columns], [_cells(each) for each in made.deliveries]))
    for each in made.deliveries:
        if each.why:
            tell(f"{each.name}: {say(each.why['ja'], each.why['en'])}")
    for note in made.notes:
        tell(note)
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
