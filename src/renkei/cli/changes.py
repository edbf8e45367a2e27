"""Shows planned changes of the declarations: what differs, what it would do, and how to go on."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from renkei.cli import exits, place
from renkei.cli.output import answer, show, tell
from renkei.cli.width import table
from renkei.errors import FixDeclaration
from renkei.language import language_of_user, say

if TYPE_CHECKING:
    from datetime import date

    from renkei.project import Project
    from renkei.registry.declarations import PlanRow

#: Plans in a list, and pairs of values shown of a field; ``--json`` has all that is kept.
_PLANS, _SAMPLES = 20, 5


def propose(project: "Project", *, reason: str, as_of: "date | None", as_json: bool) -> int:
    """Plan the edited folder, keep the plan and show it; exit 1 when more would change than the limit."""
    from renkei.workflow import propose as make

    made = make(project, author=place.actor(), reason=reason, as_of=as_of)
    if made is None:
        same = say("作業中の定義は適用中のものと同じです。", "The folder is the same as what is in force.")
        if as_json:
            answer("renkei.change/1", {"plan_id": None})
        tell(same)
        return exits.OK
    return show_again(project, made.plan_id, as_json=as_json)


def show_again(project: "Project", plan_id: int, *, as_json: bool) -> int:
    """One plan as it was worked out; exit 1 when more would change than the limit."""
    from renkei.registry import declarations

    with place.registry(project) as engine, engine.connect() as connection:
        plan = declarations.plan(connection, plan_id)
    if plan is None:
        kind = say("計画", "plan")
        raise FixDeclaration("E_NOT_FOUND", kind=kind, name=str(plan_id), nearest="renkei plan --list")
    if as_json:
        answer("renkei.change/1", _as_json(plan))
    else:
        _show(plan)
    return exits.ABOVE_LIMIT if plan.is_over else exits.OK


def show_list(project: "Project", *, as_json: bool) -> int:
    """The newest plans."""
    from renkei.registry import declarations

    with place.registry(project) as engine, engine.connect() as connection:
        found = declarations.plans(connection, limit=_PLANS)
    if as_json:
        answer("renkei.changes/1", {"plans": [_head(plan) for plan in found]})
        return exits.OK
    heads = (
        say("計画", "plan"), say("作成", "made"), say("作成者", "author"), say("状態", "state"),
        say("上限", "limit"), say("理由", "reason"),
    )  # fmt: skip
    rows = [
        [plan.plan_id, plan.made_at.strftime("%Y-%m-%d %H:%M"), plan.author, say(*plan.state_said),
         say("超過", "over") if plan.is_over else "", plan.reason]
        for plan in found
    ]  # fmt: skip
    show(table(heads, rows))
    return exits.OK


def _head(plan: "PlanRow") -> dict[str, Any]:
    names = (
        "plan_id", "author", "reason", "made_at", "as_of", "base_digest", "digest", "state", "is_over",
        "settled_at", "settled_by",
    )  # fmt: skip
    return {name: getattr(plan, name) for name in names}


def _as_json(plan: "PlanRow") -> dict[str, Any]:
    return {**_head(plan), **plan.result}


def _show(plan: "PlanRow") -> None:
    result, english = plan.result, language_of_user() == "en"
    show(
        say(
            f"計画 {plan.plan_id}（{say(*plan.state_said)}） 作成者 {plan.author}",
            f"plan {plan.plan_id} ({plan.state_said[1]}) by {plan.author}",
        )
    )
    show(f"{plan.base_digest[:12]} → {plan.digest[:12]}  {plan.reason}".rstrip())
    show("")
    for change in result["text"]:
        show(f"  {change['about']}: {change['en' if english else 'ja']}")
    for feed in result["feeds"]:
        _show_feed(feed)
    _show_cases(result)
    show("")
    _tell_next(plan)


def _show_feed(feed: Mapping[str, Any]) -> None:
    show("")
    name = feed["feed"]
    if feed["refused"]:
        show(
            say(
                f"{name}：この定義では最新の受信を読めません（{feed['refused']}）。",
                f"{name}: the newest delivery cannot be mapped so ({feed['refused']}).",
            )
        )
        return
    over = say("　上限を超えます", ", over the limit") if feed["is_over"] else ""
    show(
        say(
            f"{name}：{feed['known']:,} 件中 変更 {feed['changed']:,}、新規 {feed['new']:,}、"
            f"消除 {feed['ended']:,}、新たに取込エラー {feed['newly_rejected']:,}、"
            f"取込エラー解消 {feed['no_longer_rejected']:,}（上限 {feed['limit']:,}）{over}",
            f"{name}: of {feed['known']:,} records {feed['changed']:,} change, {feed['new']:,} are new, "
            f"{feed['ended']:,} end, {feed['newly_rejected']:,} are newly rejected, "
            f"{feed['no_longer_rejected']:,} no longer (limit {feed['limit']:,}){over}",
        )
    )
    for code, times in feed["rejects"].items():
        show(f"  {code} ×{times:,}")
    for finding in feed.get("findings", ()):
        show(say(f"  取込の約束と違うところ：{finding}", f"  breaks the feed's contract: {finding}"))
    for field in feed["fields"]:
        _show_field(field)
    if not feed["is_whole"]:
        show(
            say(
                f"  差分の連携です。適用後 renkei run {name} --resnapshot 理由 で読み直すと反映されます。",
                f"  Parts only: after applying, renkei run {name} --resnapshot REASON reads it anew.",
            )
        )


def _show_field(field: Mapping[str, Any]) -> None:
    show(
        say(
            f"  {field['field']}：{field['changed']:,} 件（空になる {field['emptied']:,}、"
            f"値が入る {field['filled']:,}）",
            f"  {field['field']}: {field['changed']:,} values ({field['emptied']:,} emptied, "
            f"{field['filled']:,} filled)",
        )
    )
    for sample in field["samples"][:_SAMPLES]:
        before, after = (say("（空）", "(none)") if sample[way] is None else sample[way]
                         for way in ("before", "after"))  # fmt: skip
        show(f"    {before} → {after}  ×{sample['records']:,}")


def _show_cases(result: Mapping[str, Any]) -> None:
    if result["cases"]:
        heads = (
            say("担当", "department"), say("規則", "rule"), say("新しい案件", "opens"),
            say("閉じる案件", "closes"),
        )  # fmt: skip
        rows = [
            [each["owner"], each["rule_id"], f"{each['opens']:,}", f"{each['closes']:,}"]
            for each in result["cases"]
        ]
        show("")
        show(table(heads, rows))
    if result["not_compared"]:
        names = ", ".join(result["not_compared"])
        show("")
        show(
            say(
                f"照合できない規則（０件という意味ではありません）：{names}",
                f"Rules that were not compared, which does not mean nothing: {names}",
            )
        )


def _tell_next(plan: "PlanRow") -> None:
    if plan.state != "open":
        return
    more = say(' --over-limit "理由"', ' --over-limit "REASON"') if plan.is_over else ""
    tell(
        say(
            f"何も変えていません。別の人が renkei apply {plan.plan_id}{more} で適用します。",
            f"Nothing was changed. Another person applies it: renkei apply {plan.plan_id}{more}",
        )
    )
