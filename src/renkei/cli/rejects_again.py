"""``renkei rejects replay``: feed records set aside again, one cause, one feed or all; or only see."""

import argparse
from typing import TYPE_CHECKING

from renkei.cli import exits, place, plan
from renkei.cli.output import tell
from renkei.cli.parser import Parser, add_as_of, add_json
from renkei.cli.run import show_result
from renkei.errors import FixDeclaration, RenkeiError, language_of_user
from renkei.language import say

if TYPE_CHECKING:
    from datetime import date

    from renkei.project import Project
    from renkei.quarantine.causes import Group


def declare(parser: Parser) -> None:
    """The arguments of ``renkei rejects replay``."""
    again = parser.verb(
        "replay", _replay, say("今の宣言で再取込する", "feed them again under the present declarations")
    )
    again.option("feed", say("連携データ", "the feed"), metavar="FEED", nargs="?")
    again.option(
        "--all", say("取込エラーのある全ての連携データ", "every feed with rejects"), action="store_true"
    )
    add_group(again)
    again.option(
        "--dry-run",
        say("今なら何が入るかだけを見る", "only see what would now be taken in"),
        action="store_true",
    )
    add_as_of(again)
    add_json(again)


def add_group(parser: Parser) -> None:
    """``--code``, ``--field``, and ``--group`` for both with their feed."""
    parser.option("--code", say("このエラーコードだけ", "only this error code"), metavar="E_CODE")
    parser.option("--field", say("この項目だけ", "only this field"), metavar="FIELD")
    text = say("この原因だけ（groups の名前）", "only this cause, as groups names it")
    parser.option("--group", text, metavar="FEED/FIELD/CODE")


def group_of(asked: argparse.Namespace) -> "tuple[str | None, Group]":
    """The feed and the group that are meant; ``--group`` beside another choice must agree with it."""
    from renkei.quarantine.causes import Group, parse

    if asked.group is None:
        return asked.feed, Group(field=asked.field, code=asked.code)
    feed, group = parse(asked.group)
    said = ((asked.feed, feed), (asked.field, group.field), (asked.code, group.code))
    if any(given not in (None, meant) for given, meant in said):
        raise _misused(f"--group {asked.group}")
    return feed, group


def _misused(problem: str) -> FixDeclaration:
    return FixDeclaration("E_USAGE", problem=problem, command="renkei rejects replay")


def _replay(asked: argparse.Namespace) -> int:
    feed, group = group_of(asked)
    project = place.project()
    as_of = asked.as_of or place.today(project)
    if (feed is None) is not asked.all:
        raise _misused("FEED | --all")
    if feed is not None:
        return _of_one(project, feed, group, as_of, asked)
    codes = [_or_told(project, each, group, as_of, asked) for each in _with_rejects(project, group)]
    if not codes:
        tell(say("取込エラーはありません。", "Nothing is set aside."))
    return next((code for code in codes if code != exits.OK), exits.OK)


def _with_rejects(project: "Project", group: "Group") -> list[str]:
    from renkei.quarantine.causes import causes

    with place.registry(project) as engine:
        found = causes(engine, today=place.today(project))
    feeds = dict.fromkeys(cause.feed for cause in found if group.takes(cause.field, cause.code))
    return [feed for feed in project.mappings if feed in feeds]


def _or_told(project: "Project", feed: str, group: "Group", as_of: "date", asked: argparse.Namespace) -> int:
    """One of several feeds: what stops it does not keep the others from their turn."""
    tell(feed)
    try:
        return _of_one(project, feed, group, as_of, asked)
    except RenkeiError as error:
        tell(f"{error.text(language_of_user())} [{error.code}]")
        return exits.code_of(error)


def _of_one(project: "Project", feed: str, group: "Group", as_of: "date", asked: argparse.Namespace) -> int:
    from renkei.workflow import plan_refeed, refeed

    if asked.dry_run:
        made = plan_refeed(project, feed, as_of=as_of, group=group)
        return plan.tell_plan(made, as_json=asked.json)
    done = refeed(project, feed, as_of=as_of, actor=place.actor(), trigger=place.TRIGGER, group=group)
    return show_result(done, limit=0, as_json=asked.json)
