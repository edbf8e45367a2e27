"""Writes docs/rulebook.md from reconciliation/*.toml; ``--check`` only says whether it is up to date."""  # noqa: INP001 - a program, not part of a package

import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from renkei.reconcile import Rule, load_rules
from renkei.reconcile.calendar import DAYS_TO_DECIDE
from renkei.reconcile.example import rows_of
from renkei.reconcile.relation import DELIVERY, DELIVERY_SCHEMA, ENTRY, ENTRY_SCHEMA

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "rulebook.md"
HEAD = """\
# 突合規則集 / The rulebook

`docs/generate_rulebook.py` が `reconciliation/*.toml` から書いたものです。
直すときは規則のファイルを直してください。下の例はすべて試験として実行されています。
書き方は [突合規則の書き方](rules.md) にあります。

Written from the rule files; every example below is run as a test. How a rule is written: [rules](rules.md).
"""
#: Columns as staff call them; one without an entry shows its own name.
COLUMNS = {
    "resident_id": "住民", "source_key": "記録", "person_key": "対象者", "payee_key": "受給者",
    "resident_status": "住民状態", "resident_kind": "住民種別", "household_number": "世帯番号",
    "relationship": "続柄", "numbering": "付番体系", "party_number": "宛名番号", "full_name": "氏名",
    "name_key": "氏名の鍵", "kana_key": "読みの鍵", "common_name": "通称", "common_name_key": "通称の鍵",
    "former_surname": "旧氏", "sex": "性別", "date_of_birth": "生年月日",
    "date_of_birth_raw": "生年月日（原文）",
    "date_of_birth_lo": "生年月日（最も早い日）", "date_of_birth_hi": "生年月日（最も遅い日）",
    "date_of_death": "死亡日", "moved_out_on": "転出日", "moved_in_on": "住民となった日",
    "address": "住所", "address_key": "住所の鍵", "address_town": "町字", "address_building": "方書",
    "address_since": "住定日", "valid_from": "異動日", "change_kind": "異動事由", "changed_at": "入力日時",
    "operator_kind": "入力者", "protected": "支援措置", "protected_kind": "支援措置区分",
    "protected_from": "支援措置の開始", "protected_until": "支援措置の終了",
    "individual_number_token": "個人番号の符号", "levy": "徴収区分", "tax_year": "課税年度",
    "mailing_designated": "送付先指定", "mailing_address_key": "送付先の鍵", "annual_amount": "年税額",
    "benefit_kind": "給付の種別", "status": "給付の状態", "started_on": "開始日", "ended_on": "終了日",
    "end_reason": "終了事由", "facility_exception": "住所地特例", "facility_entered_on": "施設入所日",
    "residence_qualification": "在留資格", "residence_until": "在留期間の満了日",
    "moving_out_planned_on": "転出予定日", "arrival_notified_on": "転入通知の受理日",
    "exempt": "非課税", "disability_deduction": "障害者控除", "not_registered_levy": "294条3項の課税",
    "account_use": "口座の用途", "account_token": "口座の符号", "holder_kana_key": "名義カナの鍵",
    "account_changed_on": "口座の変更日", "scheduled_on": "予定日", "property_kind": "固定資産の種類",
    "representative_key": "代表者", "representative_since": "代表者の登録日", "dependant_key": "被扶養者",
    "dependant_income": "被扶養者の所得", "sent_on": "発送日", "returned_on": "返戻日",
    "return_reason": "返戻の理由", "published_on": "公示送達の日", "resolved_on": "解消日",
    "listed_on": "一覧の日", "entitled_from": "他の保険の取得日", "agent_key": "代理人",
    "agent_kind": "代理の種類", "class": "区分", "field": "項目", "cause": "原因", "left_feed": "左の連携",
    "left_key": "左の記録", "right_feed": "右の連携", "right_key": "右の記録", "since": "いつから",
    "minutes": "分", "delivery_id": "受信", "feed": "連携", "name": "名前", "as_of": "基準日",
    "verdict": "判定", "error_code": "誤りの符号", "stated_records": "申告件数", "records": "件数",
    "duplicate_of": "同じもの", "received_at": "受信日時", "system": "システム", "value": "値の鍵",
    "entered_at": "入力日時", "operator": "操作者", "terminal": "端末", "event_date": "異動日",
    "office": "課",
}  # fmt: skip
#: Fields whose steps also fill the columns named after them.
_SPREAD = ("date_of_birth", "address_key")
#: What no mapping fills: the hub adds it, or it only stands in a result.
_OF_HUB = frozenset(
    ["resident_id", "as_of", "class", "field", "cause", "left_feed", "left_key", "right_feed", "right_key"]
).union(["since", "minutes", *DELIVERY_SCHEMA.names])

Feeds = Mapping[str, tuple[str, frozenset[str]]]


def page(rules: Sequence[Rule], texts: Mapping[str, Mapping[str, Any]], feeds: Feeds) -> str:
    """The whole page: a list of the rules, then a chapter each. ``texts`` are the files by rule id."""
    lines = [HEAD, "| 規則 | | 担当 | 重要度 |", "|---|---|---|---|"]
    lines += [
        f"| [{rule.id}](#{rule.id.lower()}) | {rule.title} | {rule.owner} | {rule.severity} |"
        for rule in rules
    ]
    for rule in rules:
        lines += ["", *_chapter(rule, texts[rule.id], feeds)]
    return "\n".join(lines) + "\n"


def read() -> tuple[tuple[Rule, ...], dict[str, Any], Feeds]:
    """The rules, their files by id, and of each feed its title and the columns that its mapping fills."""
    rules = load_rules(ROOT / "reconciliation")
    texts = {rule.id: _toml(ROOT / "reconciliation" / rule.file) for rule in rules}
    declared = [_toml(place) for place in sorted((ROOT / "mappings").glob("*.toml"))]
    feeds = {
        f"{text['system']}.{feed['name']}": (
            f"{text['title']}・{feed['title']}",
            frozenset(field["to"] for field in feed["field"]),
        )
        for text in declared
        for feed in text["feed"]
    }
    return rules, texts, feeds


def unfilled(rule: Rule, feeds: Feeds) -> list[str]:
    """Columns that the rule reads and that no mapping of its feeds fills: there it can find nothing."""
    filled = frozenset[str]().union(*(feeds[feed][1] for feed in rule.compare if feed in feeds))
    filled |= frozenset(ENTRY_SCHEMA.names) if ENTRY in rule.compare else frozenset()
    read = frozenset[str]().union(*rule.reads.values())
    ours = {name for name in read if name in COLUMNS and name not in _OF_HUB}
    return sorted(
        name
        for name in ours - filled
        if not any(name.startswith(f"{base}_") for base in _SPREAD if base in filled)
    )


def main() -> int:
    """Write the page, or with ``--check`` compare it: 0 when nothing differs."""
    text = page(*read())
    if "--check" in sys.argv[1:]:
        return 0 if PAGE.exists() and PAGE.read_text("utf-8") == text else 1
    PAGE.write_text(text, "utf-8")
    return 0


def _toml(place: Path) -> dict[str, Any]:
    return tomllib.loads(place.read_text("utf-8"))


def _chapter(rule: Rule, text: Mapping[str, Any], feeds: Feeds) -> Iterator[str]:
    yield f"## {rule.id}"
    yield ""
    yield f"**{_plain(rule.title)}** / {_plain(rule.title_en)}"
    yield ""
    yield "| | |"
    yield "|---|---|"
    for name, told in _facts(rule, feeds):
        yield f"| {name} | {told} |"
    yield ""
    for heading, examples in (
        ("見つける / finds", text["must_find"]),
        ("見つけない / leaves alone", text["must_not_find"]),
    ):
        yield f"### {rule.id} {heading}"
        for example in examples:
            yield ""
            yield from _example(example, feeds)
        yield ""


def _facts(rule: Rule, feeds: Feeds) -> Iterator[tuple[str, str]]:
    yield "根拠", _plain(rule.legal_basis.replace(",", "、"))
    yield "担当", _plain(rule.owner)
    yield "重要度", f"{rule.severity}（開庁日{DAYS_TO_DECIDE[rule.severity]}日以内）"
    yield "施行", f"{rule.valid_from} から" + (f" {rule.valid_to} まで" if rule.valid_to else "")
    yield "比べるもの", "、".join(_feed(feed, feeds) for feed in rule.compare)
    yield "することは", f"{_plain(rule.action)} / {_plain(rule.action_en)}"
    if rule.lasting:
        yield "性質", "起きた事実。後で記録が変わっても残り、反映待ちにならない"
    if rule.parameters:
        told = (f"`{name}` = {_value(value)}" for name, value in rule.parameters.items())
        yield "値", "<br>".join(told)
    missing = "、".join(f"{COLUMNS[name]}（`{name}`）" for name in unfilled(rule, feeds))
    if missing:
        yield "この市で届かない列", f"{missing}：届くまで、これによる不一致は見つからない"


def _feed(feed: str, feeds: Feeds) -> str:
    hub = {DELIVERY: "受信の記録", ENTRY: "入力の記録"}
    title = hub.get(feed) or (feeds[feed][0] if feed in feeds else feed)
    return f"{title}（`{feed}`）"


def _example(example: Mapping[str, Any], feeds: Feeds) -> Iterator[str]:
    yield f"**{_plain(example['story'])}**（{example['as_of']}）"
    for feed, table in example["given"].items():
        yield ""
        yield f"{_feed(feed, feeds)}："
        yield ""
        yield from _table(table)
    if "finds" in example:
        yield ""
        yield "見つかるもの："
        yield ""
        yield from _table(example["finds"])


def _table(text: str) -> Iterator[str]:
    rows = rows_of(text)
    heads = list(rows[0]) if rows else []
    yield f"| {' | '.join(COLUMNS.get(name, name) for name in heads)} |"
    yield f"|{'---|' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(_plain(cell) for cell in row.values())} |"


def _value(value: object) -> str:
    if isinstance(value, list):
        return "、".join(_value(part) for part in value)
    return f"`{_seen(str(value))}`"


def _plain(text: str) -> str:
    """A text that no table or page swallows; a character that nobody can see is shown by its code point."""
    return _seen(text).replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def _seen(text: str) -> str:
    return "".join(each if each.isprintable() or each == "\u3000" else f"U+{ord(each):04X}" for each in text)


if __name__ == "__main__":
    sys.exit(main())
