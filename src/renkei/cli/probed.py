"""What a probe of a connection found, as a person reads it (接続適合検査).

A connector tells each finding as one text. One that begins with ``right``, ``remedied``, ``wrong`` or
``not_offered`` is a check, followed by its facts as ``name=value``; any other is told as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from renkei.language import say

#: Verdict → its mark, and the word for it.
_VERDICTS = {
    "right": ("✓", "正しい", "right"),
    "remedied": ("◎", "対策済み", "remedied"),
    "wrong": ("✕", "誤り", "wrong"),
    "not_offered": ("－", "対象外", "not offered"),
}
_CHECKS = {
    "driver": ("ドライバ", "driver"),
    "server": ("サーバ", "server"),
    "dialect": ("方言", "dialect"),
    "mode": ("取引の状態", "transaction"),
    "text_by_row": ("文字（一件ずつの読み書き）", "text, row by row"),
    "text_in_bulk": ("文字（一括の読み取り）", "text, in bulk"),
    "long_text": ("長い文字列", "long text"),
    "empty_text": ("NULL と空文字", "NULL and empty text"),
    "trailing_spaces": ("末尾の空白", "trailing spaces"),
    "decimals": ("十進数", "decimals"),
    "microseconds": ("マイクロ秒", "microseconds"),
    "old_days": ("1900年より前の日付", "days before 1900"),
    "many_rows": ("大量の行数", "rows of a big read"),
    "read_only": ("読み取り専用", "read-only"),
    "login_limit": ("ログインの時間制限", "login time-out"),
    "query_limit": ("問合せの時間制限", "query time-out"),
    "cancel": ("取消し", "cancel"),
    "host_key": ("ホスト鍵", "host key"),
    "host_key_signature": ("ホスト鍵の署名", "host key's signature"),
    "key_exchange": ("鍵交換", "key exchange"),
    "cipher": ("暗号方式", "cipher"),
    "mac": ("改ざん検知", "integrity"),
    "wire": ("通信ライブラリ", "library"),
    "names": ("ファイル名の文字", "file names"),
    "old_algorithms": ("許した旧方式", "old algorithms allowed"),
    "sign_in": ("認証", "sign-in"),
    "clock": ("時計", "clock"),
    "rename_over": ("上書き改名", "rename over a file"),
}
_FACTS = {
    "texts": ("文字列", "texts"),
    "damaged_read": ("読み取りの破損", "damaged in reading"),
    "damaged_written": ("書き込みの破損", "damaged in writing"),
    "without_read": ("対策なしの読み取りの破損", "damaged in reading without it"),
    "without_written": ("対策なしの書き込みの破損", "damaged in writing without it"),
    "such_as": ("例", "such as"),
    "setting": ("対策", "setting"),
    "characters": ("文字数", "characters"),
    "size": ("桁", "digits"),
    "sizes": ("桁", "digits"),
    "by": ("手段", "by"),
    "came_as": ("届いた型", "came as"),
    "as": ("型", "as"),
    "instead": ("代わりに", "instead use"),
    "asked": ("件数", "asked for"),
    "seconds": ("秒", "seconds"),
    "state": ("状態", "state"),
    "kind": ("種類", "kind"),
    "tables": ("表", "tables"),
}
_VALUES = {
    "transaction": ("取引", "the transaction"),
    "rights": ("権限", "its rights"),
    "nobody": ("なし", "nobody"),
    "driver": ("ドライバ", "the driver"),
    "server": ("サーバの制限", "the server's limit"),
    "kill": ("プロセスの強制終了", "killing the process"),
    "text": ("文字列で受け取る", "text"),
    "crashed": ("異常終了", "crashed"),
    "refused": ("拒否（切り捨てなし）", "refused, not cut"),
    "differs": ("不一致", "differs"),
    "none": ("なし", "none"),
    "key": ("鍵", "key"),
    "password": ("パスワード", "password"),
    "in the cipher": ("暗号方式に含まれる", "in the cipher"),
    "not tried: declare probe": ("未検査（接続先に probe を設定すると調べます）", "not tried: declare probe"),
}


@dataclass(frozen=True, kw_only=True)
class Check:
    """One finding. ``verdict`` is empty where it is no check."""

    check: str
    verdict: str
    facts: Mapping[str, str]


def check_of(name: str, found: str) -> Check:
    """Read a finding."""
    verdict, _, rest = found.partition(" ")
    if verdict not in _VERDICTS:
        return Check(check=name, verdict="", facts={"": found})
    facts = (part.partition("=") for part in rest.split())
    return Check(check=name, verdict=verdict, facts={key: value for key, _, value in facts})


def row_of(check: Check) -> tuple[str, str, str]:
    """What was looked at, the verdict, and the facts."""
    mark, ja, en = _VERDICTS.get(check.verdict, ("", "", ""))
    facts = (_fact(name, value) for name, value in check.facts.items())
    return _word(_CHECKS, check.check), f"{mark} {say(ja, en)}".strip(), say("、", ", ").join(facts)


def _fact(name: str, value: str) -> str:
    said = f"{int(value):,}" if value.isdecimal() else _word(_VALUES, value)
    return f"{_word(_FACTS, name)} {said}".strip()


def _word(words: Mapping[str, tuple[str, str]], name: str) -> str:
    return say(*words[name]) if name in words else name
