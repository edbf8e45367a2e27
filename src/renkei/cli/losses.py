"""``renkei losses``: characters that a conversion could not carry over unchanged (文字の変換報告)."""

import argparse

from renkei.cli import exits, place
from renkei.cli.output import answer, show
from renkei.cli.parser import Parser, add_json, count
from renkei.cli.width import table, visible
from renkei.cli.wording import word
from renkei.language import say


def declare(parser: Parser) -> None:
    """The arguments of ``renkei losses``."""
    parser.option("--feed", say("この連携データだけ", "only this feed"), metavar="FEED")
    parser.option("--limit", say("行数（既定100）", "how many (100)"), type=count, default=100, metavar="N")
    add_json(parser)
    parser.set_defaults(run=_losses)


def _losses(asked: argparse.Namespace) -> int:
    from renkei import views

    with place.registry(place.project()) as engine:
        found = views.losses(engine, feed=asked.feed, limit=asked.limit)
    if asked.json:
        answer("renkei.losses/1", {"losses": found})
        return exits.OK
    heads = (
        word("run", "feed"), say("基準日", "as of"), say("文字コード", "encoding"), say("文字", "character"),
        say("コード", "code"), say("変換後", "became"), say("件数", "count"), say("記載", "records"),
    )  # fmt: skip
    rows = [
        (
            each.feed, str(each.as_of), each.encoding, visible(each.character), each.code,
            visible(each.became) or "—", f"{each.count:,}", " ".join(map(str, each.records[:5])),
        )
        for each in found
    ]  # fmt: skip
    show(table(heads, rows))
    return exits.OK
