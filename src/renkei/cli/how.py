"""``renkei how RESIDENT``: where each value of a golden record comes from, proved by the landed bytes."""

import argparse
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from renkei.cli import exits, place, reveal
from renkei.cli.output import answer, show, tell
from renkei.cli.parser import Parser, add_json, day
from renkei.cli.width import table, visible
from renkei.errors import FixDeclaration
from renkei.language import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from renkei.likeness.links import Link
    from renkei.mapping.explain import FieldTold
    from renkei.workflow.lineage import How, HowField

_STATES = {
    "proved": ("証明済み", "proved"),
    "differs": ("不一致", "differs"),
    "unproved": ("証明不可", "unproved"),
    "silent": ("値なし", "silent"),
}
_REASONS = {
    "": ("", ""),
    "bytes": ("受信データが壊れているか、その記載がない", "the landed bytes are damaged or lack the record"),
    "record": ("受信データから作り直した値と違う", "the landed bytes now give another value"),
    "golden": ("統合レコードと記載の値が違う", "golden record and record hold different values"),
    "mapping": ("取込時の対応表が残っていない", "the mapping of the time is not kept"),
    "gone": ("元の記載がない", "the winning record is not there"),
}


def declare(parser: Parser) -> None:
    """The arguments of ``renkei how``."""
    text = say("住民の番号か記載（FEED:KEY）", "the resident's number, or a record of theirs (FEED:KEY)")
    parser.option("resident", text, metavar="RESIDENT")
    parser.option("--field", say("この項目だけを詳しく", "only this field, in full"), metavar="FIELD")
    text = say("この異動日までの姿", "as of events up to this day")
    parser.option("--as-of", text, type=day, metavar="YYYY-MM-DD")
    text = say(
        "この時点で知られていた姿（ISO 8601、時差付き）", "as known at this instant (ISO 8601 with zone)"
    )
    parser.option("--known-at", text, type=_instant, metavar="TIME")
    reveal.add_reveal(parser)
    add_json(parser)
    parser.set_defaults(run=_run)


def _instant(text: str) -> datetime:
    made = datetime.fromisoformat(text)
    if made.tzinfo is None:
        raise ValueError(text)
    return made


def _run(asked: argparse.Namespace) -> int:
    from renkei.likeness.links import links_of
    from renkei.workflow import lineage

    purpose, project = reveal.purpose_of(asked), place.project()
    with place.registry(project) as engine:
        resident = lineage.resident_of(engine, asked.resident)
        found = None if resident is None else lineage.how(
            project, engine, resident, field=asked.field, as_of=asked.as_of, known_at=asked.known_at,
            clear=purpose is not None,
        )  # fmt: skip
        if resident is None or found is None:
            name = visible(asked.resident)
            kind = {"ja": "住民", "en": "resident"}
            raise FixDeclaration("E_NOT_FOUND", kind=kind, name=name, nearest="-")
        with engine.connect() as connection:
            links = links_of(connection, resident)
        if purpose is not None:
            fields = [each.traced.field for each in found.fields]
            detail = {"golden_id": found.golden.golden_id, "fields": fields}
            with engine.begin() as connection:
                reveal.record(connection, subject=f"resident:{resident}", purpose=purpose, detail=detail)
    if asked.json:
        answer("renkei.how/1", body(found) | {"links": [_link(each, clear=found.clear) for each in links]})
    elif asked.field is None:
        _show_all(found)
        _show_links(links, clear=found.clear)
    else:
        _show_one(found.fields[0])
    return exits.FAILED if any(each.traced.state == "differs" for each in found.fields) else exits.OK


# for machines ------------------------------------------------------------------------------------


def body(found: "How") -> dict[str, Any]:
    """The answer of ``renkei.how/1``."""
    golden = found.golden
    return {
        "resident_id": golden.resident_id,
        "golden": {
            "golden_id": golden.golden_id,
            "valid_from": golden.valid_from,
            "known_from": golden.known_from,
            "known_to": golden.known_to,
        },
        "revealed": found.clear,
        "fields": [_field(each, clear=found.clear) for each in found.fields],
    }


def _link(each: "Link", *, clear: bool) -> dict[str, Any]:
    from renkei.mapping.masking import shape_of

    return {
        "feed": each.feed,
        "source_key": each.source_key if clear else shape_of(each.source_key),
        "rule": each.rule,
        "known_from": each.known_from,
        "decision_id": each.decision_id,
    }


def _field(each: "HowField", *, clear: bool) -> dict[str, Any]:
    traced, told = each.traced, each.told
    return {
        "field": traced.field,
        "value": traced.value,
        "state": traced.state,
        "reason": traced.reason,
        "recomputed": traced.recomputed,
        "rule": traced.rule,
        "origin": _origin(each, clear=clear),
        "raw": [] if told is None else [{"column": name, "text": text} for name, text in told.raw],
        "text": None if told is None else told.text,
        "steps": [] if told is None else [{"step": step.step, "value": step.value} for step in told.steps],
    }


def _origin(each: "HowField", *, clear: bool) -> dict[str, Any] | None:
    from renkei.mapping.masking import shape_of

    origin, spot = each.traced.origin, each.spot
    if origin is None:
        return None
    return {
        "record": {
            "record_id": origin.record_id,
            "feed": origin.feed,
            "source_key": origin.source_key if clear else shape_of(origin.source_key),
            "source_version": origin.source_version,
            "known_from": origin.known_from,
            "known_to": origin.known_to,
        },
        "unit": {
            "unit_id": origin.unit_id,
            "part": origin.part,
            "as_of": origin.as_of,
            "done_at": origin.done_at,
        },
        "delivery": {
            "delivery_id": origin.delivery_id,
            "name": origin.delivery,
            "sha256": origin.sha256,
            "received_at": origin.received_at,
            "rec_no": origin.rec_no,
            "line": None if spot is None else spot.line,
            "byte_offset": None if spot is None else spot.byte_offset,
            "byte_length": None if spot is None else spot.byte_length,
        },
        "mapping": {
            "digest": origin.mapping_digest,
            "file": each.file,
            "version_from": each.version,
            "author": origin.author,
            "approved_by": origin.approved_by,
        },
        "run": {
            "run_id": origin.run_id,
            "kind": origin.kind,
            "actor": origin.actor,
            "trigger": origin.trigger,
            "project_digest": origin.project_digest,
            "code_version": origin.code_version,
        },
    }


# for people --------------------------------------------------------------------------------------


def _show_all(found: "How") -> None:
    heads = (
        say("項目", "field"), say("値", "value"), say("証明", "proof"), say("連携データ", "feed"),
        say("受信", "delivery"), say("件目", "record"),
    )  # fmt: skip
    show(table(heads, [_line(each) for each in found.fields]))
    wrong = sum(each.traced.state == "differs" for each in found.fields)
    proved = sum(each.traced.state == "proved" for each in found.fields)
    tell(
        say(
            f"証明済み {proved} 項目、不一致 {wrong} 項目。--field で一項目の経路を示します。",
            f"{proved} fields proved, {wrong} differ. --field shows the whole way of one.",
        )
    )


def _show_links(links: "Sequence[Link]", *, clear: bool) -> None:
    from renkei.cli.why import RULES

    heads = (say("記載", "record"), say("この住民とする根拠", "belongs here by"), say("いつから", "since"))
    rows = []
    for each in links:
        told = _link(each, clear=clear)
        by = say(*RULES.get(each.rule, (each.rule, each.rule)))
        number = "" if each.decision_id is None else f" {each.decision_id}"
        rows.append((f"{each.feed}:{told['source_key']}", by + number, f"{each.known_from:%Y-%m-%d}"))
    show("")
    show(table(heads, rows))


def _line(each: "HowField") -> tuple[object, ...]:
    traced, origin = each.traced, each.traced.origin
    where = ("", "", "") if origin is None else (origin.feed, origin.delivery, origin.rec_no)
    return (traced.field, said(traced.value), say(*_STATES[traced.state]), *where)


def _show_one(each: "HowField") -> None:
    traced, origin = each.traced, each.traced.origin
    rows: list[tuple[str, object]] = [
        (say("項目", "field"), traced.field),
        (say("値", "value"), said(traced.value)),
        (say("証明", "proof"), f"{say(*_STATES[traced.state])} {say(*_REASONS[traced.reason])}".strip()),
        (say("選んだ規則", "trust rule"), traced.rule),
    ]
    if traced.state == "differs":
        rows.append((say("作り直した値", "recomputed"), said(traced.recomputed)))
    if origin is not None:
        rows += _way(each)
    show(table((say("事項", "item"), say("内容", "what")), rows))
    if each.told is not None:
        show("")
        show_steps([each.told])


def _way(each: "HowField") -> list[tuple[str, object]]:
    origin, spot = each.traced.origin, each.spot
    assert origin is not None  # the caller has looked
    places = "" if spot is None else ", ".join(_places(spot.line, spot.byte_offset, spot.byte_length))
    version = say("初めから", "from the beginning") if each.version is None else each.version.isoformat()
    approver = origin.approved_by or say(
        "承認なし（適用時のまま）", "none (as founded, or the folder itself)"
    )
    return [
        (say("記載", "record"), f"{origin.feed} #{origin.record_id}, {origin.source_version}"),
        (say("受信", "delivery"), f"{origin.delivery} (delivery:{origin.delivery_id}#{origin.rec_no})"),
        (say("場所", "place"), places or "-"),
        ("sha256", origin.sha256),
        (
            say("取込", "unit"),
            f"{origin.unit_id} ({origin.part}, {origin.as_of}, {origin.done_at:%Y-%m-%d %H:%M})",
        ),
        (say("対応表", "mapping"), f"{each.file or '-'} {origin.mapping_digest[:12]}, {version}"),
        (say("承認者", "approved by"), approver),
        (say("実行", "run"), f"{origin.run_id} ({origin.kind}, {origin.actor}, {origin.trigger})"),
    ]


def _places(line: int | None, offset: int | None, length: int | None) -> list[str]:
    made = [] if line is None else [say(f"{line}行目", f"line {line}")]
    if offset is not None:
        made.append(say(f"{offset}バイト目から{length}バイト", f"{length} bytes from byte {offset}"))
    return made


def show_steps(fields: "list[FieldTold]") -> None:
    """The steps of fields, a line each: what was read, what each step made of it, what became of it."""
    rows: list[tuple[object, ...]] = []
    for told in fields:
        columns = ", ".join(name for name, _ in told.raw) or say("（固定値）", "(constant)")
        rows.append((told.to, columns, said(told.text)))
        rows += [("", f"→ {step.step}", said(step.value)) for step in told.steps]
        if told.refused:
            rows.append(("", f"✗ {told.refused}", ""))
    show(table((say("項目", "target"), say("元の列・処理", "raw column, steps"), say("値", "value")), rows))


def said(value: object) -> str:
    """A value as a terminal shows it."""
    if value is None:
        return "∅"
    if isinstance(value, dict):
        return visible(", ".join(f"{name}={said(part)}" for name, part in value.items() if part is not None))
    return visible(value.isoformat() if isinstance(value, date) else str(value))
