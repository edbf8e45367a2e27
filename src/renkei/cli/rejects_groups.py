"""``renkei rejects groups``: one line a cause, how old it is, what its field holds, what mends it."""

import argparse
from typing import TYPE_CHECKING, Any

from renkei.cli import exits, place
from renkei.cli.output import answer, show, tell
from renkei.cli.parser import Parser, add_json
from renkei.cli.width import table, visible
from renkei.cli.wording import word
from renkei.language import say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from renkei.project import Project
    from renkei.quarantine.causes import Cause, Standing
    from renkei.quarantine.values import Seen

    Values = Mapping[str, Sequence[Seen]]


def declare(parser: Parser) -> None:
    """The arguments of ``renkei rejects groups``."""
    grouped = parser.verb("groups", _groups, say("原因ごとの件数と直し方", "by cause, and what mends each"))
    grouped.option("--feed", say("この連携データだけ", "only this feed"), metavar="FEED")
    grouped.option(
        "--no-values",
        say("受信を読み直さず、コードの例を示さない", "do not read the deliveries for examples of codes"),
        action="store_true",
    )
    add_json(grouped)


def _groups(asked: argparse.Namespace) -> int:
    from renkei.quarantine.causes import causes, standing
    from renkei.quarantine.values import values
    from renkei.workflow.in_force import in_force

    project = place.project()
    if asked.feed is not None:
        project.mapping(asked.feed)
    with place.registry(project) as engine:
        found = causes(engine, today=place.today(project), feed=asked.feed)
        # what came was laid out as the text in force says; what is to be mended is this folder's text
        ruling = in_force(project, engine=engine, founds=False)
        seen = {} if asked.no_values else values(ruling, engine, found)
        stands = standing(engine, feed=asked.feed)
    if asked.json:
        groups = [_as_json(project, cause, seen) for cause in found]
        answer("renkei.rejects-groups/1", {"groups": groups, "standing": stands})
    else:
        _tell(project, found, seen, stands)
    return exits.OK


def _as_json(project: "Project", cause: "Cause", seen: "Values") -> dict[str, Any]:
    from renkei.quarantine.remedy import reason, remedy

    mend = remedy(project, cause)
    return {
        "group": cause.name,
        **vars(cause),
        "department": _department(project, cause),
        "reason": dict(zip(("ja", "en"), reason(cause.code), strict=True)),
        "values": seen.get(cause.name, ()),
        "remedy": mend,
        "suggested": _suggested(project, cause, seen),
    }


def _department(project: "Project", cause: "Cause") -> str:
    return project.mappings[cause.feed].feed.owner if cause.feed in project.mappings else ""


def _suggested(project: "Project", cause: "Cause", seen: "Values") -> str | None:
    """Rows for the code table, where the codes may be told."""
    from renkei.quarantine.remedy import rows_for, table_of

    unknown = (
        table_of(project.mappings[cause.feed].at(cause.last_as_of), cause) if _known(project, cause) else None
    )
    codes = [each.text for each in seen.get(cause.name, ()) if not each.is_shape]
    return rows_for(unknown, codes) if unknown is not None and codes else None


def _known(project: "Project", cause: "Cause") -> bool:
    return cause.feed in project.mappings


def _tell(project: "Project", found: "Sequence[Cause]", seen: "Values", stands: "Standing") -> None:
    from renkei.quarantine.remedy import reason, remedy

    heads = (
        word("run", "feed"), word("run", "field"), say("コード", "code"), word("run", "reason"),
        say("件数", "open"), say("最初の日", "first day"), say("最後の日", "last day"),
        say("経過（開庁日）", "office days"), say("所管課", "department"),
    )  # fmt: skip
    rows = [
        (
            cause.feed, cause.field, cause.code, say(*reason(cause.code)), f"{cause.records:,}",
            cause.first_as_of, cause.last_as_of, cause.age, _department(project, cause),
        )
        for cause in found
    ]  # fmt: skip
    if rows:
        show(table(heads, rows))
    for cause in found:
        show(f"\n{cause.name}")
        if told := seen.get(cause.name):
            show(f"  {say('値', 'holds')}: {_values(told)}")
        show(f"  {say('次に', 'next')}: {say(*remedy(project, cause).says)}")
        if rows_text := _suggested(project, cause, seen):
            show("".join(f"    {visible(line)}\n" for line in rows_text.splitlines()).rstrip("\n"))
    tell(
        say(
            f"これまでの取込エラー {stands.ever:,} ＝ 未対応 {stands.open:,} ＋ 再取込済み {stands.refed:,}"
            f" ＋ 後続で解消 {stands.overtaken:,}",
            f"set aside so far {stands.ever:,} = open {stands.open:,} + taken in again {stands.refed:,}"
            f" + answered by a later delivery {stands.overtaken:,}",
        )
    )


def _values(told: "Sequence[Seen]") -> str:
    shapes = say("（形）", " (shape)")
    return "  ".join(
        f"{visible(each.text)}{shapes if each.is_shape else ''}×{each.records:,}" for each in told
    )
