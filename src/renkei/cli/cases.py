"""``renkei cases list|show``: the cases, without personal values unless they are asked for with a purpose."""

import argparse
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from renkei.cli import case_suppress, case_work, exits, place, reveal
from renkei.cli.case_work import case_id
from renkei.cli.output import answer, show, tell
from renkei.cli.parser import Parser, add_json, count
from renkei.cli.width import table, visible
from renkei.cli.wording import word
from renkei.errors import FixDeclaration
from renkei.language import language_of_user, say

if TYPE_CHECKING:
    from renkei.project import Project
    from renkei.report.mismatch import Line
    from renkei.views import CaseDetail, CaseView, MismatchView

_STATES = ("open", "reviewing", "waiting", "held", "dismissed", "closed")


def declare(parser: Parser) -> None:
    """``list`` and ``show``, and below them what staff do with cases."""
    listed = parser.verb("list", _list, say("案件の一覧（期限の順）", "the cases, by due day"))
    text = say("この状態だけ（既定は終わっていないもの）", "only this state (all that are not finished)")
    listed.option("--state", text, choices=_STATES)
    listed.option("--rule", say("この規則だけ", "only this rule"), metavar="R01")
    listed.option("--owner", say("この担当課だけ", "only this department"), metavar=say("課", "DEPARTMENT"))
    listed.option("--assignee", say("この担当者だけ", "only this person's"), metavar=say("担当者", "NAME"))
    listed.option("--overdue", say("期限超過だけ", "only what is overdue"), action="store_true")
    text = say("抑止中の案件だけ（既定は抑止中以外）", "only what is set aside (only what is not)")
    listed.option("--suppressed", text, action="store_true")
    listed.option("--limit", say("件数（既定50）", "how many (50)"), type=count, default=50, metavar="N")
    listed.option("--after", say("前回の続き（next の値）", "go on after this one (next)"), metavar="NEXT")
    add_json(listed)
    shown = parser.verb("show", _show, say("一件の内容と経緯", "one case and its course"))
    shown.option("case", say("案件番号（C-000123）", "the case, as C-000123"), metavar="CASE")
    reveal.add_reveal(shown)
    add_json(shown)
    case_work.declare(parser)
    case_suppress.declare(parser)


def _list(asked: argparse.Namespace) -> int:
    from renkei import views

    states = (asked.state,) if asked.state else _STATES[:4]
    project = place.project()
    today = place.today(project)
    with place.registry(project) as engine:
        found = views.cases(
            engine,
            states=states,
            rule=asked.rule,
            owner=asked.owner,
            assignee=asked.assignee,
            day=today,
            suppressed=asked.suppressed,
            overdue=asked.overdue,
            after=_after(asked.after),
            limit=asked.limit,
        )
        aside = views.suppressed_cases(engine, day=today)
    last = found[-1] if found and len(found) == asked.limit else None
    following = f"{last.due_on}/{last.case_id}" if last else None
    if asked.json:
        answer("renkei.cases/1", {"cases": found, "next": following, "suppressed": aside})
        return exits.OK
    show(table(_heads(), [_cells(case, today) for case in found]))
    if aside and not asked.suppressed:
        tell(
            say(
                f"ほかに抑止中の案件が {aside:,} 件あります（--suppressed で表示）。",
                f"Besides, {aside:,} cases are set aside (--suppressed shows them).",
            )
        )
    if following:
        tell(say(f"続きは --after {following}", f"More with --after {following}"))
    return exits.OK


def _after(text: str | None) -> tuple[date, int] | None:
    if text is None:
        return None
    due, _, number = text.partition("/")
    try:
        return date.fromisoformat(due), int(number)
    except ValueError:
        raise FixDeclaration("E_USAGE", problem=f"--after {text}", command="renkei cases list") from None


def _heads() -> Sequence[str]:
    return (
        say("案件番号", "case"), word("run", "rule"), say("重要度", "severity"), word("run", "state"),
        say("担当課", "department"), say("担当者", "person"),
        say("検出日", "found"), say("期限", "due"), say("再発", "came back"),
    )  # fmt: skip


def _cells(case: "CaseView", today: date) -> Sequence[object]:
    from renkei.report.mismatch import case_number

    return (
        case_number(case.case_id), case.rule_id, word("severity", case.severity), _state(case),
        case.owner, case.assignee, case.opened_as_of, _due(case, today), case.reopened or "",
    )  # fmt: skip


def _state(case: "CaseView") -> str:
    words = [word("state", case.state)]
    if case.outcome:
        words.append(word("outcome", case.outcome))
    if case.wait_until:
        words.append(say(f"{case.wait_until} まで", f"until {case.wait_until}"))
    if case.suppressed_by:
        words.append(say(f"抑止 {case.suppressed_by}", f"suppression {case.suppressed_by}"))
    return say("・".join(words), ", ".join(words))


def _due(case: "CaseView", today: date) -> str:
    is_over = case.due_on < today and case.state not in ("closed", "dismissed") and not case.suppressed_by
    return f"{case.due_on} {say('期限超過', 'overdue')}" if is_over else str(case.due_on)


def _show(asked: argparse.Namespace) -> int:
    from renkei import views
    from renkei.report import mismatch

    purpose, project = reveal.purpose_of(asked), place.project()
    number, today = case_id(asked.case), place.today(project)
    with place.registry(project) as engine:
        found = views.case(engine, number, day=today)
        if found is None:
            raise FixDeclaration("E_NOT_FOUND", kind=say("案件", "case"), name=asked.case, nearest="-")
        lines: Sequence[Line] = ()
        if purpose is not None:
            with engine.begin() as connection:
                as_of = found.case.closed_as_of or today
                every = mismatch.lines(connection, as_of=as_of, systems=_systems(project), case_id=number)
                lines = tuple(line for line in every if not line.is_restricted)
                detail = {"fields": [line.field for line in lines], "rows": len(lines)}
                reveal.record(connection, subject=f"case:{number}", purpose=purpose, detail=detail)
    _say(project, found, lines, asked)
    return exits.OK


def _systems(project: "Project") -> tuple[str, ...]:
    return tuple(dict.fromkeys(feed.system for feed in project.feeds))


def _say(project: "Project", found: "CaseDetail", lines: Sequence["Line"], asked: argparse.Namespace) -> None:
    systems = _systems(project)
    if asked.json:
        revealed = [
            {"party_number": line.party_number, "full_name": line.full_name, "field": line.field,
             "said": dict(zip(systems, line.said, strict=True))}
            for line in lines
        ]  # fmt: skip
        body = {"case": found.case, "mismatches": found.mismatches, "events": found.events}
        answer("renkei.case/1", body | ({"revealed": revealed} if asked.reveal else {}))
        return
    show(table(_heads(), [_cells(found.case, place.today(project))]))
    show("")
    show(_findings(found))
    show("")
    show(_course(found))
    if asked.reveal:
        show("")
        show(_values(lines, systems))


def _findings(found: "CaseDetail") -> str:
    heads = (
        word("run", "field"), say("分類", "class"), say("原因", "why"), say("左", "left"), say("右", "right"),
        say("差の生じた日", "since"), say("検出日", "found"), say("解消日", "gone"),
    )  # fmt: skip
    return table(
        heads,
        [
            (word("field", each.field), word("class", each.class_), _why(each), each.left_feed,
             each.right_feed, each.since, each.first_as_of, each.gone_as_of)
            for each in found.mismatches
        ],
    )  # fmt: skip


def _why(found: "MismatchView") -> str:
    from renkei.causes.classes import say_why

    return say_why(found.why, found.why_kind, language=language_of_user())


def _course(found: "CaseDetail") -> str:
    heads = (
        say("経緯番号", "event"), word("run", "as_of"), say("経緯", "what"), say("内容", "outcome"),
        say("実行者", "by"), say("操作", "act"), say("理由・メモ", "reason or note"),
    )  # fmt: skip
    return table(
        heads,
        [
            (event.case_event_id, event.as_of, word("case_event", event.kind),
             word("outcome", event.outcome) if event.outcome else "", event.actor, event.act_id,
             visible(event.reason) if event.reason else "")
            for event in found.events
        ],
    )  # fmt: skip


def _values(lines: Sequence["Line"], systems: Sequence[str]) -> str:
    heads = (
        say("宛名番号", "party number"), word("field", "name"), word("run", "field"),
        *(word("system", system) for system in systems),
    )  # fmt: skip
    rows = [
        (line.party_number, line.full_name, word("field", line.field), *_marked(line.said)) for line in lines
    ]
    return table(heads, rows)


def _marked(said: Sequence[str]) -> Sequence[str]:
    """Two values with what differs in ⟦ ⟧; one value, or more than two, as they are."""
    from renkei.causes.marks import as_line, marks

    distinct = list(dict.fromkeys(text for text in said if text))
    if len(distinct) != 2:
        return said
    both = marks(*distinct)
    shown = {
        text: as_line(text, spans) for text, spans in zip(distinct, (both.left, both.right), strict=True)
    }
    return [shown.get(text, text) for text in said]
