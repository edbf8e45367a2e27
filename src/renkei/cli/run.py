"""``renkei run FEED``: take one feed in, or with ``--dry-run`` only see what that would change."""

import argparse
from typing import TYPE_CHECKING

from renkei.cli import exits, place, plan
from renkei.cli.output import answer, show, tell
from renkei.cli.parser import Parser, add_as_of, add_json, count
from renkei.cli.wording import equation
from renkei.language import say

if TYPE_CHECKING:
    from renkei.workflow import SyncResult


def declare(parser: Parser) -> None:
    """The arguments of ``renkei run``."""
    parser.option("feed", say("連携データ（例 tax.taxpayer）", "the feed, as tax.taxpayer"), metavar="FEED")
    add_as_of(parser)
    parser.option(
        "--dry-run", say("何が変わるかだけを見る", "only see what would change"), action="store_true"
    )
    parser.option(
        "--resnapshot",
        say(
            "取込位置を捨てて全件を読み直す（理由を書く。監査証跡に残る）",
            "give up the place reached and read the source whole; the reason goes into the audit trail",
        ),
        metavar=say("理由", "REASON"),
    )
    text = say(
        "取込エラーがこの件数を超えたら終了コード1（既定0）",
        "exit 1 above this many rejects (0 unless given)",
    )
    parser.option("--limit", text, type=count, default=0, metavar="N")
    add_json(parser)
    parser.set_defaults(run=_run)


def _run(asked: argparse.Namespace) -> int:
    if asked.dry_run:
        return plan.show_plan(asked)
    from renkei.workflow import sync_in

    project = place.project()
    as_of = asked.as_of or place.today(project)
    tell(say(f"{asked.feed} を取り込みます（基準日 {as_of}）…", f"Taking {asked.feed} in for {as_of} …"))
    made = sync_in(
        project,
        asked.feed,
        as_of=as_of,
        actor=place.actor(),
        trigger=place.TRIGGER,
        resnapshot=asked.resnapshot,
    )
    return show_result(made, limit=asked.limit, as_json=asked.json)


def show_result(made: "SyncResult", *, limit: int, as_json: bool) -> int:
    """Say what a run did and return the exit code that follows from it."""
    code = _exit_code(made, limit)
    remaining = _rejects_open(made.feed)
    if as_json:
        more = {"notes": made.notes, "exit_code": code, "rejects_open": remaining}
        answer("renkei.run/1", {**made.summary(), **more})
        return code
    show(equation(vars(made.counts)))
    for refused in dict.fromkeys(made.refused):
        tell(
            say(f"取り込まなかった受信があります: {refused}",
                f"A delivery was not taken in: {refused}")
        )  # fmt: skip
    for reason in dict.fromkeys(reason.text() for reason in made.reasons):
        tell(reason)
    for note in made.notes:
        tell(note)
    if remaining:
        where = f"renkei rejects groups --feed {made.feed}"
        tell(
            say(f"未対応の取込エラー {remaining:,} 件: {where}", f"{remaining:,} records wait aside: {where}")
        )
    if not made.delivered:
        tell(say("基準日の分はまだ届いていません。", "What is due for the day has not come yet."))
    return code


def _rejects_open(feed: str) -> int:
    """How many records of the feed wait aside, from this run and from earlier ones."""
    from renkei.quarantine.causes import count_open

    with place.registry(place.project()) as engine, engine.connect() as connection:
        return count_open(connection, feed)


def _exit_code(made: "SyncResult", limit: int) -> int:
    if made.refused:
        return exits.code_of_refusals(made.refused)
    if not made.delivered:
        return exits.LATER
    return exits.ABOVE_LIMIT if made.counts.rejected > limit else exits.OK
