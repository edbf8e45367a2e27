"""``renkei cases``: the cases, without personal values unless they are asked for with a purpose."""

import argparse
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from renkei.cli import exits, place, reveal
from renkei.cli.output import answer, show, tell
from renkei.cli.parser import Parser, add_json, count
from renkei.cli.width import table
from renkei.cli.wording import word
from renkei.errors import FixDeclaration
from renkei.language import say

if TYPE_CHECKING:
    from renkei.project import Project
    from renkei.report.mismatch import Line
    from renkei.views import CaseDetail, CaseView

_STATES = ("open", "reviewing", "waiting", "held", "dismissed", "closed")


def declare(parser: Parser) -> None:
    """``list`` and ``show``."""
    listed = parser.verb("list", _list, say("案件の一覧（期限の順）", "the cases, by due day"))
    text = say("この状態だけ（既定は終わっていないもの）", "only this state (all that are not finished)")
    listed.option("--state", text, choices=_STATES)
    listed.option("--rule", say("この規則だけ", "only this rule"), metavar="R01")
    listed.option("--owner", say("この担当課だけ", "only this department"), metavar=say("課", "DEPARTMENT"))
    listed.option("--limit", say("件数（既定50）", "how many (50)"), type=count, default=50, metavar="N")
    listed.option("--after", say("前回の続き（next の値）", "go on after this one (next)"), metavar="NEXT")
    add_json(listed)
    shown = parser.verb("show", _show, say("一件の内容と経緯", "one case and its course"))
    shown.option("case", say("案件番号（C-000123）", "the case, as C-000123"), metavar="CASE")
    reveal.add_reveal(shown)
    add_json(shown)


def _list(asked: argparse.Namespace) -> int:
    from renkei import views

    states = (asked.state,) if asked.state else _STATES[:4]
    with place.registry(place.project()) as engine:
        found = views.cases(
            engine,
            states=states,
            rule=asked.rule,
            owner=asked.owner,
            after=_after(asked.after),
            limit=asked.limit,
        )
    last = found[-1] if found and len(found) == asked.limit else None
    following = f"{last.due_on}/{last.case_id}" if last else None
    if asked.json:
        answer("renkei.cases/1", {"cases": found, "next": following})
        return exits.OK
    show(table(_heads(), [_cells(case) for case in found]))
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
        say("担当課", "department"), say("検出日", "found"), say("期限", "due"), say("再発", "came back"),
    )  # fmt: skip


def _cells(case: "CaseView") -> Sequence[object]:
    from renkei.report.mismatch import case_number

    return (
        case_number(case.case_id), case.rule_id, word("severity", case.severity), word("state", case.state),
        case.owner, case.opened_as_of, case.due_on, case.reopened or "",
    )  # fmt: skip


def _show(asked: argparse.Namespace) -> int:
    from renkei import views
    from renkei.report import mismatch

    purpose, project = reveal.purpose_of(asked), place.project()
    case_id = _case_id(asked.case)
    with place.registry(project) as engine:
        found = views.case(engine, case_id)
        if found is None:
            raise FixDeclaration("E_NOT_FOUND", kind=say("案件", "case"), name=asked.case, nearest="-")
        lines: Sequence[Line] = ()
        if purpose is not None:
            with engine.begin() as connection:
                as_of = found.case.closed_as_of or place.today(project)
                every = mismatch.lines(connection, as_of=as_of, systems=_systems(project), case_id=case_id)
                lines = tuple(line for line in every if not line.is_restricted)
                detail = {"fields": [line.field for line in lines], "rows": len(lines)}
                reveal.record(connection, subject=f"case:{case_id}", purpose=purpose, detail=detail)
    _say(project, found, lines, asked)
    return exits.OK


def _case_id(text: str) -> int:
    digits = text.upper().removeprefix("C-")
    if not digits.isdecimal():
        raise FixDeclaration("E_NOT_FOUND", kind=say("案件", "case"), name=text, nearest="C-000001")
    return int(digits)


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
    show(table(_heads(), [_cells(found.case)]))
    show("")
    show(_findings(found))
    show("")
    show(_course(found))
    if asked.reveal:
        show("")
        show(_values(lines, systems))


def _findings(found: "CaseDetail") -> str:
    heads = (
        word("run", "field"), say("分類", "class"), say("左", "left"), say("右", "right"),
        say("差の生じた日", "since"), say("検出日", "found"), say("解消日", "gone"),
    )  # fmt: skip
    return table(
        heads,
        [
            (word("field", each.field), word("class", each.class_), each.left_feed, each.right_feed,
             each.since, each.first_as_of, each.gone_as_of)
            for each in found.mismatches
        ],
    )  # fmt: skip


_EVENTS = {
    "opened": ("検出", "found"),
    "joined": ("追加", "joined"),
    "left": ("一部解消", "partly gone"),
    "closed": ("解消", "resolved"),
    "reopened": ("再発", "came back"),
    "decided": ("判定", "decided"),
}


def _course(found: "CaseDetail") -> str:
    heads = (word("run", "as_of"), say("経緯", "event"), say("実行者", "by"))
    return table(heads, [(event.as_of, say(*_EVENTS[event.kind]), event.actor) for event in found.events])


def _values(lines: Sequence["Line"], systems: Sequence[str]) -> str:
    heads = (
        say("宛名番号", "party number"), word("field", "name"), word("run", "field"),
        *(word("system", system) for system in systems),
    )  # fmt: skip
    rows = [(line.party_number, line.full_name, word("field", line.field), *line.said) for line in lines]
    return table(heads, rows)
