"""``renkei resident show``: a resident on a day, as it was known at an instant."""

import argparse
from datetime import datetime
from typing import TYPE_CHECKING, Any

from renkei.cli import exits, place, reveal
from renkei.cli.how import said
from renkei.cli.output import answer, plain, show
from renkei.cli.parser import Parser, add_as_of, add_json, count
from renkei.cli.why import RULES
from renkei.cli.width import table
from renkei.cli.wording import word
from renkei.errors import FixDeclaration
from renkei.language import say

if TYPE_CHECKING:
    from renkei.workflow.resident import Household, ResidentAt

#: What only machines compare by; in ``--json``.
_DERIVED = frozenset({"date_of_birth_lo", "date_of_birth_hi", "date_of_birth_precision", "address_key"})
#: Field → the table of words for its codes.
_CODED = {
    "sex": "sex", "resident_status": "value", "resident_kind": "value", "relationship": "value",
    "change_kind": "change",
}  # fmt: skip
_MARKS = {"protected": ("措置あり", "protected"), "none": ("措置なし", "none")}
_NOTES = {
    "over_120": (
        "120歳を超えています。記載のまま保持しています。",
        "Older than 120 years: kept as the systems say it.",
    ),
    "no_head": ("世帯主未設定の世帯です。", "A household without a head."),
    "facility": (
        "施設の世帯のため、世帯員は示しません。",
        "A facility's household: its members are not listed.",
    ),
}


def declare(parser: Parser) -> None:
    """``show``."""
    text = say("住民の一時点の姿", "a resident on a day, as known at an instant")
    shown = parser.verb("show", _show, text)
    shown.option("resident", say("住民の番号", "the resident's id"), type=count, metavar="RESIDENT")
    add_point(shown)
    reveal.add_reveal(shown)
    add_json(shown)


def add_point(parser: Parser) -> None:
    """``--as-of`` and ``--known-at``: the two axes of time."""
    add_as_of(parser)
    text = say(
        "この時点で知られていた姿（ISO 8601、時差付き。既定は今）",
        "as known at this instant (ISO 8601 with zone; now unless given)",
    )
    parser.option("--known-at", text, type=_instant, metavar="TIME")


def _instant(text: str) -> datetime:
    made = datetime.fromisoformat(text)
    if made.tzinfo is None:
        raise ValueError(text)
    return made


def _show(asked: argparse.Namespace) -> int:
    from renkei.workflow.resident import point_of, resident_at

    purpose, project = reveal.purpose_of(asked), place.project()
    point = point_of(asked.as_of or place.today(project), asked.known_at)
    with place.registry(project) as engine:
        found = resident_at(project, engine, asked.resident, point, clear=purpose is not None)
        if found is None:
            kind = {"ja": "住民", "en": "resident"}
            raise FixDeclaration("E_NOT_FOUND", kind=kind, name=str(asked.resident), nearest="-")
        if purpose is not None:
            told = {name: plain(value) for name, value in vars(point).items()}
            with engine.begin() as connection:
                reveal.record(connection, subject=f"resident:{asked.resident}", purpose=purpose, detail=told)
    if asked.json:
        answer("renkei.resident/1", body(found))
    elif found.part_of is not None:
        other = found.part_of
        show(
            say(
                f"住民 {asked.resident} は、この時点では住民 {other} の一部です。",
                f"Resident {asked.resident} is part of resident {other} at this point.",
            )
        )
    else:
        _show_all(found)
    return exits.OK


def body(found: "ResidentAt") -> dict[str, Any]:
    """The answer of ``renkei.resident/1``."""
    made = {name: value for name, value in vars(found).items() if name != "clear"}
    return {**made, "revealed": found.clear}


def _show_all(found: "ResidentAt") -> None:
    heads = (say("項目", "field"), say("値", "value"), say("連携データ", "feed"), say("規則", "rule"))
    shown = [each for each in found.golden if each.field not in _DERIVED]
    rows = [
        (word("field", each.field), _value(each.field, each.value), each.feed, _rule(each.rule))
        for each in shown
    ]
    show(table(heads, rows))
    _show_records(found)
    for household in found.households:
        show("")
        show_household(household)
    _show_links(found)
    mark = said(found.protected) if found.protected not in _MARKS else say(*_MARKS[found.protected])
    show(say(f"\n支援措置：{mark}", f"\nprotection (支援措置): {mark}"))
    for note in found.notes:
        show(say(*_NOTES[note]))


def _value(field: str, value: object) -> str:
    """A value as people say it: words for codes, yes and no for a flag."""
    if isinstance(value, bool) or (field == "is_household_head" and value in ("true", "false")):
        return say("はい", "yes") if value in (True, "true") else say("いいえ", "no")
    kind = _CODED.get(field)
    return said(value) if kind is None or value is None else word(kind, value)


def _rule(rule: str) -> str:
    """``trust:juki>tax`` or ``decision:17`` in words."""
    kind, _, told = rule.partition(":")
    if kind == "decision":
        return say(f"判定 {told}", f"decision {told}")
    if kind != "trust":
        return rule
    order = say("＞", " > ").join(word("system", system) for system in told.split(">"))
    return say(f"優先順：{order}", f"order of trust: {order}")


def _show_records(found: "ResidentAt") -> None:
    heads = (
        say("連携データ", "feed"), say("キー", "key"), say("版", "version"), say("適用", "from"),
        say("まで", "until"), say("状態", "status"), say("異動事由", "change"),
    )  # fmt: skip
    rows = [
        (
            each.feed, said(each.source_key), each.source_version, said(each.effective_on),
            said(each.held_until), _value("resident_status", each.status),
            _value("change_kind", each.values["change_kind"]),
        )
        for each in found.records
    ]  # fmt: skip
    show("\n" + table(heads, rows))


def _show_links(found: "ResidentAt") -> None:
    heads = (
        say("連携データ", "feed"), say("キー", "key"), say("同一人の規則", "link rule"),
        say("手がかり", "via"), say("判定", "decision"),
    )  # fmt: skip
    rows = [
        (
            each.feed,
            said(each.source_key),
            say(*RULES.get(each.rule, (each.rule, each.rule))),
            said(each.via),
            said(each.decision_id),
        )
        for each in found.links
    ]
    show("\n" + table(heads, rows))


def show_household(household: "Household") -> None:
    """A household as a table, and what is to be said of it."""
    whose, number = word("system", household.system), said(household.household_number)
    show(say(f"{whose}の世帯 {number}", f"{whose}: household {number}"))
    heads = (
        say("住民", "resident"),
        say("続柄", "relation"),
        say("世帯主", "head"),
        say("いつから", "since"),
    )
    rows = [
        (m.resident_id, _value("relationship", m.relationship), "✓" if m.is_head else "", said(m.member_from))
        for m in household.members
    ]
    if rows:
        show(table(heads, rows))
    for note in household.notes:
        show(say(*_NOTES[note]))
