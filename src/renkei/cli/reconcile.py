"""``renkei reconcile``: compare the systems for a day and keep the cases."""

import argparse
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from renkei.cli import exits, place
from renkei.cli.output import answer, show, tell
from renkei.cli.parser import Parser, add_as_of, add_json, count
from renkei.cli.width import table
from renkei.cli.wording import word
from renkei.errors import explain
from renkei.language import language_of_user, say

if TYPE_CHECKING:
    from renkei.project import Project
    from renkei.views import RuleResult


#: States of a rule of which no case was touched although its law is in force.
_LEFT_OUT = ("not_compared", "held", "refused")


def declare(parser: Parser) -> None:
    """The arguments of ``renkei reconcile``."""
    add_as_of(parser)
    text = say(
        "不一致がこの件数を超えたら終了コード1（既定は上限なし）",
        "exit 1 above this many mismatches (no limit unless given)",
    )
    parser.option("--limit", text, type=count, default=None, metavar="N")
    text = say(
        "前回から変わった住民だけでなく、全員を照合し直す",
        "look at everybody again, not only at residents who have changed since the last time",
    )
    parser.option("--whole", text, action="store_true")
    add_json(parser)
    parser.set_defaults(run=_run)


def _run(asked: argparse.Namespace) -> int:
    project = place.project()
    return compare(
        project, asked.as_of or place.today(project), limit=asked.limit, whole=asked.whole, as_json=asked.json
    )


def compare(project: "Project", as_of: date, *, limit: int | None, as_json: bool, whole: bool = False) -> int:
    """Reconcile and show what each rule did; a rule that could not compare is never shown as nought."""
    from renkei import views
    from renkei.workflow import reconcile

    made = reconcile(project, as_of=as_of, actor=place.actor(), trigger=place.TRIGGER, whole=whole)
    with place.registry(project) as engine:
        results = views.rule_results(engine, str(made.run_id))
    code = _exit_code(results, limit)
    if as_json:
        body = {"run_id": str(made.run_id), "as_of": as_of, "rules": results, "exit_code": code}
        answer("renkei.reconcile/1", body)
    else:
        _show(project, results)
    return code


def _exit_code(results: Sequence["RuleResult"], limit: int | None) -> int:
    """1 when a rule could not compare, was held or refused, or more was found than the limit allows."""
    incomplete = any(result.state in _LEFT_OUT for result in results)
    above = limit is not None and sum(result.found for result in results) > limit
    return exits.ABOVE_LIMIT if incomplete or above else exits.OK


def _show(project: "Project", results: Sequence["RuleResult"]) -> None:
    counted = ("found", "in_transit", "opened", "closed", "reopened")
    heads = [word("run", name) for name in ("rule", "result", "standing", *counted[1:], "missing")]
    show(table(heads, [_cells(project, result, counted) for result in results]))
    for result in results:
        if result.error_code:
            facts = dict(result.error_facts or {})
            tell(explain(result.error_code, language=language_of_user(), facts=facts))
    if any(result.state in _LEFT_OUT for result in results):
        tell(
            say(
                "照合できなかった規則があります。０件という意味ではありません。",
                "Some rules were not compared. This does not mean that they found nothing.",
            )
        )


def _cells(project: "Project", result: "RuleResult", counted: Sequence[str]) -> list[object]:
    titles = {rule.id: say(rule.title, rule.title_en) for rule in project.rules}
    compared = result.state == "compared"
    numbers = [f"{getattr(result, name):,}" if compared else "–" for name in counted]
    comma = ", " if language_of_user() == "en" else "、"
    name = f"{result.rule_id} {titles.get(result.rule_id, '')}"
    said = word("run", result.state)
    if result.state == "not_compared":
        said += say(f"：{result.compared:,}人", f": {result.compared:,}")
    return [name, said, *numbers, comma.join(result.missing_feeds)]
