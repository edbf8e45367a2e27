"""``renkei cases assign|wait|note|close|reopen|clusters``: what staff do with cases, one or many at once."""

import argparse
from typing import TYPE_CHECKING

from renkei.cli import exits, place
from renkei.cli.output import answer, show, tell
from renkei.cli.parser import Parser, add_json, count, day
from renkei.cli.width import table, visible
from renkei.cli.wording import word
from renkei.errors import FixDeclaration
from renkei.language import say

if TYPE_CHECKING:
    from renkei.reconcile.asked import AskedAct
    from renkei.workflow.case_work import Judgement, Worked
    from renkei.workflow.clusters import Cluster

_PLACES = {"town": ("町字", "town"), "glyph": ("文字", "characters")}


def declare(parser: Parser) -> None:
    """Add the verbs to ``renkei cases``."""
    made = parser.verb("assign", _assign, say("担当者を決める", "give a case to a person"))
    add_case(made)
    made.option("--to", say("担当者", "whom"), required=True, metavar=say("担当者", "NAME"))
    _add_common(made)
    made = parser.verb("wait", _wait, say("開庁日まで保留する", "put a case off until an office day"))
    add_case(made)
    made.option("--until", say("この日まで", "until this day"), type=day, required=True, metavar="YYYY-MM-DD")
    add_reason(made)
    _add_common(made)
    made = parser.verb("note", _note, say("メモを残す", "leave a note"))
    add_case(made)
    text = say("メモ（個人の値は書かない）", "the note; write no value of a person")
    made.option("--text", text, required=True, metavar=say("メモ", "TEXT"))
    _add_common(made)
    _declare_close(parser)
    _declare_reopen(parser)
    _declare_clusters(parser)


def _declare_close(parser: Parser) -> None:
    text = say("対応を決める（修正依頼・規則の適用外・確認済）", "settle a case, or a whole cluster")
    made = parser.verb("close", _close, text)
    add_case(made, nargs="?")
    text = say("同じ原因のまとまり（renkei cases clusters）全部", "every case of this cluster")
    made.option("--cluster", text, metavar="CLUSTER")
    text = say(
        "correct 片方を直す、withdraw この件には規則が合わない、confirm どちらも正しい",
        "correct: one side is to be corrected; withdraw: the rule is wrong here; confirm: both are right",
    )
    made.option("--outcome", text, choices=("correct", "withdraw", "confirm"), required=True)
    made.option("--right", say("正しい側", "the feed that is right"), metavar="FEED")
    made.option("--wrong", say("直す側", "the feed to be corrected"), metavar="FEED")
    text = say(
        "正しい値を持つ記載（値は入力しない）", "the record that says what is right; no value is typed"
    )
    made.option("--as", text, metavar="FEED:KEY", dest="record")
    text = say("何開庁日以内に直すか（既定10）", "office days until it should be seen (10)")
    made.option("--days", text, type=count, metavar="N")
    add_reason(made, required=False)
    _add_common(made)


def _declare_reopen(parser: Parser) -> None:
    text = say("直前の操作を取り消し、元に戻す", "take the last step back: exactly the state before")
    made = parser.verb("reopen", _reopen, text)
    add_case(made, nargs="?")
    made.option("--act", say("一回の操作の全案件", "every case of this act"), type=count, metavar="N")
    add_reason(made)
    _add_common(made)


def _declare_clusters(parser: Parser) -> None:
    text = say("同じ原因でまとめられる案件", "cases that differ alike in one place")
    made = parser.verb("clusters", _clusters, text)
    made.option("--rule", say("この規則だけ", "only this rule"), metavar="R10")
    text = say("この件数以上（既定2）", "of at least so many cases (2)")
    made.option("--fewest", text, type=count, default=2, metavar="N")
    add_json(made)


def add_case(parser: Parser, **options: str) -> None:
    """A case by its number."""
    parser.option("case", say("案件番号（C-000123）", "the case, as C-000123"), metavar="CASE", **options)


def add_reason(parser: Parser, *, required: bool = True) -> None:
    """``--reason``."""
    text = say(
        "理由（案件とともに残る。個人の値は書かない）",
        "why; kept with the case, so write no value of a person",
    )
    parser.option("--reason", text, required=required, metavar=say("理由", "REASON"))


def _add_common(parser: Parser) -> None:
    text = say(
        "見た時の最後の経緯の番号。その後に変わっていれば拒否",
        "the last event you saw; refused if there is a later one",
    )
    parser.option("--seen", text, type=count, metavar="EVENT")
    add_json(parser)


def case_id(text: str) -> int:
    """The number of ``C-000123``; E_NOT_FOUND for what is none."""
    digits = text.upper().removeprefix("C-")
    if not digits.isdecimal() or not digits.isascii() or len(digits) > 18:
        raise FixDeclaration("E_NOT_FOUND", kind=say("案件", "case"), name=text, nearest="C-000001")
    return int(digits)


def _assign(asked: argparse.Namespace) -> int:
    from renkei.workflow import case_work

    made = case_work.assign_case(
        place.project(), case_id(asked.case), to=asked.to, actor=place.actor(), seen=asked.seen
    )
    return say_worked(made, asked)


def _wait(asked: argparse.Namespace) -> int:
    from renkei.workflow import case_work

    made = case_work.hold_case(
        place.project(), case_id(asked.case), until=asked.until, reason=asked.reason, actor=place.actor(),
        seen=asked.seen,
    )  # fmt: skip
    return say_worked(made, asked)


def _note(asked: argparse.Namespace) -> int:
    from renkei.workflow import case_work

    made = case_work.note_case(
        place.project(), case_id(asked.case), text=asked.text, actor=place.actor(), seen=asked.seen
    )
    return say_worked(made, asked)


def _close(asked: argparse.Namespace) -> int:
    from renkei.workflow import case_cluster, case_work

    judged, project, actor = _judgement(asked), place.project(), place.actor()
    _one_of(asked, "case", "cluster")
    if asked.cluster:
        return say_worked(case_cluster.settle_cluster(project, asked.cluster, judged, actor=actor), asked)
    made = case_work.settle_case(project, case_id(asked.case), judged, actor=actor, seen=asked.seen)
    return say_worked(made, asked)


def _judgement(asked: argparse.Namespace) -> "Judgement":
    from renkei.workflow.case_work import Judgement

    days = {} if asked.days is None else {"days": asked.days}
    return Judgement(
        outcome=asked.outcome, reason=asked.reason, right=asked.right, wrong=asked.wrong, record=asked.record,
        **days,
    )  # fmt: skip


def _reopen(asked: argparse.Namespace) -> int:
    from renkei.workflow import case_work

    project, actor = place.project(), place.actor()
    _one_of(asked, "case", "act")
    if asked.act is not None:
        return say_worked(case_work.undo_act(project, asked.act, reason=asked.reason, actor=actor), asked)
    made = case_work.undo_case(
        project, case_id(asked.case), reason=asked.reason, actor=actor, seen=asked.seen
    )
    return say_worked(made, asked)


def _one_of(asked: argparse.Namespace, one: str, other: str) -> None:
    given = [name for name in (one, other) if getattr(asked, name) is not None]
    if len(given) != 1 or (given == [other] and asked.seen is not None):
        raise FixDeclaration("E_USAGE", problem=f"{one.upper()} | --{other}", command="renkei cases")


def say_worked(made: "Worked", asked: argparse.Namespace) -> int:
    """What an act did, or that it waits."""
    from renkei.report.mismatch import case_number

    if asked.json:
        answer("renkei.case-work/1", dict(vars(made)))
        return exits.OK
    if made.asked is not None:
        return _say_asked(made)
    one = len(made.cases) == 1
    cases = (
        case_number(made.cases[0]) if one else say(f"{len(made.cases):,} 件", f"{len(made.cases):,} cases")
    )
    kind = word("case_event", made.kind)
    tell(
        say(
            f"{cases}：{kind}（操作 {made.act_id}、取消は renkei cases reopen --act {made.act_id}）",
            f"{cases}: {kind} (act {made.act_id}; renkei cases reopen --act {made.act_id} takes it back)",
        )
    )
    if made.left:
        tell(
            say(
                f"その後に変わった {len(made.left):,} 件はそのままです。",
                f"{len(made.left):,} that have changed since are left as they are.",
            )
        )
    return exits.OK


def _say_asked(made: "Worked") -> int:
    number, many = made.asked, f"{len(made.cases):,}"
    if made.kind == "turned_down":
        tell(
            say(
                f"申し出 {number} を却下しました。案件は変わっていません。",
                f"Turned {number} down; no case was changed.",
            )
        )
        return exits.OK
    tell(
        say(
            f"{many} 件は一人では決められません。申し出 {number} が承認を待ちます。案件は変わっていません。",
            f"{many} cases are more than one person settles. It waits as {number}; no case was changed.",
        )
    )
    tell(
        say(
            f"別の人が renkei cases approve {number} を実行してください（却下は --refuse 理由）。",
            f"Let another person run renkei cases approve {number} (or --refuse REASON).",
        )
    )
    return exits.OK


def _clusters(asked: argparse.Namespace) -> int:
    from renkei.workflow.case_cluster import waiting
    from renkei.workflow.clusters import clusters

    project = place.project()
    with place.registry(project) as engine:
        found = clusters(engine, day=place.today(project), rule=asked.rule, fewest=asked.fewest)
        asks = waiting(engine)
    if asked.json:
        answer("renkei.case-clusters/1", {"clusters": found, "waiting": asks})
        return exits.OK
    heads = (
        say("まとまり", "cluster"), word("run", "rule"), word("run", "field"), say("分類", "class"),
        say("左", "left"), say("右", "right"), say("共通", "alike in"), say("件数", "cases"),
        say("最も早い期限", "first due"),
    )  # fmt: skip
    show(table(heads, [_cells(each) for each in found]))
    if asks:
        known = {each.cluster for each in found}
        show(
            say(
                "\n承認待ち（renkei cases approve 番号）",
                "\nWaiting for approval (renkei cases approve NUMBER)",
            )
        )
        show(table(_asked_heads(), [_asked_cells(each, known) for each in asks]))
    return exits.OK


def _asked_heads() -> tuple[str, ...]:
    return (
        say("番号", "number"), say("まとまり", "cluster"), say("件数", "cases"), say("対応", "outcome"),
        say("正しい側", "right"), say("直す側", "wrong"), say("申し出た人", "asked by"),
        say("理由", "reason"), say("今も同じか", "as it was"),
    )  # fmt: skip


def _asked_cells(each: "AskedAct", known: set[str]) -> tuple[object, ...]:
    stands = (
        say("同じ", "yes")
        if each.cluster in known
        else say("変わった・この一覧にない", "changed, or not listed")
    )
    return (
        each.asked_act_id, each.cluster, each.cases, word("outcome", each.outcome), each.right_feed,
        each.wrong_feed, each.asked_by, visible(each.reason or ""), stands,
    )  # fmt: skip


def _cells(each: "Cluster") -> tuple[object, ...]:
    def many(kind: str, codes: tuple[str, ...]) -> str:
        return ", ".join(word(kind, code) for code in codes)

    return (
        each.cluster, ", ".join(each.rules), many("field", each.fields), many("class", each.classes),
        ", ".join(each.left_feeds), ", ".join(each.right_feeds), place_in_words(each.place), each.cases,
        each.oldest_due_on,
    )  # fmt: skip


def place_in_words(text: str | None) -> str:
    """``town:本町`` as ``町字 本町``."""
    if text is None:
        return ""
    kind, _, name = text.partition(":")
    return f"{say(*_PLACES[kind])} {name}" if kind in _PLACES else text
