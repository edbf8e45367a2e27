"""``renkei double-entry``: what was keyed twice in a month, what it cost, and the feeds that would end it."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from renkei.cli import exits, place
from renkei.cli.output import answer, show, tell
from renkei.cli.parser import Parser, add_as_of, add_json
from renkei.cli.width import table
from renkei.cli.wording import word
from renkei.language import say

if TYPE_CHECKING:
    from datetime import date

    from sqlalchemy import Connection

    from renkei.project import Project
    from renkei.reconcile.double_entry import DoubleEntrySummary, Lost, Saving, SuspectedRobot

#: Parameters of a double-entry rule that say how fast no person types.
_FAST = ("robot_entries", "robot_seconds")


def declare(parser: Parser) -> None:
    """The arguments of ``renkei double-entry``."""
    text = say("入力した月（既定は基準日の月）", "the month of the keying (that of the business day)")
    parser.option("--month", text, type=_month, metavar="YYYY-MM")
    text = say("項目・課・連携データ・月のどれで分けるか", "by field, office, feed or month")
    parser.option("--by", text, choices=("field", "office", "feed", "month"))
    text = say("人の入力より速いアカウントも示す", "show accounts that type faster than a person, too")
    parser.option("--robots", text, action="store_true")
    add_as_of(parser)
    add_json(parser)
    parser.set_defaults(run=_double_entry)


def _month(text: str) -> "date":
    from datetime import date

    return date.fromisoformat(f"{text}-01")


def _double_entry(asked: argparse.Namespace) -> int:
    from renkei.reconcile.double_entry import summary

    project = place.project()
    as_of = asked.as_of or place.today(project)
    month = asked.month or as_of
    with place.registry(project) as engine, engine.connect() as connection:
        found = summary(connection, month=month, as_of=as_of, offices=project.offices)
        robots = _robots(project, connection, as_of) if asked.robots else None
    if asked.json:
        more = {} if robots is None else {"suspected_robots": robots}
        answer("renkei.double-entry/1", {**vars(found), **more})
        return exits.OK
    _show(found, by=asked.by)
    if robots is not None:
        tell(
            say(
                "人の入力より速いアカウント（数えていません）:",
                "Accounts faster than a person (not counted):",
            )
        )
        show(_fast(robots))
    return exits.OK


def _robots(project: "Project", connection: "Connection", as_of: "date") -> "tuple[SuspectedRobot, ...]":
    """By the limits of the city's own rules; none where no rule has any."""
    from renkei.reconcile.double_entry import entries, suspected_robots

    rules = [
        rule for rule in project.rules if rule.kind == "double_entry" and set(_FAST) <= set(rule.parameters)
    ]
    if not rules:
        return ()
    records, seconds = (rules[0].parameters[name] for name in _FAST)
    keyed = entries(connection, as_of=as_of, offices=project.offices)
    return suspected_robots(keyed, entries=int(records), seconds=int(seconds))


def _show(found: "DoubleEntrySummary", *, by: str | None) -> None:
    tell(
        say(
            f"{found.month:%Y-%m} の二重入力（{found.as_of} 現在）: {found.entries:,} 件、"
            f"うち値の異なるもの {found.with_error:,} 件、{found.minutes:,} 分",
            f"Keyed twice in {found.month:%Y-%m} (as of {found.as_of}): {found.entries:,} entries, "
            f"{found.with_error:,} with another value, {found.minutes:,} minutes",
        )
    )
    for name, part in _parts(found).items():
        if by in (None, name) and part:
            show(part)
            show("")


def _parts(found: "DoubleEntrySummary") -> dict[str, str]:
    fields = [(word("field", lost.name), *_counts(lost)) for lost in found.by_field]
    offices = [(lost.name or say("不明", "unknown"), *_counts(lost)) for lost in found.by_office]
    months = [(lost.name, *_counts(lost)) for lost in found.by_month]
    return {
        "field": _counted(word("run", "field"), fields),
        "office": _counted(say("課", "office"), offices),
        "month": _counted(say("月", "month"), months),
        "feed": _savings(found),
    }


def _counts(lost: "Lost | Saving") -> tuple[str, ...]:
    return f"{lost.entries:,}", f"{lost.with_error:,}", f"{lost.minutes:,}"


def _heads() -> tuple[str, ...]:
    return say("件数", "entries"), say("値が異なる", "with error"), say("分", "minutes")


def _counted(head: str, rows: Sequence[Sequence[str]]) -> str:
    return table((head, *_heads()), rows) if rows else ""


def _savings(found: "DoubleEntrySummary") -> str:
    heads = (
        say("先の入力", "keyed first"), say("後の入力", "keyed again"), *_heads(),
        say("年間の件数", "entries a year"), say("年間の分", "minutes a year"),
        say("なくすには", "what would end it"),
    )  # fmt: skip
    rows = [
        (each.left_feed, each.right_feed, *_counts(each), f"{each.entries_a_year:,}",
         f"{each.minutes_a_year:,}", _remedy(each))
        for each in found.by_feed
    ]  # fmt: skip
    return table(heads, rows) if rows else ""


def _remedy(saving: "Saving") -> str:
    if saving.a_feed_would_help:
        return say("連携で届ける", "a feed that carries it")
    return say("窓口どうしの分担", "desks that agree")


def _fast(robots: "Sequence[SuspectedRobot]") -> str:
    heads = (
        word("run", "feed"), say("操作者", "operator"), say("端末", "terminal"), say("課", "office"),
        say("一度に保存した記録", "saved at once"), say("すべての記録", "records"),
    )  # fmt: skip
    return table(
        heads,
        [
            (each.feed, each.operator, each.terminal, each.office, f"{each.at_once:,}", f"{each.records:,}")
            for each in robots
        ],
    )
