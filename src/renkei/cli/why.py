"""``renkei why A B``: why two records are one resident, or are not, with the evidence for and against."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from renkei.cli import exits, place, reveal
from renkei.cli.output import answer, show
from renkei.cli.parser import Parser, add_json
from renkei.cli.width import table, visible
from renkei.cli.wording import word
from renkei.errors import FixDeclaration
from renkei.language import say

if TYPE_CHECKING:
    from renkei.likeness.evidence import Evidence
    from renkei.likeness.why import Why

#: Rule of a link → its words; ``renkei how`` uses them too.
RULES = {
    "decision": ("人の判定", "a decision"),
    "strong_id": ("宛名番号が等しい", "equal party numbers"),
    "resident_code": ("住民票コードが等しい", "equal resident codes"),
    "individual_number": ("個人番号が等しい", "equal individual numbers"),
    "residence_card": ("在留カード番号が等しい", "equal residence card numbers"),
    "said_same": ("系統自身の名寄せ", "the source says so itself"),
    "four_attributes": ("四情報がすべて等しい", "all four attributes equal"),
    "founder": ("この住民の最初の記載", "the resident's first record"),
}
_KINDS = {
    "same": ("同一人", "the same person"),
    "different": ("別人", "different people"),
    "cannot_say": ("判定できない", "cannot say"),
}


def declare(parser: Parser) -> None:
    """The arguments of ``renkei why``."""
    text = say("記載（連携データ:番号）か住民の番号", "a record (FEED:KEY) or a resident's number")
    parser.option("left", text, metavar="A")
    parser.option("right", text, metavar="B")
    reveal.add_reveal(parser)
    add_json(parser)
    parser.set_defaults(run=_run)


def _run(asked: argparse.Namespace) -> int:
    from renkei.likeness.why import why

    purpose, project = reveal.purpose_of(asked), place.project()
    with place.registry(project) as engine:
        with engine.connect() as connection:
            found = why(connection, asked.left, asked.right, clear=purpose is not None)
        if found is None:
            name = f"{visible(asked.left)} {visible(asked.right)}"
            kind = {"ja": "記載か住民", "en": "record or resident"}
            raise FixDeclaration("E_NOT_FOUND", kind=kind, name=name, nearest="-")
        if purpose is not None:
            residents = sorted({found.left.resident_id, found.right.resident_id})
            detail = {"residents": residents, "fields": [each.attribute for each in found.evidence]}
            with engine.begin() as connection:
                reveal.record(connection, subject=f"resident:{residents[0]}", purpose=purpose, detail=detail)
    if asked.json:
        answer("renkei.why/1", body(found))
    else:
        _show(found)
    return exits.OK


# for machines -------------------------------------------------------------------------------------


def body(found: "Why") -> dict[str, Any]:
    """The answer of ``renkei.why/1``."""
    return {
        "same": found.is_same,
        "residents": [found.left.resident_id, found.right.resident_id],
        "records": [_key(found, side.feed, side.source_key) for side in (found.left, found.right)],
        "revealed": found.clear,
        "links": [
            {"record": _key(found, *link.record), "rule": link.rule, "known_from": link.known_from,
             "decision_id": link.decision_id}
            for link in found.links
        ],
        "chain": [
            {"left": _key(found, *step.left), "right": _key(found, *step.right), "rule": step.rule,
             "known_from": step.known_from, "decision_id": step.decision_id}
            for step in found.steps
        ],
        "decisions": found.decisions,
        "candidate": found.candidate,
        "score": None if found.scored is None else {
            "weight": round(found.scored.weight, 3), "probability": round(found.scored.probability, 6),
            "levels": dict(found.scored.levels), "model": found.model,
        },
        "evidence": [_evidence(each) for each in found.evidence],
    }  # fmt: skip


def _evidence(each: "Evidence") -> dict[str, Any]:
    from renkei.likeness import words

    return {
        "attribute": each.attribute,
        "verdict": each.verdict,
        "reasons": list(each.reasons),
        "facts": list(each.facts),
        "marks": [vars(mark) for mark in each.marks],
        "left": each.left,
        "right": each.right,
        "told": words.told(each),
    }


def _key(found: "Why", feed: str, source_key: str) -> str:
    from renkei.mapping.masking import shape_of

    return f"{feed}:{source_key if found.clear else shape_of(source_key)}"


# for people ---------------------------------------------------------------------------------------


def _show(found: "Why") -> None:
    show(_verdict(found))
    for lines in (_chain(found), _decisions(found), _score(found)):
        if lines:
            show("")
            show("\n".join(lines))
    show("")
    show(_attributes(found))


def _verdict(found: "Why") -> str:
    left, right = found.left.resident_id, found.right.resident_id
    if found.is_same:
        return say(f"同一人です（住民 {left}）。", f"One person (resident {left}).")
    return say(f"別の住民です（住民 {left} と 住民 {right}）。", f"Two residents ({left} and {right}).")


def _chain(found: "Why") -> Sequence[str]:
    if not found.is_same:
        return [_own(found, place) for place in range(len(found.links))]
    if not found.steps:
        return [_own(found, place) for place in range(len(found.links))]
    return [
        f"{_key(found, *step.left)} ⇔ {_key(found, *step.right)}: {_rule(step.rule, step.decision_id)}"
        f" {say(f'（{step.known_from:%Y-%m-%d} から）', f'(since {step.known_from:%Y-%m-%d})')}"
        for step in found.steps
    ]


def _own(found: "Why", place: int) -> str:
    link = found.links[place]
    since = say(f"（{link.known_from:%Y-%m-%d} から）", f"(since {link.known_from:%Y-%m-%d})")
    return f"{_key(found, *link.record)}: {_rule(link.rule, link.decision_id)} {since}"


def _rule(rule: str, decision_id: int | None) -> str:
    told = say(*RULES.get(rule, (rule, rule)))
    return told if decision_id is None else f"{told} {decision_id}"


def _decisions(found: "Why") -> Sequence[str]:
    return [
        say(
            f"判定 {each.decision_id}：{_KINDS[each.kind][0]}（{each.author}、{each.decided_at:%Y-%m-%d}）"
            f"「{visible(each.reason)}」",
            f"Decision {each.decision_id}: {_KINDS[each.kind][1]} "
            f"({each.author}, {each.decided_at:%Y-%m-%d}) “{visible(each.reason)}”",
        )
        for each in found.decisions
    ]


def _score(found: "Why") -> Sequence[str]:
    from renkei.cli.candidates import percent, reason

    made = []
    if found.candidate is not None:
        each = found.candidate
        told = ""
        if each.weight is not None and each.probability is not None:
            weighed = f"{each.weight:+.1f}", percent(each.probability)
            told = say("（重み {} ビット、確率 {}）", " ({} bits, probability {})").format(*weighed)
        number, level = each.link_candidate_id, each.level
        named = say(f"候補 {number}（段階{level}）", f"Candidate {number} (level {level})")
        made.append(f"{named}: {reason(each.reason)}{told}")
    if found.scored is not None:
        weight, probability = found.scored.weight, found.scored.probability
        made.append(
            say(
                f"この二つの記載の似かた：重み {weight:+.1f} ビット、確率 {percent(probability)}"
                f"（型 {found.model[:12]}。名前の多い少ないは数えていません）",
                f"How alike these two records are: {weight:+.1f} bits, probability {percent(probability)} "
                f"(model {found.model[:12]}; how common the names are is left out)",
            )
        )
    return made


def _attributes(found: "Why") -> str:
    from renkei.likeness import words

    heads = (
        say("項目", "attribute"), say("結果", "verdict"), "A", "B", say("根拠", "evidence"),
    )  # fmt: skip
    return table(
        heads,
        [
            (words.attribute(each), words.verdict(each), _value(each, each.left), _value(each, each.right),
             words.told(each))
            for each in found.evidence
        ],
    )  # fmt: skip


def _value(each: "Evidence", text: str | None) -> str:
    if text is None:
        return "∅"
    return word("sex", text) if each.attribute == "sex" else visible(text)
