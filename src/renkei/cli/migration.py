"""``renkei migration``: check a migration against its declaration, and prove a report later (移行検証)."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from renkei.cli import exits, place, reveal
from renkei.cli.output import answer, show, tell
from renkei.cli.parser import Parser, add_as_of, add_json
from renkei.cli.width import table
from renkei.language import say

if TYPE_CHECKING:
    from renkei.workflow.migration import MigrationResult


def declare(parser: Parser) -> None:
    """``check`` and ``verify``."""
    text = say(
        "旧システムと新システムの記録を全件比べる", "compare the old system's records with the new one's"
    )
    checked = parser.verb("check", _check, text)
    text = say(
        "宣言の名前（reconciliation/migrations/名前.toml）",
        "the declaration (reconciliation/migrations/NAME.toml)",
    )
    checked.option("name", text, metavar="NAME")
    add_as_of(checked)
    text = say(
        "出力先のフォルダ（既定 var/reports/migration-名前-基準日）",
        "the folder (var/reports/migration-NAME-DAY unless given)",
    )
    checked.option("--out", text, type=Path, metavar="DIR")
    reveal.add_reveal(checked)
    add_json(checked)
    text = say(
        "報告が作成時のままであることを証跡で証明する",
        "prove by the trail that a report is as it was written",
    )
    verified = parser.verb("verify", _verify, text)
    verified.option("folder", say("報告のフォルダ", "the report's folder"), type=Path, metavar="DIR")
    add_json(verified)


def _check(asked: argparse.Namespace) -> int:
    purpose, project = reveal.purpose_of(asked), place.project()
    from renkei.workflow.migration import check_migration

    made = check_migration(
        project, asked.name, as_of=asked.as_of or place.today(project), actor=place.actor(),
        trigger=place.TRIGGER, out=asked.out, purpose=purpose,
    )  # fmt: skip
    code = exits.OK if made.checked.verdict == "accepted" else exits.ABOVE_LIMIT
    if asked.json:
        answer("renkei.migration/1", {**_body(made), "exit_code": code})
    else:
        _show(made)
    return code


def _body(made: "MigrationResult") -> dict[str, object]:
    checked = made.checked
    states = {
        side: {"feed": state.feed, "as_of": state.as_of, "snapshot": state.sha256}
        for side, state in (("old", checked.old), ("new", checked.new))
    }
    return {
        **made.summary(), **states, "counts": checked.counts, "fields": checked.fields,
        "unspoken": checked.unspoken, "breaches": checked.breaches, "folder": made.folder,
        "sha256": made.sha256s, "sealed": made.sealed.size,
    }  # fmt: skip


def _show(made: "MigrationResult") -> None:
    from renkei.acceptance.report import WORDS

    checked = made.checked
    heads = (say("超えたもの", "beyond"), say("項目", "field"), say("件数", "found"), say("上限", "accepted"))
    rows = [
        (say(*WORDS[each.of]), each.field or "–", f"{each.found:,}", f"{each.most:,}")
        for each in checked.breaches
    ]
    if rows:
        show(table(heads, rows))
    counts = checked.counts
    tell(
        say(
            f"旧 {counts.left_rows:,} 件・新 {counts.right_rows:,} 件、一致 {counts.equal:,} 件、"
            f"不一致 {counts.differing:,} 件。判定：{WORDS[checked.verdict][0]}。",
            f"{counts.left_rows:,} old, {counts.right_rows:,} new, {counts.equal:,} equal, "
            f"{counts.differing:,} differ. Verdict: {WORDS[checked.verdict][1]}.",
        )
    )
    for name in made.sha256s:
        show(str(made.folder / name))


def _verify(asked: argparse.Namespace) -> int:
    from renkei.cli.audit import verifier

    return verifier(place.project(), "--report", str(asked.folder.resolve()), as_json=asked.json)
