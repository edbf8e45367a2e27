"""``renkei decide``: two records are one person, are not, or nobody can say; approve that, take it back."""

import argparse
from typing import TYPE_CHECKING, Any

from renkei.cli import exits, place
from renkei.cli.output import answer, show, tell
from renkei.cli.parser import Parser, add_json, count
from renkei.cli.width import table
from renkei.errors import explain, language_of_user
from renkei.language import say

if TYPE_CHECKING:
    from renkei.registry.decision_effect import Effect
    from renkei.registry.decisions import Kind
    from renkei.workflow import Decided


_GROUPS = {
    "name": ("氏名", "name"),
    "sex": ("性別", "sex"),
    "birth": ("生年月日", "birth date"),
    "status": ("住民状態", "resident status"),
    "address": ("住所", "address"),
    "household": ("世帯", "household"),
}


def declare(parser: Parser) -> None:
    """``same``, ``different``, ``cannot-say``, ``value``, and what follows: ``approve``, ``withdraw``."""
    pair = say("記載（FEED:KEY）または住民番号", "a record (FEED:KEY) or a resident's number")
    for name, kind, text in (
        ("same", "same", say("同一人と判定する", "two records are one person")),
        ("cannot-say", "cannot_say", say("判定できないとする", "nobody can say whether they are one person")),
    ):
        made = parser.verb(name, _decide, text)
        made.option("left", pair, metavar="A")
        made.option("right", pair, metavar="B")
        made.set_defaults(kind=kind, group=None)
        _add_reason(made)
        _add_common(made)
    _declare_different(parser)
    _declare_value(parser)
    _declare_following(parser)


def _declare_different(parser: Parser) -> None:
    text = say("別人と判定する", "two records are two persons, or records part from a resident")
    made = parser.verb("different", _decide, text)
    text = say(
        "記載（FEED:KEY）。または、記載を分ける住民の番号",
        "a record (FEED:KEY), or the resident from which records part",
    )
    made.option("left", text, metavar="A")
    text = say("もう一方の記載、または住民から分ける記載", "the other record, or the records that part")
    made.option("right", text, nargs="+", metavar="FEED:KEY")
    made.set_defaults(kind="different", group=None)
    _add_reason(made)
    _add_common(made)


def _declare_value(parser: Parser) -> None:
    text = say("統合レコードの項目群をこの記載から採る", "take a group of the golden record from this record")
    made = parser.verb("value", _decide, text)
    made.option("left", say("住民の番号", "the resident's number"), metavar="RESIDENT")
    text = say("項目群（name sex birth status address household）", "name sex birth status address household")
    made.option("group", text, metavar="GROUP")
    made.option("right", say("採る記載", "the record it is taken from"), metavar="FEED:KEY")
    made.set_defaults(kind="value")
    _add_reason(made)
    _add_common(made)


def _declare_following(parser: Parser) -> None:
    made = parser.verb("approve", _approve, say("判定または取消を承認する", "approve what waits"))
    _add_number(made)
    text = say("承認せず却下する理由", "refuse it, for this reason")
    made.option("--refuse", text, metavar=say("理由", "REASON"))
    _add_common(made)
    made = parser.verb("withdraw", _withdraw, say("判定を取り消す", "take a decision back, exactly"))
    _add_number(made)
    _add_reason(made)
    _add_common(made)


def _add_number(parser: Parser) -> None:
    text = say("判定の番号（renkei decisions）", "the decision's number (renkei decisions)")
    parser.option("number", text, type=count, metavar="N")


def _add_reason(parser: Parser) -> None:
    text = say(
        "理由（判定とともに残る。個人の値は書かない）",
        "why; kept with the decision, so write no value of a person",
    )
    parser.option("--reason", text, required=True, metavar=say("理由", "REASON"))


def _add_common(parser: Parser) -> None:
    text = say("何が変わるかだけを見る", "only see what would change")
    parser.option("--dry-run", text, action="store_true")
    add_json(parser)


def _decide(asked: argparse.Namespace) -> int:
    from renkei.workflow import decide

    kind: Kind = asked.kind
    names = [asked.left, *([asked.right] if isinstance(asked.right, str) else asked.right)]
    made = decide(
        place.project(),
        kind,
        names,
        actor=place.actor(),
        reason=asked.reason,
        group=asked.group,
        dry_run=asked.dry_run,
    )
    return _say(made, asked)


def _approve(asked: argparse.Namespace) -> int:
    from renkei.workflow import approve_decision, refuse_decision

    if asked.refuse is not None:
        made = refuse_decision(place.project(), asked.number, actor=place.actor(), reason=asked.refuse)
    else:
        made = approve_decision(place.project(), asked.number, actor=place.actor(), dry_run=asked.dry_run)
    return _say(made, asked)


def _withdraw(asked: argparse.Namespace) -> int:
    from renkei.workflow import withdraw_decision

    made = withdraw_decision(
        place.project(), asked.number, actor=place.actor(), reason=asked.reason, dry_run=asked.dry_run
    )
    return _say(made, asked)


def body_of(effect: "Effect") -> dict[str, Any]:
    """An effect in JSON: residents and groups, and no value of anybody."""
    return {
        "joined": [{"resident_id": each.resident_id, "of": each.of} for each in effect.joined],
        "parted": [{"resident_id": each.resident_id, "into": each.into} for each in effect.parted],
        "golden": [vars(each) for each in effect.golden],
    }


def _say(made: "Decided", asked: argparse.Namespace) -> int:
    if asked.json:
        body = {
            "number": made.number, "kind": made.kind, "state": made.state, "code": made.code,
            "dry_run": made.dry_run, "effect": body_of(made.effect),
        }  # fmt: skip
        answer("renkei.decided/1", body)
        return exits.OK
    if not made.effect.is_nothing:
        show(_effect(made.effect))
    tell(_sentence(made))
    if made.code is not None and made.dry_run:
        tell(
            say(
                f"実際に行うと二人目の承認を待ちます [{made.code}]。",
                f"When done it waits for a second person [{made.code}].",
            )
        )
    elif made.code is not None:
        tell(f"{explain(made.code, language=language_of_user())} [{made.code}]")
    return exits.OK


def _effect(effect: "Effect") -> str:
    nobody = say("なし", "none")
    rows: list[tuple[object, object, object]] = [
        (each.resident_id, say("まとまる", "joined"), " + ".join(map(str, each.of))) for each in effect.joined
    ]
    rows += [
        (each.resident_id, say("分かれる", "parted"), ", ".join(map(str, each.into)))
        for each in effect.parted
    ]
    rows += [
        (
            each.resident_id,
            say(*_GROUPS.get(each.group, (each.group, each.group))),
            f"{each.before or nobody} → {each.after or nobody}",
        )
        for each in effect.golden
    ]
    return table((say("住民", "resident"), say("変わること", "what changes"), say("内容", "how")), rows)


def _sentence(made: "Decided") -> str:
    from renkei.registry.decisions import KINDS, STATES

    kind, state = say(*KINDS[made.kind]), say(*STATES[made.state])
    if made.dry_run:
        return say(
            f"試しただけです（{kind}）。何も書いていません。", f"Only tried ({kind}); nothing was written."
        )
    return say(f"判定 {made.number}（{kind}）：{state}", f"Decision {made.number} ({kind}): {state}.")
