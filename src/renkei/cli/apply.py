"""``renkei apply PLAN``: approve a planned change of the declarations and put it in force, or refuse it."""

import argparse

from renkei.cli import exits, place
from renkei.cli.output import answer, tell
from renkei.cli.parser import Parser, add_json, count
from renkei.language import say


def declare(parser: Parser) -> None:
    """The arguments of ``renkei apply``."""
    text = say("計画の番号（renkei plan --list）", "the plan's number (renkei plan --list)")
    parser.option("plan", text, type=count, metavar="PLAN")
    why = say("理由", "REASON")
    parser.option(
        "--reason",
        say("承認の理由（監査証跡に残る）", "why it is approved; goes into the audit trail"),
        default="",
        metavar=why,
    )
    parser.option(
        "--over-limit",
        say("上限を超える変更を認める理由", "why more may change than the limit allows"),
        metavar=why,
    )
    parser.option("--refuse", say("適用せず却下する理由", "refuse the plan, for this reason"), metavar=why)
    add_json(parser)
    parser.set_defaults(run=_run)


def _run(asked: argparse.Namespace) -> int:
    if asked.refuse is not None:
        return _refuse(asked)
    from renkei.workflow import apply

    project = place.project()
    made = apply(project, asked.plan, actor=place.actor(), reason=asked.reason, over_limit=asked.over_limit)
    if asked.json:
        answer("renkei.declaration/1", vars(made))
    tell(
        say(
            f"計画 {asked.plan} を適用しました。次の取込・突合から使われます（版 {made.digest[:12]}）。",
            f"Plan {asked.plan} is in force from the next run on (version {made.digest[:12]}).",
        )
    )
    if not project.says(made.digest):
        tell(
            say(
                "作業中のフォルダは、適用した版とは別の内容です。",
                "The folder has been edited since: it is not what was applied.",
            )
        )
    return exits.OK


def _refuse(asked: argparse.Namespace) -> int:
    from renkei.workflow import refuse

    plan = refuse(place.project(), asked.plan, actor=place.actor(), reason=asked.refuse)
    if asked.json:
        answer("renkei.change/1", {"plan_id": plan.plan_id, "state": "refused"})
    tell(say(f"計画 {plan.plan_id} を却下しました。", f"Plan {plan.plan_id} was refused."))
    return exits.OK
