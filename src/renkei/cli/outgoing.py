"""``renkei mapping outgoing``: how each column of a source's layout is made again from the registry."""

import argparse
from typing import TYPE_CHECKING

from renkei.cli import exits, place
from renkei.cli.output import answer, show
from renkei.cli.parser import Parser, add_as_of, add_json
from renkei.cli.width import table
from renkei.language import say

if TYPE_CHECKING:
    from renkei.mapping.outgoing import Making


def declare(parser: Parser) -> None:
    """``outgoing FEED``."""
    text = say("送り元の様式に戻せる項目と、戻せない理由", "which columns can be written back, and why not")
    made = parser.verb("outgoing", _outgoing, text)
    made.option("feed", say("連携データ", "the feed"), metavar="FEED")
    add_as_of(made)
    add_json(made)


def _outgoing(asked: argparse.Namespace) -> int:
    from renkei.mapping import outgoing

    project = place.project()
    plan = outgoing.plan(project.mapping(asked.feed), as_of=asked.as_of or place.today(project))
    if asked.json:
        columns = [
            {
                "column": each.column,
                "how": each.how,
                "from": each.target,
                "fill": each.fill,
                "note": _note(each),
            }
            for each in plan.columns
        ]
        answer("renkei.outgoing/1", {"feed": asked.feed, "day": plan.day, "columns": columns})
        return exits.OK
    heads = (say("列", "column"), say("作り方", "how"), say("もと", "from"), say("備考", "note"))
    rows = [(each.column, _said(each), each.target or "", _note(each) or "") for each in plan.columns]
    show(table(heads, rows))
    return exits.OK


def _note(making: "Making") -> str | None:
    return making.note and say(*making.note)


def _said(making: "Making") -> str:
    return {
        "own": say("原文のまま", "its own text"),
        "kept": say("そのまま", "as stored"),
        "undone": say("逆に変換", "undone"),
        "partly": say("一部だけ", "in part"),
        "rest": say("残りの部分", "the rest"),
        "split": say("区切りで分ける", "split"),
        "first": say("先頭の列へ", "first column"),
        "filled": say("埋める", "filled"),
        "lost": say("作れない", "lost"),
    }[making.how]
