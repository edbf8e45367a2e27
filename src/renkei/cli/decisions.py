"""``renkei decisions``: what people decided of two records, by whom and why; keys only for a purpose."""

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from renkei.cli import exits, place, reveal
from renkei.cli.output import answer, show, tell
from renkei.cli.parser import Parser, add_json, count
from renkei.cli.width import table, visible
from renkei.errors import FixDeclaration
from renkei.language import say

if TYPE_CHECKING:
    from renkei.registry.decisions import Decision
    from renkei.workflow.decided import Shown

_STATES = {"waiting": "waiting", "in-force": "in_force", "withdrawn": "withdrawn"}


def declare(parser: Parser) -> None:
    """``renkei decisions`` lists; ``renkei decisions --show N`` tells one."""
    text = say("この状態だけ（waiting は取消の承認待ちも）", "only these; waiting is a withdrawal's wait too")
    parser.option("--state", text, choices=tuple(_STATES))
    text = say("この住民の記載についてのものだけ", "only those about records of this resident")
    parser.option("--of", text, type=count, metavar="RESIDENT")
    parser.option("--show", say("この一件の内容", "this one in full"), type=count, metavar="N")
    parser.option("--limit", say("件数（既定50）", "how many (50)"), type=count, default=50, metavar="N")
    text = say("この番号の次から", "go on after this number")
    parser.option("--after", text, type=count, default=0, metavar="N")
    reveal.add_reveal(parser)
    add_json(parser)
    parser.set_defaults(run=_run)


def _run(asked: argparse.Namespace) -> int:
    if asked.show is not None:
        return _show_one(asked)
    if asked.reveal:
        raise FixDeclaration("E_USAGE", problem="--reveal", command="renkei decisions --show N")
    from renkei.workflow import decided

    project = place.project()
    with place.registry(project) as engine, engine.connect() as connection:
        found = decided.listed(
            connection, project, actor=place.actor(), state=_STATES.get(asked.state),  # type: ignore[arg-type]  # the parser's own choices
            of=asked.of, after=asked.after, limit=asked.limit,
        )  # fmt: skip
    following = found[-1].first.act_id if found and len(found) == asked.limit else None
    if asked.json:
        body = [_body(each, is_clear=False) for each in found]
        answer("renkei.decisions/1", {"decisions": body, "next": following})
        return exits.OK
    show(table(_heads(), [_cells(each) for each in found]))
    if following:
        tell(say(f"続きは --after {following}", f"More with --after {following}"))
    return exits.OK


def _show_one(asked: argparse.Namespace) -> int:
    from renkei.workflow import decided

    purpose, project = reveal.purpose_of(asked), place.project()
    with place.registry(project) as engine, engine.begin() as connection:
        found = decided.shown(connection, project, asked.show, actor=place.actor())
        if found is None:
            kind = {"ja": "判定", "en": "decision"}
            raise FixDeclaration("E_NOT_FOUND", kind=kind, name=str(asked.show), nearest="renkei decisions")
        if purpose is not None:
            subject = f"decision:{found.first.act_id}"
            detail = {"decisions": [each.decision_id for each in found.decisions], "fields": ["source_key"]}
            reveal.record(connection, subject=subject, purpose=purpose, detail=detail)
    is_clear = purpose is not None
    if asked.json:
        answer("renkei.decision/1", _body(found, is_clear=is_clear))
        return exits.OK
    show(table((say("事項", "item"), say("内容", "what")), _lines(found, is_clear=is_clear)))
    return exits.OK


def _heads() -> tuple[str, ...]:
    return (
        say("番号", "number"), say("判定", "decision"), say("住民", "resident"), say("相手の住民", "other"),
        say("状態", "state"), say("判定者", "by"), say("判定日時", "decided"),
    )  # fmt: skip


def _cells(each: "Shown") -> tuple[object, ...]:
    from renkei.registry.decisions import KINDS, STATES

    first = each.first
    return (
        first.act_id, say(*KINDS[first.kind]), _many(each.left),
        first.field_group or _many(each.right), say(*STATES[first.state]), first.author,
        f"{first.decided_at:%Y-%m-%d %H:%M}",
    )  # fmt: skip


def _many(residents: tuple[int, ...]) -> str:
    return ", ".join(map(str, residents))


def _lines(found: "Shown", *, is_clear: bool) -> list[tuple[object, object]]:
    first = found.first
    labels = ("番号", "判定", "住民", "相手の住民", "状態", "判定者", "判定日時")
    heads = (say(ja, en) for ja, en in zip(labels, _english(), strict=True))
    rows: list[tuple[object, object]] = list(zip(heads, _cells(found), strict=True))
    rows += [(say("記載", "records"), _pair(each, is_clear=is_clear)) for each in found.decisions]
    more = (
        (say("理由", "reason"), visible(first.reason)),
        (say("承認者", "approved by"), first.approved_by),
        (say("有効になった日時", "in force from"), first.in_force_from),
        (say("取消を求めた人", "withdrawn by"), first.withdrawn_by),
        (say("取消の理由", "why withdrawn"), first.withdrawn_reason and visible(first.withdrawn_reason)),
        (say("取消の承認者", "withdrawal approved by"), first.withdraw_approved_by),
        (say("取り消された日時", "in force until"), first.in_force_until),
    )
    return rows + [(head, value) for head, value in more if value is not None]


def _english() -> tuple[str, ...]:
    return ("number", "decision", "resident", "other", "state", "by", "decided")


def _pair(each: "Decision", *, is_clear: bool) -> str:
    sides = (_side(each, "left", is_clear=is_clear), _side(each, "right", is_clear=is_clear))
    return " / ".join(f"{side['feed']}:{side['source_key']}" for side in sides if side)


def _side(each: "Decision", side: str, *, is_clear: bool) -> dict[str, Any] | None:
    from renkei.mapping.masking import shape_of

    feed, key = getattr(each, f"{side}_feed"), getattr(each, f"{side}_key")
    if feed is None:
        return None
    return {
        "feed": feed,
        "source_key": key if is_clear else shape_of(key),
        "home": getattr(each, f"{side}_home"),
    }


#: Digests of a whole record: whoever knows most of it could try out the rest.
_DIGESTS = frozenset({"left_hash", "right_hash"})


def _seen(seen: Mapping[str, Any], *, is_clear: bool) -> dict[str, Any]:
    return {name: value for name, value in seen.items() if is_clear or name not in _DIGESTS}


def _body(found: "Shown", *, is_clear: bool) -> dict[str, Any]:
    first = found.first
    return {
        "number": first.act_id,
        "kind": first.kind,
        "state": first.state,
        "residents": {"left": found.left, "right": found.right},
        "field_group": first.field_group,
        "author": first.author,
        "reason": first.reason,
        "decided_at": first.decided_at,
        "approved_by": first.approved_by,
        "in_force_from": first.in_force_from,
        "withdrawn_by": first.withdrawn_by,
        "withdrawn_reason": first.withdrawn_reason,
        "withdrawn_at": first.withdrawn_at,
        "withdraw_approved_by": first.withdraw_approved_by,
        "in_force_until": first.in_force_until,
        "seen": _seen(first.seen, is_clear=is_clear),
        "revealed": is_clear,
        "records": [
            {side: _side(each, side, is_clear=is_clear) for side in ("left", "right")}
            for each in found.decisions
        ],
    }
