"""``renkei candidates``: pairs of residents that may be one person and wait for somebody to judge."""

import argparse
from typing import TYPE_CHECKING

from renkei.cli import exits, place
from renkei.cli.output import answer, show, tell
from renkei.cli.parser import Parser, add_json, count
from renkei.cli.width import table
from renkei.language import say

if TYPE_CHECKING:
    from renkei.likeness.worklist import Candidate


def declare(parser: Parser) -> None:
    """The arguments of ``renkei candidates``."""
    text = say(
        "この段階だけ（1 番号、2 四情報、3 似ている）", "only this level (1 numbers, 2 attributes, 3 alike)"
    )
    parser.option("--level", text, type=int, choices=(1, 2, 3))
    text = say("この確率以上だけ（段階3）", "only from this probability on (level 3)")
    parser.option("--min-probability", text, type=_probability, metavar="P")
    parser.option("--limit", say("件数（既定50）", "how many (50)"), type=count, default=50, metavar="N")
    parser.option(
        "--after", say("前回の続き（next の値）", "go on after this one (next)"), type=count, metavar="N"
    )
    add_json(parser)
    parser.set_defaults(run=_run)


def _probability(text: str) -> float:
    made = float(text)
    if not 0 <= made <= 1:
        raise ValueError(text)
    return made


def _run(asked: argparse.Namespace) -> int:
    from renkei.likeness import worklist

    with place.registry(place.project()) as engine, engine.connect() as connection:
        found = worklist.candidates(
            connection, level=asked.level, least=asked.min_probability, after=asked.after, limit=asked.limit
        )
    following = found[-1].link_candidate_id if found and len(found) == asked.limit else None
    if asked.json:
        answer("renkei.candidates/1", {"candidates": found, "next": following})
        return exits.OK
    heads = (
        say("候補", "candidate"), say("段階", "level"), say("住民", "resident"), say("相手の住民", "other"),
        say("連携データ", "feeds"), say("確率", "probability"), say("重み", "weight"), say("理由", "why"),
        say("承認待ちの判定", "waits for approval"),
    )  # fmt: skip
    if not found:
        tell(say("判定を待つ候補はありません。", "No candidate waits for a decision."))
        return exits.OK
    show(table(heads, [_line(each) for each in found]))
    tell(
        say(
            "根拠は renkei why 住民 相手の住民、"
            "判定は renkei decide same（同一人）・different（別人）・cannot-say（判定できない）。",
            "renkei why RESIDENT OTHER says why; renkei decide same, different or cannot-say decides.",
        )
    )
    if following:
        tell(say(f"続きは --after {following}", f"More with --after {following}"))
    return exits.OK


def _line(each: "Candidate") -> tuple[object, ...]:
    return (
        each.link_candidate_id, each.level, each.younger_id, each.resident_id,
        f"{each.feed} ⇔ {each.other_feed or '-'}",
        "" if each.probability is None else percent(each.probability),
        "" if each.weight is None else f"{each.weight:+.1f}",
        reason(each.reason), "" if each.waiting_decision is None else each.waiting_decision,
    )  # fmt: skip


def percent(probability: float) -> str:
    """A probability as people read it: nothing that a model says is certain."""
    if probability > _NEARLY:
        return f">{_NEARLY:.1%}"
    return f"{probability:.1%}" if probability >= 1 - _NEARLY else f"<{1 - _NEARLY:.1%}"


_NEARLY = 0.999
_REASONS = {
    "number_contradicted": ("番号は同じだが氏名も生年月日も違う", "equal numbers, but name and birth differ"),
    "ambiguous_number": ("同じ番号の別人のどちらにも当たる", "fits two people of one number"),
    "number_shared_by_many": ("多くの記載が同じ番号を持つ", "many records bear the number"),
    "key_reissued": ("番号が別人に付け替えられた可能性", "the key may have been given to somebody else"),
}
_ATTRIBUTES = {
    "name": ("氏名", "name"),
    "birth": ("生年月日", "birth"),
    "sex": ("性別", "sex"),
    "address": ("住所", "address"),
}
LEVELS = {
    "unknown": ("不明", "unknown"),
    "equal": ("一致", "equal"),
    "variant": ("異体字", "variant characters"),
    "other_name": ("通称・旧氏・ローマ字で一致", "equal by 通称, 旧氏 or Latin letters"),
    "kana": ("カナ一致", "equal reading"),
    "sounds_alike": ("似た読み", "sounds alike"),
    "one_character": ("一字違い", "one character differs"),
    "given_name": ("名のみ一致", "only the given name equal"),
    "overlaps": ("不詳を含む期間が重なる", "partly unknown, may be equal"),
    "era_slip": ("元号違いの可能性", "maybe another era"),
    "month_day_swapped": ("月日の入替", "month and day exchanged"),
    "one_figure": ("一数字違い", "one figure differs"),
    "number": ("住居番号まで一致", "equal to the number"),
    "block": ("番地まで一致", "equal to the block"),
    "town": ("町字まで一致", "equal to the town"),
    "municipality": ("市区町村のみ一致", "only the municipality equal"),
    "side_by_side": ("同じ世帯に並ぶ", "side by side"),
    "apart": ("別", "apart"),
    "differs": ("相違", "differs"),
}


def reason(codes: str) -> str:
    """The reason of a candidate in words: one code, or an attribute and its level each."""
    if ":" not in codes:
        return say(*_REASONS.get(codes, (codes, codes)))
    pairs = (each.partition(":") for each in codes.split())
    return say("、", ", ").join(
        say("{} {}", "{}: {}").format(
            say(*_ATTRIBUTES.get(name, (name, name))), say(*LEVELS.get(level, (level, level)))
        )
        for name, _, level in pairs
    )
