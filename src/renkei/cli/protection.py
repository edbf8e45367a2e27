"""``renkei protection``: marks of 支援措置 in force, and their end, which always takes two people."""

import argparse
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from renkei.cli import exits, place, reveal
from renkei.cli.output import answer, show, tell
from renkei.cli.parser import Parser, add_json, count
from renkei.cli.width import table
from renkei.language import say

if TYPE_CHECKING:
    from renkei.registry.protection import Protection

_WHY = {
    "record": ("記載", "record"),
    "gone": ("消えた記載", "a record that is gone"),
    "co_protected": ("併せて支援を求める者", "co-protected"),
}
_KINDS = {
    "support": ("支援措置", "support"),
    "provisional": ("仮支援措置", "provisional"),
    "joint": ("併せて支援", "joint"),
}
_SAYS = {
    None: ("措置あり", "protected"),
    "none": ("措置なし", "none"),
    "gone": ("記載なし", "no record"),
    "silent": ("不明", "nothing"),
}


def declare(parser: Parser) -> None:
    """``list``, ``end`` and ``approve``."""
    listed = parser.verb(
        "list", _list, say("続いている支援措置（番号の順）", "protections in force, by number")
    )
    text = say("連携元が終わったとしたものだけ", "only those whose source says that they have ended")
    listed.option("--ending", text, action="store_true")
    listed.option("--limit", say("件数（既定50）", "how many (50)"), type=count, default=50, metavar="N")
    text = say("この番号の次から", "go on after this number")
    listed.option("--after", text, type=count, default=0, metavar="N")
    reveal.add_reveal(listed)
    add_json(listed)
    ended = parser.verb("end", _end, say("解除を申し出る（別の人の承認が要る）", "ask that one end"))
    _add_number(ended)
    text = say("解除の理由（監査証跡に残る）", "why it ends; goes into the audit trail")
    ended.option("--reason", text, required=True, metavar=say("理由", "REASON"))
    add_json(ended)
    text = say("申し出られた解除を承認し、解除する", "approve an end that another person asked for")
    approved = parser.verb("approve", _approve, text)
    _add_number(approved)
    text = say("承認せず却下する理由", "refuse the end, for this reason")
    approved.option("--refuse", text, metavar=say("理由", "REASON"))
    add_json(approved)


def _add_number(parser: Parser) -> None:
    text = say("支援措置の番号（renkei protection list）", "its number (renkei protection list)")
    parser.option("protection", text, type=count, metavar="N")


def _list(asked: argparse.Namespace) -> int:
    from renkei.workflow import protection

    purpose, project = reveal.purpose_of(asked), place.project()
    found = protection.listed(project, ending=asked.ending, after=asked.after, limit=asked.limit)
    if purpose is not None:
        detail = {"protections": [each.protection_id for each in found]}
        with place.registry(project) as engine, engine.begin() as connection:
            reveal.record(connection, subject="protections", purpose=purpose, detail=detail)
    is_clear, following = purpose is not None, _next(found, asked.limit)
    today = place.today(project)
    if asked.json:
        body = [body_of(each, today, clear=is_clear) for each in found]
        answer("renkei.protections/1", {"protections": body, "next": following})
        return exits.OK
    show(table(_heads(clear=is_clear), [_cells(each, today, clear=is_clear) for each in found]))
    if following:
        tell(say(f"続きは --after {following}", f"More with --after {following}"))
    return exits.OK


def _next(found: Sequence["Protection"], limit: int) -> int | None:
    return found[-1].protection_id if found and len(found) == limit else None


#: What tells of the person or of why: only in clear.
_GUARDED = frozenset({"source_key", "resident_ids", "kind", "term_from", "term_until", "end_reason"})


def body_of(mark: "Protection", today: date, *, clear: bool) -> dict[str, Any]:
    """One mark of ``renkei.protections/1``; who it is, and its term, only where it is told in clear."""
    hidden = {"known_to", "closed_as", *(() if clear else _GUARDED)}
    shown = {name: value for name, value in vars(mark).items() if name not in hidden}
    return {**shown, "is_term_over": _is_over(mark, today)}


def _is_over(mark: "Protection", today: date) -> bool:
    return mark.term_until is not None and mark.term_until < today


def _heads(*, clear: bool) -> tuple[str, ...]:
    heads = (
        say("番号", "number"), say("連携データ", "feed"), say("根拠", "why"), say("期限", "term"),
        say("連携元は今", "its source now"), say("解除", "end"),
    )  # fmt: skip
    more = (
        say("区分", "kind"), say("開始", "from"), say("終了予定", "until"), say("記載", "record"),
        say("住民", "resident"), say("解除の理由", "reason of its end"),
    )  # fmt: skip
    return (*heads, *more) if clear else heads


def _cells(mark: "Protection", today: date, *, clear: bool) -> tuple[object, ...]:
    over = say("経過（継続中）", "over, goes on") if _is_over(mark, today) else ""
    asked = say("承認待ち", "waits for approval") if mark.end_asked_by else ""
    cells = (mark.protection_id, mark.feed, say(*_WHY[mark.why]), over, say(*_SAYS[mark.end_told]), asked)
    if not clear:
        return cells
    kind = say(*_KINDS[mark.kind]) if mark.kind in _KINDS else mark.kind
    whose = ", ".join(map(str, mark.resident_ids))
    return (*cells, kind, mark.term_from, mark.term_until, mark.source_key, whose, mark.end_reason)


def _end(asked: argparse.Namespace) -> int:
    from renkei.workflow import protection

    made = protection.ask_end(place.project(), asked.protection, actor=place.actor(), reason=asked.reason)
    number, approve = made.protection_id, f"renkei protection approve {made.protection_id}"
    if asked.json:
        answer("renkei.protection/1", {"protection_id": number, "state": "waits"})
    tell(
        say(
            f"支援措置 {number} の解除を申し出ました。別の人が {approve} で承認するまで続きます。",
            f"The end of protection {number} is asked for. It goes on until another person runs {approve}.",
        )
    )
    return exits.OK


def _approve(asked: argparse.Namespace) -> int:
    from renkei.workflow import protection

    project, number = place.project(), asked.protection
    if asked.refuse is not None:
        protection.refuse_end(project, number, actor=place.actor(), reason=asked.refuse)
        _tell(asked, "refused", say(f"支援措置 {number} は続きます。", f"Protection {number} goes on."))
        return exits.OK
    _, restricted = protection.approve_end(project, number, actor=place.actor())
    after = say(
        "ほかの理由により、この人の閲覧制限は続きます。"
        if restricted
        else "この人の閲覧制限は終わりました。",
        "For other reasons the person stays restricted."
        if restricted
        else "The person is no longer restricted.",
    )
    said = say(f"支援措置 {number} を解除しました。{after}", f"Protection {number} has ended. {after}")
    _tell(asked, "ended", said, still_restricted=restricted)
    return exits.OK


def _tell(asked: argparse.Namespace, state: str, said: str, **more: bool) -> None:
    if asked.json:
        answer("renkei.protection/1", {"protection_id": asked.protection, "state": state, **more})
    tell(said)
