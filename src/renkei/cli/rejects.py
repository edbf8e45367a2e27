"""``renkei rejects``: records set aside, by cause, place and reason; their content only with a purpose."""

import argparse
from typing import TYPE_CHECKING, Any

from renkei.cli import exits, place, rejects_again, rejects_groups, rejects_slip, reveal
from renkei.cli.output import answer, show, tell
from renkei.cli.parser import Parser, add_json, count
from renkei.cli.width import table, visible
from renkei.cli.wording import word
from renkei.errors import FixDeclaration, explain, language_of_user
from renkei.language import say

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from renkei.project import Project
    from renkei.quarantine.causes import Group
    from renkei.views import RejectView


def declare(parser: Parser) -> None:
    """``groups``, ``list``, ``show``, ``replay`` and ``slip``."""
    rejects_groups.declare(parser)
    listed = parser.verb("list", _list, say("取込エラーの一覧", "the records set aside"))
    listed.option("--feed", say("この連携データだけ", "only this feed"), metavar="FEED")
    rejects_again.add_group(listed)
    states, text = ("open", "refed", "overtaken"), say("状態（既定 open）", "state (open)")
    listed.option("--state", text, choices=states, default="open")
    listed.option("--limit", say("件数（既定50）", "how many (50)"), type=count, default=50, metavar="N")
    listed.option(
        "--after", say("この番号の後から", "go on after this id"), type=count, default=0, metavar="ID"
    )
    add_json(listed)
    shown = parser.verb(
        "show", _show, say("一件の場所と理由", "where one record is, and why it was set aside")
    )
    shown.option(
        "reject", say("取込エラーの番号", "the id of the record set aside"), type=count, metavar="ID"
    )
    reveal.add_reveal(shown)
    add_json(shown)
    rejects_again.declare(parser)
    rejects_slip.declare(parser)


def _list(asked: argparse.Namespace) -> int:
    feed, group = rejects_again.group_of(asked)
    with place.registry(place.project()) as engine:
        found = _found(engine, feed, group, asked)
    if asked.json:
        following = found[-1].reject_id if len(found) == asked.limit and found else None
        answer("renkei.rejects/1", {"rejects": found, "next": following})
        return exits.OK
    heads = (
        say("番号", "id"), word("run", "feed"), say("受信", "delivery"), say("件目", "record"),
        word("run", "field"), word("run", "reason"),
    )  # fmt: skip
    show(table(heads, [(r.reject_id, r.feed, r.delivery, r.rec_no, r.field, r.code) for r in found]))
    return exits.OK


def _found(
    engine: "Engine", feed: str | None, group: "Group", asked: argparse.Namespace
) -> "tuple[RejectView, ...]":
    from renkei import views

    return views.rejects(
        engine,
        feed=feed,
        state=asked.state,
        after=asked.after,
        limit=asked.limit,
        field=group.field,
        code=group.code,
    )


def _show(asked: argparse.Namespace) -> int:
    from renkei import views
    from renkei.quarantine import place_in_bytes
    from renkei.quarantine.remedy import remedy_of

    purpose, project = reveal.purpose_of(asked), place.project()
    with place.registry(project) as engine:
        found = views.reject(engine, asked.reject)
        if found is None:
            raise FixDeclaration(
                "E_NOT_FOUND", kind=say("取込エラー", "reject"), name=str(asked.reject), nearest="-"
            )
        content = None if purpose is None else _content(engine, project, found, purpose)
    raw, mend = place_in_bytes.of(project, found), remedy_of(project, found)
    if asked.json:
        body: dict[str, Any] = {"reject": found, "raw": raw, "remedy": mend}
        answer("renkei.reject/1", body | ({} if content is None else {"content": content}))
        return exits.OK
    facts = {"field": found.field, "feed": found.feed}
    rows = [(k, v) for k, v in (vars(found) | vars(raw)).items() if v is not None]
    show(table((say("項目", "item"), say("内容", "value")), rows))
    tell(explain(found.code, language=language_of_user(), facts=facts))
    tell(say(*mend.says))
    if content is not None:
        show(visible(content))
    return exits.OK


def _content(engine: "Engine", project: "Project", found: "RejectView", purpose: str) -> str:
    """The record as its file has it; withheld unless it is known to belong to someone who may be shown."""
    from renkei.landing import Landing
    from renkei.quarantine.causes import shown
    from renkei.report.said import WITHHELD

    with engine.begin() as connection:
        may_show = found.reject_id in shown(connection, [found.reject_id])
        detail = {"feed": found.feed, "rec_no": found.rec_no, "shown": may_show}
        reveal.record(connection, subject=f"reject:{found.reject_id}", purpose=purpose, detail=detail)
    if not may_show:
        return WITHHELD
    if found.byte_offset is None or found.byte_length is None:
        return say(
            "このデータには位置がありません（問い合わせの結果）。", "This delivery has no byte positions."
        )
    with Landing(project.var / "landing").proved(found.sha256).open("rb") as file:
        file.seek(found.byte_offset)
        raw = file.read(found.byte_length)
    declared = project.mapping(found.feed).feed.format.get("encoding", "utf-8")
    return raw.decode(str(declared), "backslashreplace")
