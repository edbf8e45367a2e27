"""``renkei status``: how fresh each feed is, and how the latest runs went."""

import argparse
import sys
import time
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from renkei.cli import exits, place
from renkei.cli.output import answer, show
from renkei.cli.parser import Parser, add_json, count
from renkei.cli.width import table
from renkei.cli.wording import equation, word
from renkei.clock import SystemClock
from renkei.language import say

if TYPE_CHECKING:
    from renkei import views
    from renkei.project import Project
    from renkei.quarantine.causes import Cause

_RUNS = 8


def declare(parser: Parser) -> None:
    """The arguments of ``renkei status``."""
    parser.option(
        "--watch", say("見続ける（Ctrl-C で終わり）", "keep watching (Ctrl-C ends it)"), action="store_true"
    )
    parser.option(
        "--every",
        say("見る間隔（秒、既定5）", "seconds between looks (5)"),
        type=count,
        default=5,
        metavar="S",
    )
    add_json(parser)
    parser.set_defaults(run=_run)


def _run(asked: argparse.Namespace) -> int:
    project = place.project()
    while True:
        _look(project, as_json=asked.json)
        if not asked.watch:
            return exits.OK
        time.sleep(asked.every)
        if sys.stdout.isatty() and not asked.json:
            sys.stdout.write("\x1b[2J\x1b[H")


def _look(project: "Project", *, as_json: bool) -> None:
    from renkei import views
    from renkei.quarantine.causes import causes

    with place.registry(project) as engine:
        feeds = views.feeds_status(engine, feeds=[feed.id for feed in project.feeds])
        runs = views.runs(engine, limit=_RUNS)
        aside = causes(engine, today=place.today(project))
    if as_json:
        body = {
            "at": SystemClock().now(),
            "hub": _hub(project),
            "feeds": feeds,
            "runs": runs,
            "rejects": aside,
        }
        answer("renkei.status/1", body)
        return
    _show_feeds(project, feeds)
    show("")
    _show_runs(project, runs)
    if aside:
        show("")
        _show_aside(aside)


def _hub(project: "Project") -> dict[str, Any] | None:
    """Where the hub's pages are, when it is up."""
    from renkei import supervisor

    state = supervisor.status(project)
    return None if state is None else {"url": state.url, "ready_at": state.ready_at}


def _show_feeds(project: "Project", feeds: "tuple[views.FeedStatus, ...]") -> None:
    today = place.today(project)
    heads = [
        word("run", "feed"), word("run", "latest"), say("鮮度", "freshness"), word("run", "rejected"),
        word("strip", "held"), say("直近の実行", "last run"), word("run", "reason"),
    ]  # fmt: skip
    rows = [
        [
            feed.feed, feed.as_of or word("run", "never"), _freshness(feed.as_of, today),
            f"{feed.rejects_open:,}", f"{feed.held:,}",
            word("run_state", feed.run_state) if feed.run_state else "–", feed.error_code,
        ]
        for feed in feeds
    ]  # fmt: skip
    show(table(heads, rows))


def _freshness(as_of: date | None, today: date) -> str:
    if as_of is None:
        return "✕"
    days = (today - as_of).days
    return "✓" if days <= 0 else say(f"⚠ {days}日", f"⚠ {days} d")


def _show_runs(project: "Project", runs: "tuple[views.RunView, ...]") -> None:
    heads = [word("run", name) for name in ("runs", "kind", "name", "as_of", "state", "made", "result")]
    rows = [
        [
            run.run_id[:8], word("kind", run.kind), run.target, run.as_of, word("run_state", run.state),
            _clock(project, run.started_at), _result(run),
        ]
        for run in runs
    ]  # fmt: skip
    show(table(heads, rows))


def _result(run: "views.RunView") -> str:
    if run.error_code:
        return run.error_code
    return equation(run.counts) if run.counts.get("records") else ""


def _show_aside(aside: "tuple[Cause, ...]") -> None:
    """What waits aside, the oldest cause first."""
    from renkei.quarantine.remedy import reason

    heads = [
        word("run", "rejected"), word("run", "field"), word("run", "reason"), say("件数", "open"),
        say("経過（開庁日）", "office days"),
    ]  # fmt: skip
    rows = [[each.feed, each.field, say(*reason(each.code)), f"{each.records:,}", each.age] for each in aside]
    show(table(heads, rows))


def _clock(project: "Project", instant: datetime) -> str:
    from zoneinfo import ZoneInfo

    return instant.astimezone(ZoneInfo(project.config.time_zone)).strftime("%m/%d %H:%M:%S")
