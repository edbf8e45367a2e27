"""The acceptance report: what was compared, by which declaration, what was found, and the verdict.

Three files: ``report.json`` for machines, ``report.html`` for people, ``declaration.toml`` as it was. Values
are masked unless the caller says which samples may be shown; counts, names of columns and digests are all
that else is in it.
"""

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Any

from renkei.acceptance.causes import CAUSES
from renkei.acceptance.check import Checked, Sample, State
from renkei.mapping.masking import masked
from renkei.records import Sensitivity
from renkei.report.html import Markup, table, tag
from renkei.report.labels import label

SCHEMA = "renkei.migration-report/1"
#: What a limit or a cause is called, in Japanese and English.
WORDS: Mapping[str, tuple[str, str]] = {
    **CAUSES,
    "missing_in_new": ("新システムにない", "not in the new system"),
    "missing_in_old": ("旧システムにない", "not in the old system"),
    "repeated": ("キーの重複", "keys that repeat"),
    "repeated_in_old": ("旧システムでキーが重複", "key repeats in the old system"),
    "repeated_in_new": ("新システムでキーが重複", "key repeats in the new system"),
    "keyless": ("キーが空", "no key"),
    "cells": ("値の不一致", "values that differ"),
    "days_apart": ("基準日のずれ（日）", "days between the two states"),
    "unspoken_old": ("宣言にない項目（旧）", "columns not declared (old)"),
    "unspoken_new": ("宣言にない項目（新）", "columns not declared (new)"),
    "accepted": ("合格", "accepted"),
    "refused": ("不合格", "refused"),
}


@dataclass(frozen=True, kw_only=True)
class Front:
    """What the report says of itself."""

    city: str
    actor: str
    made_at: datetime
    project_digest: str
    code_version: str
    purpose: str | None


def told(
    checked: Checked,
    front: Front,
    *,
    sensitivity: Mapping[str, Sensitivity],
    shown: frozenset[int],
) -> dict[str, Any]:
    """The whole report as JSON has it.

    ``sensitivity``: field → its class; ``shown``: places of the samples that are in clear.
    """
    declared = checked.migration
    return {
        "schema": SCHEMA,
        "name": declared.name,
        "title": declared.title,
        "title_en": declared.title_en,
        "owner": declared.owner,
        "verdict": checked.verdict,
        "made_at": front.made_at.isoformat(),
        "city": front.city,
        "actor": front.actor,
        "purpose": front.purpose,
        "project_digest": front.project_digest,
        "code_version": front.code_version,
        "declaration_digest": declared.digest,
        "old": _state(checked.old),
        "new": _state(checked.new),
        "counts": asdict(checked.counts),
        "fields": [asdict(each) for each in checked.fields],
        "unspoken": {side: list(names) for side, names in checked.unspoken.items()},
        "not_carried": [asdict(each) for each in declared.not_carried],
        "tolerances": [asdict(each) for each in declared.tolerances],
        "breaches": [asdict(each) for each in checked.breaches],
        "samples": [
            {"number": at + 1, **_sample(each, sensitivity, shown=at in shown)}
            for at, each in enumerate(checked.samples)
        ],
    }


def _state(state: State) -> dict[str, str]:
    return {"feed": state.feed, "as_of": state.as_of.isoformat(), "snapshot": state.sha256}


def _sample(each: Sample, sensitivity: Mapping[str, Sensitivity], *, shown: bool) -> dict[str, Any]:
    kind: Sensitivity = "plain" if shown else sensitivity.get(each.field or "", "personal")
    key_kind: Sensitivity = "plain" if shown else "personal"
    return {
        "field": each.field,
        "cause": each.cause,
        "key": [masked(part, key_kind) for part in each.key],
        "old": masked(each.old, kind),
        "new": masked(each.new, kind),
        "is_shown": shown,
    }


def write(stage: Path, report: Mapping[str, Any], declaration: str) -> None:
    """Put the three files into the stage."""
    body = json.dumps(report, ensure_ascii=False, indent=1, sort_keys=True)
    (stage / "report.json").write_text(f"{body}\n", "utf-8")
    (stage / "report.html").write_text(page(report), "utf-8")
    (stage / "declaration.toml").write_text(declaration, "utf-8")


def page(report: Mapping[str, Any]) -> str:
    """The report as one HTML page that needs nothing but itself, each heading in both languages."""
    style = resources.files("renkei.report").joinpath("style.css").read_text("utf-8")
    allowed = b64encode(sha256(style.encode()).digest()).decode("ascii")
    policy = f"default-src 'none'; style-src 'sha256-{allowed}'; base-uri 'none'; form-action 'none'"
    heading = f"移行検証 {report['title']}：{_word(report['verdict'])}"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", heading),
        Markup(f"<style>{style}</style>"),
    )
    english = tag("p", f"Migration check: {report['title_en']}", lang="en")
    body = tag("body", tag("main", tag("h1", heading), english, *_sections(report)))
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='ja')}\n"


def _sections(report: Mapping[str, Any]) -> Iterator[Markup]:
    yield _facts(report)
    for title, header, rows in (
        ("上限を超えたもの / beyond what is accepted", "what field found accepted", _breaches(report)),
        ("件数 / counts", "what found", [(_COUNTS[of], f"{n:,}") for of, n in report["counts"].items()]),
        ("項目ごとの不一致 / differences by field", "field found accepted", _fields(report)),
        ("原因と例 / causes and samples", "cause field found sample key old new", _caused(report)),
        ("許容したもの / tolerances", "what field accepted reason approved_by", _tolerances(report)),
        ("移行しない項目 / not carried over", "side columns reason", _not_carried(report)),
        ("宣言にない項目 / columns not declared", "side columns", _unspoken(report)),
    ):
        named = [_HEADS[name] for name in header.split()]
        shown = table(title, named, rows) if rows else tag("p", "なし / none")
        yield tag("section", tag("h2", title), *_notes(title, report), shown)
    yield _signed()


def _notes(title: str, report: Mapping[str, Any]) -> Iterator[Markup]:
    """How to read the samples."""
    if not title.startswith("原因") or not report["samples"]:
        return
    is_masked = report["purpose"] is None
    if is_masked or any(not each["is_shown"] for each in report["samples"]):
        ja, en = _SHAPES if is_masked else _WITHHELD
        yield tag("p", ja)
        yield tag("p", en, lang="en")


_SHAPES = (
    "例のキーと値は、文字の形だけを示します（漢・ア・9）。元の記録は --reveal で作る報告書の同じ番号です。",
    "Samples are shown as shapes. The same numbers in a report with --reveal --purpose name the records.",
)
_WITHHELD = (
    "閲覧制限のある人（そうでないと言えない人を含む）の例は、文字の形だけを示します。",
    "Samples of persons who are restricted, or of whom nobody can say not to be, are shown as shapes.",
)


def _signed() -> Markup:
    """Where people sign on paper: the verdict is the program's, the acceptance theirs."""
    named = ["役割 / role", "所属 / office", "氏名 / name", "日付 / date", "署名 / signature"]
    rows = [(role, "", "", "", "") for role in ("確認者 / checked by", "検収者 / accepted by")]
    title = "検収 / acceptance"
    return tag("section", tag("h2", title), table(title, named, rows))


_HEADS = {
    "what": "内容 / what",
    "field": "項目 / field",
    "found": "件数 / found",
    "accepted": "上限 / accepted",
    "cause": "原因 / cause",
    "sample": "例 / sample",
    "key": "キー / key",
    "old": "旧 / old",
    "new": "新 / new",
    "reason": "理由 / reason",
    "approved_by": "承認 / approved by",
    "side": "側 / side",
    "columns": "項目 / columns",
}
_Rows = Sequence[Sequence[str]]


def _breaches(report: Mapping[str, Any]) -> _Rows:
    return [
        (_word(each["of"]), _field(each["field"]), f"{each['found']:,}", f"{each['most']:,}")
        for each in report["breaches"]
    ]


def _fields(report: Mapping[str, Any]) -> _Rows:
    return [
        (_field(each["name"]), f"{each['differing']:,}", f"{each['most']:,}") for each in report["fields"]
    ]


def _caused(report: Mapping[str, Any]) -> _Rows:
    """Every cause with its count and its samples; a cause that can have none says so."""
    counts = report["counts"]
    found = [
        *((cause, each["name"], n) for each in report["fields"] for cause, n in each["causes"].items()),
        *((cause, None, counts[of]) for cause, of in _LONE.items()),
        ("keyless", None, counts["left_keyless"] + counts["right_keyless"]),
    ]
    return [row for cause, field, n in found if n for row in _of_cause(report["samples"], cause, field, n)]


def _of_cause(samples: Sequence[Mapping[str, Any]], cause: str, field: str | None, found: int) -> _Rows:
    head = (_word(cause), _field(field), f"{found:,}")
    rows = [
        (str(each["number"]), " ".join(part or "" for part in each["key"]), *_both(each))
        for each in samples
        if (each["cause"], each["field"]) == (cause, field)
    ]
    return [(*(head if at == 0 else ("〃",) * 3), *row) for at, row in enumerate(rows or [("–",) * 4])]


def _both(each: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple("–" if each[side] is None else each[side] for side in ("old", "new"))


def _field(name: str | None) -> str:
    """氏名 full_name: the word that staff know, and the column's own."""
    if name is None:
        return "–"
    known = label("field", name)
    return name if known == name else f"{known} {name}"


def _tolerances(report: Mapping[str, Any]) -> _Rows:
    return [
        (
            _word(each["of"] or "cells"),
            _field(each["field"]),
            _most(each),
            each["reason"],
            each["approved_by"],
        )
        for each in report["tolerances"]
    ]


def _not_carried(report: Mapping[str, Any]) -> _Rows:
    return [
        (_HEADS[each["side"]], ", ".join(each["columns"]), each["reason"]) for each in report["not_carried"]
    ]


def _unspoken(report: Mapping[str, Any]) -> _Rows:
    return [(_HEADS[side], ", ".join(names)) for side, names in report["unspoken"].items() if names]


def _facts(report: Mapping[str, Any]) -> Markup:
    facts = {
        "市 / city": report["city"],
        "判定 / verdict": _word(report["verdict"]),
        "担当 / owner": report["owner"],
        "旧 / old": "{feed} {as_of} {snapshot}".format(**report["old"]),
        "新 / new": "{feed} {as_of} {snapshot}".format(**report["new"]),
        "宣言の指紋 / declaration": report["declaration_digest"],
        "適用中の定義 / declarations in force": report["project_digest"],
        "作成 / made": f"{report['made_at']} {report['actor']}",
        "表示の目的 / purpose": report["purpose"] or "–",
        "版 / version": report["code_version"],
    }
    return tag("dl", *(part for term, text in facts.items() for part in (tag("dt", term), tag("dd", text))))


def _most(tolerance: Mapping[str, Any]) -> str:
    if tolerance["most"] is not None:
        return f"{tolerance['most']:,}"
    days = tolerance["within_days"]
    return f"± {tolerance['within']:g}" if days is None else f"± {days} 日 / days"


def _word(code: str) -> str:
    return " / ".join(WORDS.get(code, (code,)))


#: Cause of a record without a partner → its count.
_LONE = {
    "missing_in_new": "left_only",
    "missing_in_old": "right_only",
    "repeated_in_old": "left_repeated",
    "repeated_in_new": "right_repeated",
}
_COUNTS = {
    "left_rows": "旧の件数 / old records",
    "right_rows": "新の件数 / new records",
    "left_keyless": "旧・キーが空 / old without a key",
    "right_keyless": "新・キーが空 / new without a key",
    "left_only": "旧だけにある / only old",
    "right_only": "新だけにある / only new",
    "left_repeated": "旧・重複するキー / old keys that repeat",
    "right_repeated": "新・重複するキー / new keys that repeat",
    "left_unclear": "旧・キーの重複で対にならない / old without a partner",
    "right_unclear": "新・キーの重複で対にならない / new without a partner",
    "both": "両方にある / in both",
    "equal": "一致 / equal",
    "differing": "不一致のある記録 / records that differ",
    "cells": "不一致の値 / values that differ",
}
