"""``renkei verify``: is what a feed brought still there, to the byte (内容の検証)."""

import argparse
from typing import TYPE_CHECKING, Any

from renkei.cli import exits, place, reveal
from renkei.cli.how import said
from renkei.cli.output import answer, show, tell
from renkei.cli.parser import Parser, add_json, count
from renkei.cli.width import table, visible
from renkei.language import say

if TYPE_CHECKING:
    from renkei.verify import Finding, Verified
    from renkei.workflow.verify import Against

_KINDS = {
    "altered": ("値が違う", "altered"), "missing": ("相手にない", "missing there"),
    "surplus": ("相手にだけある", "only there"),
}  # fmt: skip
_AGAINST = ("registry", "source", "target")


def declare(parser: Parser) -> None:
    """The arguments of ``renkei verify``."""
    parser.option("feed", say("連携データ", "the feed"), metavar="FEED")
    text = say(
        "照らし合わせる相手：台帳（既定）、送り元、書き込み先",
        "what it is compared with: the registry (default), the source, a target",
    )
    parser.option("--against", text, choices=_AGAINST, default="registry")
    text = say("書き込み先の表を読む連携データ", "the feed that reads the target")
    parser.option("--target", text, metavar="FEED")
    text = say("示す相違の数（既定100）", "how many differences to name (100)")
    parser.option("--limit", text, type=count, default=100, metavar="N")
    reveal.add_reveal(parser)
    add_json(parser)
    parser.set_defaults(run=_run)


def _run(asked: argparse.Namespace) -> int:
    from renkei.workflow.verify import verify

    purpose, project = reveal.purpose_of(asked), place.project()
    against: Against = "target" if asked.target else asked.against
    found = verify(
        project, asked.feed, actor=place.actor(), against=against, target=asked.target, limit=asked.limit,
        values=purpose is not None,
    )  # fmt: skip
    if purpose is not None:
        told = {"against": against, "findings": len(found.findings)}
        with place.registry(project) as engine, engine.begin() as connection:
            reveal.record(connection, subject=f"feed:{asked.feed}", purpose=purpose, detail=told)
    if asked.json:
        answer("renkei.verify/1", _body(found, clear=purpose is not None))
    else:
        _show(found, clear=purpose is not None)
    return exits.OK if found.agrees else exits.FAILED


def _body(found: "Verified", *, clear: bool) -> dict[str, Any]:
    findings = [
        {"kind": each.kind, "key": each.key, "field": each.field}
        | ({"held": each.held, "found": each.found} if clear else {})
        for each in found.findings
    ]
    return {
        **found.summary(), "as_of": found.as_of, "buckets": found.buckets, "fields": found.fields,
        "findings": findings,
    }  # fmt: skip


def _show(found: "Verified", *, clear: bool) -> None:
    heads = [say("相違", "difference"), say("キー", "key"), say("項目", "field")]
    heads += [say("取り込んだ値", "brought"), say("相手の値", "found")] if clear else []
    if found.findings:
        show(table(tuple(heads), [_row(each, clear=clear) for each in found.findings]))
    if found.kept == "differs":
        tell(
            say(
                "取込時に残したハッシュが今の状態と合いません。ハッシュの表か、状態の指し先が書き換えられています。",
                "The digests that the last load left are not those of the state: one of the two was altered.",
            )
        )
    verdict = say("一致", "agrees") if found.agrees else say("相違あり", "differs")
    tell(
        say(
            f"{found.feed}（{found.as_of}）：{verdict}。{found.records:,} 件と {found.records_found:,} 件を"
            f"比べ、値が違う {found.altered:,} 件、相手にない {found.missing:,} 件、"
            f"相手にだけある {found.surplus:,} 件（うち示さない {found.hidden:,} 件、"
            f"判定しないキー {found.set_aside:,} 件、調べた区画 {found.apart:,}／{found.buckets:,}）。",
            f"{found.feed} ({found.as_of}): {verdict}. {found.records:,} records beside "
            f"{found.records_found:,}: {found.altered:,} altered, {found.missing:,} missing there, "
            f"{found.surplus:,} only there ({found.hidden:,} of them not named; {found.set_aside:,} keys not "
            f"judged; {found.apart:,} of {found.buckets:,} buckets looked into).",
        )
    )


def _row(each: "Finding", *, clear: bool) -> tuple[str, ...]:
    values = (said(each.held), said(each.found)) if clear else ()
    field = each.field or say("（全項目）", "(whole record)")
    return (say(*_KINDS[each.kind]), visible(each.key), field, *values)
