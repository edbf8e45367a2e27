"""``renkei doctor``: checks the installation; ``--fix`` mends what is safe, ``--prove`` proves the data."""

import argparse
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from renkei.cli import exits, place
from renkei.cli.output import answer, show, tell
from renkei.cli.parser import Parser, add_json
from renkei.cli.width import table
from renkei.clock import SystemClock
from renkei.language import say

if TYPE_CHECKING:
    from renkei.doctor import Check
    from renkei.project import Project

_MARKS = {"ok": "✓", "warn": "⚠", "fail": "✕"}


def declare(parser: Parser) -> None:
    """The arguments of ``renkei doctor``."""
    parser.option("--fix", say("安全に直せるものを直す", "mend what is safe to mend"), action="store_true")
    text = say("不変条件を実データで証明する", "prove the invariants on the live data")
    parser.option("--prove", text, action="store_true")
    add_json(parser)
    parser.set_defaults(run=_run)


def _run(asked: argparse.Namespace) -> int:
    from renkei import doctor

    project = place.project()
    fixed = doctor.fix(project) if asked.fix else ()
    checks = doctor.examine(project, clock=SystemClock())
    proofs = _prove(project) if asked.prove else ()
    well = all(check.state != "fail" for check in checks) and all(proof.holds for proof in proofs)
    if asked.json:
        body: dict[str, Any] = {"well": well, "checks": checks, "fixed": fixed}
        answer("renkei.doctor/1", body | ({"proofs": proofs} if asked.prove else {}))
    else:
        _show(checks, proofs)
        for line in fixed:
            tell(say(f"直しました: {line}", f"Mended: {line}"))
    return exits.OK if well else exits.FAILED


def _prove(project: "Project") -> tuple[Any, ...]:
    from renkei import prove
    from renkei.workflow import in_force, replay

    def again(feed: str) -> None:
        replay(project, feed, as_of=place.today(project), actor=place.actor(), trigger="prove")

    with place.registry(project) as engine:
        # deliveries are read by the text that runs, not by the one that is being edited
        ruling = in_force(project, engine=engine, founds=False)
        return tuple(prove.prove(prove.ground_of(ruling, engine, replay=again, progress=_progress())))


#: A proof that takes longer says where it is.
_QUIET_SECONDS = 5.0


def _progress() -> Callable[[str], None]:
    clock = SystemClock()
    began = clock.now()
    proof = ""

    def say_where(step: str) -> None:
        nonlocal proof
        seconds = (clock.now() - began).total_seconds()
        proof = step if re.fullmatch(r"I[0-9]+", step) else proof
        if seconds >= _QUIET_SECONDS:
            tell(f"{seconds:6.0f} s  {proof}" + ("" if step == proof else f"  {step}"))

    return say_where


def _show(checks: "tuple[Check, ...]", proofs: tuple[Any, ...]) -> None:
    heads = ("", say("点検", "check"), say("結果", "result"))
    show(table(heads, [(_MARKS[check.state], say(*check.title), check.found) for check in checks]))
    for check in checks:
        if check.state != "ok":
            tell(f"{_MARKS[check.state]} {say(*check.title)}: {say(*check.fix)}")
    if proofs:
        rows = [
            ("✓" if proof.holds else "✕", proof.id, say(proof.title_ja, proof.title_en),
             f"{proof.checked:,}", f"{proof.seconds:.1f}", proof.detail)
            for proof in proofs
        ]  # fmt: skip
        columns = (
            "",
            say("番号", "id"),
            say("不変条件", "invariant"),
            say("検査数", "checked"),
            say("秒", "seconds"),
            say("内容", "detail"),
        )
        show("")
        show(table(columns, rows))
