"""``renkei``: the hub's verbs in a terminal.

This file is all that ``renkei --help`` loads; a command's own module, its parser and what it works with
are imported when the command is given.
"""

import sys
from collections.abc import Sequence

from renkei import __version__
from renkei.language import say

#: Command → its module below ``renkei.cli``, and what it does in Japanese and English.
COMMANDS: dict[str, tuple[str, str, str]] = {
    "init": ("init", "市のプロジェクトを作る", "make a city's project"),
    "up": ("up", "全体を起動し、止めるまで見守る", "start everything and watch over it"),
    "doctor": ("doctor", "設置を点検し、直し方を示す", "check the installation and say how to mend it"),
    "sample-city": (
        "sample_city",
        "架空の市と三つの既存システムを動かす",
        "run the fictional city's three systems",
    ),
    "plan": (
        "plan",
        "定義の変更または取込で何が変わるかを見る",
        "see what changed declarations, or taking a feed in, would do",
    ),
    "apply": ("apply", "計画した定義を承認し適用する", "approve planned declarations and put them in force"),
    "run": ("run", "連携データを一つ取り込む", "take one feed in"),
    "watch": ("watch", "変更があるたびに取り込む", "take a feed in whenever its source changes"),
    "retry": ("retry", "失敗・保留した実行をやり直す", "run again what failed or was held"),
    "status": ("status", "連携データの鮮度と実行の状況", "freshness of the feeds, and the latest runs"),
    "reconcile": (
        "reconcile",
        "系統を突き合わせ、不一致を案件にする",
        "compare the systems and keep the cases",
    ),
    "migration": (
        "migration",
        "移行検証：旧・新システムを全件比べ、報告を証明する",
        "check a migration record by record, and prove its report",
    ),
    "cases": ("cases", "要確認案件を見る", "see the cases"),
    "rejects": ("rejects", "取込エラーを見る、再取込する", "see records set aside, and feed them again"),
    "losses": (
        "losses",
        "変換できなかった文字・置き換えた文字を見る",
        "see characters that a conversion changed",
    ),
    "mapping": (
        "mapping",
        "対応表を試す、比べる、説明する、書き始める",
        "test, compare, explain, try and begin mappings",
    ),
    "pack": ("pack", "ほかの市の対応表・規則を加える", "add mappings and rules of another city"),
    "decide": (
        "decide",
        "同一人・別人・判定できない・値の採用を判定する、承認する、取り消す",
        "decide: one person, two, cannot say, whose value holds; approve, take back",
    ),
    "decisions": ("decisions", "判定を見る", "see the decisions"),
    "link": (
        "link",
        "同一人の候補を挙げる、重みの型を作る・替える",
        "propose who may be one person, by a model; make and change models",
    ),
    "lags": ("lags", "データ間の遅れを見る（宣言と実績）", "how late feeds are, as declared and as learned"),
    "double-entry": (
        "double_entry",
        "二重入力の件数・時間と、それをなくせる連携を見る",
        "see what was keyed twice, and which feed would end it",
    ),
    "candidates": ("candidates", "同一人の候補を見る", "see who may be one person"),
    "why": ("why", "同一人・別人である根拠を示す", "why two records are one person, or are not"),
    "resident": ("resident", "住民の一時点の姿を示す", "a resident on a day, as known at an instant"),
    "household": ("household", "世帯の一時点の姿を示す", "a household on a day, as known at an instant"),
    "how": ("how", "値がどこから来たかを示し、証明する", "where a value comes from, proved"),
    "verify": (
        "verify",
        "取り込んだ内容が一字も変わっていないか確かめる",
        "is what a feed brought still there, to the byte",
    ),
    "keys": ("keys", "二つの連携データのキーの過不足・重複", "which keys two feeds do not share"),
    "protection": (
        "protection",
        "支援措置を見る、二人で解除する",
        "see marks of protection, and end one by two people",
    ),
    "lineage": ("lineage", "来歴を OpenLineage で書き出す", "export the lineage as OpenLineage"),
    "conns": ("conns", "接続先を見る、確かめる", "see and test the connections"),
    "vault": (
        "vault",
        "個人番号の保管庫：開く、状況、鍵の更新",
        "the vault of individual numbers: open, status, keys",
    ),
    "audit": ("audit", "監査証跡を検証する、書き出す、封をする", "verify, export or seal the audit trail"),
    "report": ("report", "一日の報告書を作る", "publish the reports of a day"),
    "explain": ("explain", "誤りコードを説明する", "explain an error code"),
    "completion": ("completion", "シェルの補完を出力する", "print shell completion"),
}
USAGE = 3


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code (docs/cli.md lists them)."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words and words[0] in ("-h", "--help"):
        sys.stdout.write(overview())
        return 0
    if words and words[0] == "--version":
        sys.stdout.write(f"renkei {__version__}\n")
        return 0
    if not words:
        sys.stderr.write(overview())
        return USAGE
    from renkei.cli.program import run_command

    return run_command(words[0], words[1:])


def overview() -> str:
    """The help of ``renkei`` itself, in the language of the person."""
    column = max(map(len, COMMANDS)) + 2
    listed = "".join(f"  {name:<{column}}{say(ja, en)}\n" for name, (_, ja, en) in COMMANDS.items())
    return say(
        "renkei（連携）：住基・税・福祉のデータを集め、突き合わせ、証明します。\n\n"
        f"使い方: renkei コマンド [オプション]\n\nコマンド:\n{listed}\n"
        "各コマンドの書き方は renkei コマンド --help。言語は RENKEI_LANG か LANG で選びます。\n"
        "終了コード: 0 正常、1 上限を超える取込エラー・不一致あり、2 失敗、3 書き方・設定の誤り、"
        "4 拒否、5 計画が古い、75 後で再試行、130 中断\n",
        "renkei: collects what resident registry, tax and welfare hold, compares it, and proves it.\n\n"
        f"usage: renkei COMMAND [OPTIONS]\n\ncommands:\n{listed}\n"
        "renkei COMMAND --help shows how to use one. RENKEI_LANG or LANG chooses the language.\n"
        "exit codes: 0 ok, 1 rejects or mismatches above the limit, 2 failed, 3 usage or configuration, "
        "4 refused, 5 stale plan, 75 try later, 130 interrupted\n",
    )
