"""``renkei vault``: open a resident's individual number for a task, see how the vault stands, its keys."""

import argparse
from typing import TYPE_CHECKING, Any

from renkei.cli import exits, place
from renkei.cli.output import answer, show, tell
from renkei.cli.parser import Parser, add_json, count
from renkei.cli.width import table, visible
from renkei.errors import FixDeclaration
from renkei.language import say

if TYPE_CHECKING:
    from renkei.workflow.vault import Shown, Status

_KINDS = {
    "resident_code": ("住民票コード", "resident code"),
    "individual_number": ("個人番号", "individual number"),
    "residence_card_number": ("在留カード番号", "residence card number"),
}


def declare(parser: Parser) -> None:
    """``show``, ``status``, ``rotate`` and ``forget``."""
    text = say(
        "住民一人の個人番号を開く（事務と理由が要り、証跡に残る）", "open one resident's number, on record"
    )
    shown = parser.verb("show", _show, text)
    shown.option("resident", say("住民の番号", "the resident's id"), type=count, metavar="RESIDENT")
    text = say("事務のコード（renkei.toml の [[vault.purpose]]）", "code of the task in renkei.toml")
    shown.option("--purpose", text, metavar="CODE")
    shown.option(
        "--reason", say("この住民について開く理由", "why this one is opened"), metavar=say("理由", "REASON")
    )
    add_json(shown)
    text = say("保管庫の件数・鍵・経過（番号は出ない）", "counts, keys and ages; no number")
    add_json(parser.verb("status", _status, text))
    text = say("鍵を新しくし、データ鍵を包み直す", "a new key; data keys are wrapped anew")
    add_json(parser.verb("rotate", _rotate, text))
    text = say("保存期間を過ぎた番号を消す", "throw away numbers past their retention")
    forgotten = parser.verb("forget", _forget, text)
    forgotten.option(
        "--reason", say("消す理由（起案番号など）", "why (a file number)"), metavar=say("理由", "REASON")
    )
    add_json(forgotten)


def _show(asked: argparse.Namespace) -> int:
    from renkei.workflow import vault

    found = vault.show(
        place.project(), asked.resident, purpose=asked.purpose, reason=asked.reason, actor=place.actor()
    )
    if found is None:
        kind = {"ja": "住民", "en": "resident"}
        raise FixDeclaration("E_NOT_FOUND", kind=kind, name=str(asked.resident), nearest="-")
    if asked.json:
        answer("renkei.vault-show/1", _shown(found))
        return exits.OK
    heads = (
        say("個人番号", "individual number"),
        say("初めに届けた連携データ", "first brought by"),
        say("日", "on"),
    )
    show(table(heads, [(each.number, each.feed, f"{each.known_from:%Y-%m-%d}") for each in found.numbers]))
    tell(_told(found))
    return exits.OK


def _shown(found: "Shown") -> dict[str, Any]:
    numbers = [
        {"number": each.number, "feed": each.feed, "known_from": each.known_from} for each in found.numbers
    ]
    return {"resident_id": found.resident_id, "purpose": found.purpose, "numbers": numbers}


def _told(found: "Shown") -> str:
    if not found.numbers:
        return say("この住民の個人番号は保管されていません。", "No number of this resident is kept.")
    purpose = visible(f"{found.purpose.task}（{found.purpose.article}）")
    ja, en = f"{purpose}のために開いたことを記録しました。", f"Opened for {purpose}; it is on record."
    if len(found.numbers) > 1:
        ja += "記載により番号が違います。使う前に本人に確かめてください。"
        en += " Records say different numbers: ask the person before one is used."
    return say(ja, en)


def _status(asked: argparse.Namespace) -> int:
    from renkei.workflow import vault

    found = vault.status(place.project())
    if asked.json:
        answer("renkei.vault-status/1", _body(found))
    else:
        _show_status(found)
    return exits.OK if found.is_well else exits.FAILED


def _body(found: "Status") -> dict[str, Any]:
    names = (
        "is_on", "is_there", "legal_basis", "retention_years", "purposes", "token_key", "token_file",
        "spare_keks", "held", "forgotten", "overdue", "equality",
    )  # fmt: skip
    keys = [
        {
            "key_id": each.key.key_id, "year": each.key.year, "kek_id": each.key.kek_id,
            "made_at": each.key.made_at, "wrapped_at": each.key.wrapped_at, "numbers": each.numbers,
            "is_openable": each.is_openable,
        }
        for each in found.keys
    ]  # fmt: skip
    return {**{name: getattr(found, name) for name in names}, "keys": keys, "is_well": found.is_well}


def _show_status(found: "Status") -> None:
    missing, spare = say("なし", "none"), ", ".join(found.spare_keks)
    rows: list[tuple[object, object]] = [
        (say("保管庫", "vault"), say("入", "on") if found.is_on else say("切", "off")),
        (say("根拠", "legal basis"), visible(found.legal_basis) or "-"),
        (say("事務", "tasks"), visible(", ".join(each.code for each in found.purposes)) or "-"),
        (say("スキーマとロール", "schema and roles"), say("あり", "there") if found.is_there else missing),
        (say("保管している番号", "numbers held"), f"{found.held:,}"),
        (say("消した番号", "numbers forgotten"), f"{found.forgotten:,}"),
        (say("保存期間を過ぎた番号", "past their retention"), f"{found.overdue:,}"),
        (say("トークンの鍵（登録簿）", "token key (registry)"), found.token_key or missing),
        (say("トークンの鍵（ファイル）", "token key (file)"), found.token_file or missing),
        (say("使われていない鍵ファイル", "key files not in use"), spare or missing),
    ]
    show(table((say("事項", "item"), say("内容", "what")), rows))
    if found.keys:
        show("")
        _show_keys(found)
    show("")
    heads = (
        say("番号の種類", "kind of number"), say("番号の数", "numbers"),
        say("複数の住民にある", "of several residents"), say("複数持つ住民", "residents with several"),
    )  # fmt: skip
    show(table(heads, [(say(*_KINDS[e.kind]), e.numbers, e.shared, e.several) for e in found.equality]))


def _show_keys(found: "Status") -> None:
    heads = (
        say("データ鍵", "data key"), say("件数", "numbers"), say("鍵", "key"), say("包んだ日", "wrapped on"),
        say("開けるか", "opens"),
    )  # fmt: skip
    rows = [
        (each.key.key_id, each.numbers, each.key.kek_id, f"{each.key.wrapped_at:%Y-%m-%d}",
         say("はい", "yes") if each.is_openable else say("いいえ", "no"))
        for each in found.keys
    ]  # fmt: skip
    show(table(heads, rows))


def _rotate(asked: argparse.Namespace) -> int:
    from renkei.workflow import vault

    made = vault.rotate(place.project(), actor=place.actor())
    if asked.json:
        answer("renkei.vault-rotate/1", vars(made))
        return exits.OK
    spare = ", ".join(f"vault-{each}.key" for each in made.spare_keks) or "-"
    tell(
        say(
            f"鍵 {made.kek_id} でデータ鍵 {made.data_keys} 個を包み直しました。控えを取ってください。"
            f"もう使わない鍵：{spare}（古いバックアップを残す間は捨てないでください）",
            f"{made.data_keys} data keys are wrapped by key {made.kek_id}; make its safe copy. "
            f"No longer used: {spare} (keep them as long as older backups are kept)",
        )
    )
    return exits.OK


def _forget(asked: argparse.Namespace) -> int:
    from renkei.workflow import vault

    done = vault.forget(place.project(), reason=asked.reason, actor=place.actor())
    if asked.json:
        answer("renkei.vault-forget/1", {"numbers": done})
    else:
        tell(say(f"{done} 件の番号を消しました。", f"{done} numbers were thrown away."))
    return exits.OK
