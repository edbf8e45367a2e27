"""``renkei cases suppress|approve|lift|suppressions``: a rule set aside for a time, by two people."""

import argparse
from typing import TYPE_CHECKING, Any

from renkei.cli import exits, place
from renkei.cli.case_work import add_reason, case_id, place_in_words, say_worked
from renkei.cli.output import answer, show, tell
from renkei.cli.parser import Parser, add_json, count, day
from renkei.cli.width import table, visible
from renkei.cli.wording import word
from renkei.errors import FixDeclaration
from renkei.language import say

if TYPE_CHECKING:
    from datetime import date

    from renkei.reconcile.suppress import Suppression


def declare(parser: Parser) -> None:
    """Add the verbs to ``renkei cases``."""
    text = say(
        "規則を期限付きで抑止する（二人目の承認で有効）", "set a rule aside for a time; needs a second person"
    )
    made = parser.verb("suppress", _suppress, text)
    made.option("--case", say("この案件の対象者について", "for the subject of this case"), metavar="CASE")
    made.option(
        "--cluster", say("このまとまりについて", "for what this cluster has in common"), metavar="CLUSTER"
    )
    made.option(
        "--rule", say("規則（--case の既定はその規則）", "the rule (of --case: its own)"), metavar="R10"
    )
    made.option("--class", say("この分類について", "for this class"), metavar="CLASS", dest="class_")
    text = say("--class のうちこの共通点だけ", "of the class, only those alike in this")
    made.option("--place", text, metavar="town:132993本町")
    text = say("期限（最終日、一年以内）", "its last day, within a year")
    made.option("--until", text, type=day, required=True, metavar="YYYY-MM-DD")
    add_reason(made)
    add_json(made)
    made = parser.verb(
        "approve",
        _approve,
        say("抑止・多数の案件の対応を承認する", "approve a suppression, or an act over many cases"),
    )
    _add_number(made)
    text = say("承認せず却下する理由", "refuse it, for this reason")
    made.option("--refuse", text, metavar=say("理由", "REASON"))
    add_json(made)
    made = parser.verb("lift", _lift, say("抑止を期限前に解除する", "end a suppression before its last day"))
    _add_number(made)
    add_reason(made)
    add_json(made)
    made = parser.verb("suppressions", _list, say("抑止の一覧", "the suppressions"))
    made.option("--limit", say("件数（既定50）", "how many (50)"), type=count, default=50, metavar="N")
    text = say("この番号の次から", "go on after this number")
    made.option("--after", text, type=count, default=0, metavar="N")
    add_json(made)


def _add_number(parser: Parser) -> None:
    text = say("番号（suppressions・clusters の一覧）", "its number (suppressions, clusters)")
    parser.option("number", text, type=count, metavar="N")


def _suppress(asked: argparse.Namespace) -> int:
    from renkei.workflow import suppress

    project = place.project()
    terms: dict[str, Any] = {"reason": asked.reason, "until": asked.until, "actor": place.actor()}
    given = [name for name in ("case", "cluster", "class_") if getattr(asked, name) is not None]
    if (
        len(given) != 1
        or (given == ["class_"] and asked.rule is None)
        or (asked.place and given != ["class_"])
    ):
        raise FixDeclaration(
            "E_USAGE", problem="--case | --cluster | --rule --class", command="renkei cases suppress"
        )
    if asked.case:
        made = suppress.suppress_case(project, case_id(asked.case), rule=asked.rule, **terms)
    elif asked.cluster:
        made = suppress.suppress_cluster(project, asked.cluster, **terms)
    else:
        made = suppress.suppress_class(project, asked.rule, asked.class_, place=asked.place, **terms)
    return _say(made, asked)


def _approve(asked: argparse.Namespace) -> int:
    from renkei.vault.typed import refuse_number
    from renkei.workflow import case_cluster, suppress

    refuse_number(asked.refuse)
    project, actor = place.project(), place.actor()
    with place.registry(project) as engine:
        is_act = case_cluster.is_asked(engine, asked.number)
    if is_act and asked.refuse is not None:
        act = case_cluster.refuse_cluster(project, asked.number, reason=asked.refuse, actor=actor)
        return say_worked(act, asked)
    if is_act:
        return say_worked(case_cluster.approve_cluster(project, asked.number, actor=actor), asked)
    if asked.refuse is not None:
        made = suppress.refuse_suppression(project, asked.number, reason=asked.refuse, actor=actor)
    else:
        made = suppress.approve_suppression(project, asked.number, actor=actor)
    return _say(made, asked)


def _lift(asked: argparse.Namespace) -> int:
    from renkei.workflow import suppress

    made = suppress.lift_suppression(place.project(), asked.number, reason=asked.reason, actor=place.actor())
    return _say(made, asked)


def _list(asked: argparse.Namespace) -> int:
    from renkei.workflow import suppress

    project = place.project()
    today = place.today(project)
    found = suppress.suppressions(project, actor=place.actor(), after=asked.after, limit=asked.limit)
    if asked.json:
        answer("renkei.suppressions/1", {"suppressions": [_body(each, today) for each in found]})
        return exits.OK
    heads = (
        say("番号", "number"), word("run", "rule"), say("対象", "for"), say("案件", "cases"),
        word("run", "state"), say("最終日", "last day"), say("申し出た人", "asked by"),
        say("承認者", "approved by"), say("理由", "reason"),
    )  # fmt: skip
    show(table(heads, [_cells(each, today) for each in found]))
    return exits.OK


def _say(made: "Suppression", asked: argparse.Namespace) -> int:
    from renkei.reconcile.suppress import STATES

    today = place.today(place.project())
    if asked.json:
        answer("renkei.suppression/1", _body(made, today))
        return exits.OK
    number, state = made.suppression_id, say(*STATES[made.state(today)])
    tell(
        say(
            f"抑止 {number}：{state}（最終日 {made.expires_on}、案件 {made.cases:,} 件）",
            f"Suppression {number}: {state} (last day {made.expires_on}, {made.cases:,} cases).",
        )
    )
    if made.state(today) == "waiting":
        tell(
            say(
                f"別の人が renkei cases approve {number} を実行するまで、案件は一覧に残ります。",
                f"Its cases stay in the list until another person runs renkei cases approve {number}.",
            )
        )
    return exits.OK


def _body(each: "Suppression", today: "date") -> dict[str, Any]:
    from renkei.cli.output import plain

    body = {name: value for name, value in vars(each).items() if name != "scope"}
    return {**body, "scope": plain(each.scope), "state": each.state(today)}


def _cells(each: "Suppression", today: "date") -> tuple[object, ...]:
    from renkei.reconcile.suppress import STATES

    scope = each.scope
    if scope.subject_id:
        whom = f"{say('対象者', 'subject')} {scope.subject_id}"
    else:
        whom = " ".join(part for part in (word("class", scope.class_), place_in_words(scope.place)) if part)
    return (
        each.suppression_id, scope.rule_id, whom, each.cases, say(*STATES[each.state(today)]),
        each.expires_on, each.asked_by, each.approved_by, visible(each.reason),
    )  # fmt: skip
