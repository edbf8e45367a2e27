"""``renkei lags``: how late each feed is against another, as declared and as learned."""

import argparse
from typing import TYPE_CHECKING

from renkei.cli import exits, place
from renkei.cli.output import answer, show, tell
from renkei.cli.parser import Parser, add_as_of, add_json
from renkei.cli.width import table
from renkei.language import say

if TYPE_CHECKING:
    from renkei.reconcile.past import NormalLag


def declare(parser: Parser) -> None:
    """The arguments of ``renkei lags``."""
    add_as_of(parser)
    add_json(parser)
    parser.set_defaults(run=_run)


def _run(asked: argparse.Namespace) -> int:
    from renkei.reconcile import FeedTerms, past

    project = place.project()
    terms = {feed.id: FeedTerms(record=feed.record, lag=feed.lag) for feed in project.feeds}
    as_of = asked.as_of or place.today(project)
    with place.registry(project) as engine, engine.connect() as connection:
        lags = past.normal_lags(connection, terms, as_of=as_of)
    if asked.json:
        answer("renkei.lags/1", {"as_of": as_of, "days": past.LEARN_DAYS, "pairs": lags})
        return exits.OK
    if not lags:
        tell(
            say(
                "まだ学んだ到着がありません。宣言した遅延だけを使います。",
                "No arrival has been seen yet: only the declared lags are used.",
            )
        )
        return exits.OK
    heads = (
        say("先のデータ", "from"),
        say("後のデータ", "to"),
        say("到着", "arrivals"),
        say("宣言（時間）", "declared (h)"),
        say("実績（時間）", "learned (h)"),
        say("使う値（時間）", "used (h)"),
    )
    show(table(heads, [_line(lag) for lag in lags]))
    if any(lag.learned_hours and lag.learned_hours > lag.declared_hours for lag in lags):
        tell(
            say(
                "宣言より遅い組があります。送る側に確かめ、宣言を改めてください。",
                "Some pairs are slower than declared: ask the sender, then correct the declaration.",
            )
        )
    return exits.OK


def _line(lag: "NormalLag") -> list[object]:
    learned = "–" if lag.learned_hours is None else f"{lag.learned_hours:g}"
    hours = (f"{lag.declared_hours:g}", learned, f"{lag.used_hours:g}")
    return [lag.left_feed, lag.right_feed, f"{lag.arrivals:,}", *hours]
