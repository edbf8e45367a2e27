"""``renkei keys``: which keys two feeds do not share (キーの過不足)."""

import argparse
from typing import TYPE_CHECKING, Any

from renkei.cli import exits, place, reveal
from renkei.cli.output import answer, show, tell
from renkei.cli.parser import Parser, add_json, count
from renkei.cli.width import table, visible
from renkei.language import say

if TYPE_CHECKING:
    from renkei.verify.key_sets import Set
    from renkei.workflow.key_sets import KeyCheck

_SETS: "dict[Set, tuple[str, str]]" = {
    "missing_here": ("こちらにない", "missing here"), "missing_there": ("相手にない", "missing there"),
    "duplicate_here": ("こちらで重複", "twice here"), "duplicate_there": ("相手で重複", "twice there"),
}  # fmt: skip


def declare(parser: Parser) -> None:
    """The arguments of ``renkei keys``."""
    parser.option("feed", say("こちらの連携データ", "the feed here"), metavar="FEED")
    parser.option("other", say("相手の連携データ", "the feed there"), metavar="OTHER")
    text = say(
        "比べる列（既定 source_key）。名前が違うときは 左=右", "columns to compare (source_key); HERE=THERE"
    )
    parser.option("--on", text, nargs="+", default=[], metavar="COLUMN")
    text = say("一つの集合で示すキーの数（既定20）", "how many keys of each set to name (20)")
    parser.option("--limit", text, type=count, default=20, metavar="N")
    reveal.add_reveal(parser)
    add_json(parser)
    parser.set_defaults(run=_run)


def _run(asked: argparse.Namespace) -> int:
    from renkei.workflow.key_sets import check_keys

    purpose, project = reveal.purpose_of(asked), place.project()
    found = check_keys(
        project, asked.feed, asked.other, on=asked.on, limit=asked.limit, values=purpose is not None
    )
    if purpose is not None:
        told = {"there": asked.other, "on": asked.on, "keys": len(found.sets.named)}
        with place.registry(project) as engine, engine.begin() as connection:
            reveal.record(connection, subject=f"feed:{asked.feed}", purpose=purpose, detail=told)
    if asked.json:
        answer("renkei.keys/1", _body(found, clear=purpose is not None))
    else:
        _show(found, clear=purpose is not None)
    return exits.OK if found.sets.agree else exits.ABOVE_LIMIT


def _body(found: "KeyCheck", *, clear: bool) -> dict[str, Any]:
    sets = found.sets
    named = [
        {"set": name, "records": records} | ({"values": values} if clear else {})
        for name, records, values in _named(found, clear=clear)
    ]
    return {
        "here": found.here, "there": found.there, "on": [vars(each) for each in found.on],
        "as_of": found.as_of, "rows": sets.rows, "keyless": sets.keyless, "both": sets.both,
        **{str(name): number for name, number in sets.counts.items()},
        "hidden": sets.hidden, "keys": named,
    }  # fmt: skip


def _named(found: "KeyCheck", *, clear: bool) -> "list[tuple[Set, list[str], list[str | None]]]":
    """Of each named key its set, records as ``FEED:KEY``, and the compared values but for tokens."""
    from renkei.records import TOKENS

    feeds = {"here": found.here, "there": found.there}
    rows = []
    for each in found.sets.named:
        records = [f"{feeds[side]}:{key}" for side, key in each.records]
        pairs = zip(found.on, each.values, strict=False) if clear else ()
        rows.append((each.set, records, [None if on.here in TOKENS else value for on, value in pairs]))
    return rows


def _show(found: "KeyCheck", *, clear: bool) -> None:
    sets = found.sets
    rows = [
        [say(*_SETS[name]), " ".join(map(visible, records)), *([_values(values)] if clear else [])]
        for name, records, values in _named(found, clear=clear)
    ]
    heads = [say("集合", "set"), say("記録", "records"), *([say("値", "values")] if clear else [])]
    if rows:
        show(table(tuple(heads), rows))
    counted = [
        say(f"{ja} {sets.counts[name]:,}", f"{sets.counts[name]:,} {en}") + _hidden(sets.hidden[name])
        for name, (ja, en) in _SETS.items()
    ]
    tell(
        say(
            f"{found.here}（{found.as_of[0]}、{sets.rows[0]:,} 件）と {found.there}（{found.as_of[1]}、"
            f"{sets.rows[1]:,} 件）：両方にあるキー {sets.both:,}、{'、'.join(counted)}、"
            f"キーなし {sets.keyless[0]:,} と {sets.keyless[1]:,}。",
            f"{found.here} ({found.as_of[0]}, {sets.rows[0]:,} records) and {found.there} ({found.as_of[1]}, "
            f"{sets.rows[1]:,}): {sets.both:,} keys in both, {', '.join(counted)}; without a key "
            f"{sets.keyless[0]:,} and {sets.keyless[1]:,}.",
        )
    )


def _hidden(count: int) -> str:
    return say(f"（うち示さない {count:,}）", f" ({count:,} not named)") if count else ""


def _values(values: "list[str | None]") -> str:
    return " / ".join("…" if value is None else visible(value) for value in values)
