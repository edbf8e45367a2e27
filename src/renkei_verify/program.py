"""The command line: what to verify, against which copies, and how to say the result."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path

import psycopg

from renkei_verify import check
from renkei_verify.note import Note, Witness, parse, read_keys, read_witness
from renkei_verify.report import read_report
from renkei_verify.source import Source, database, export, write_export
from renkei_verify.text import say

EXIT = {"proven": 0, "broken": 1, "unchecked": 2}


def main(argv: Sequence[str] | None = None) -> int:
    """Verify and report: 0 proven, 1 broken, 2 could not be checked."""
    asked = _parser().parse_args(argv)
    try:
        report = _verified(asked)
    except (OSError, ValueError, TypeError, KeyError, psycopg.Error) as error:
        reason = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
        value = {"result": "unchecked", "exit_code": EXIT["unchecked"], "reason": reason}
        said = json.dumps(value, ensure_ascii=False) if asked.json else f"{say('unchecked')} {reason}"
        (sys.stdout if asked.json else sys.stderr).write(said + "\n")
        return EXIT["unchecked"]
    sys.stdout.write((_as_json(report) if asked.json else _as_text(report)) + "\n")
    return EXIT[report.result]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="renkei-verify",
        description="監査証跡を検証します。 Proves an audit trail.",
        epilog="0: 証明 proven, 1: 不整合 broken, 2: 検証不能 could not be checked",
    )
    add = parser.add_argument
    add("--database-url", help="登録簿の接続先（既定 $RENKEI_DATABASE_URL） address of the registry")
    add("--url-file", type=Path, help="接続先を書いたファイル file that holds the address")
    add("--export", type=Path, help="データベースの代わりに検証する出力ファイル verify this file, offline")
    add("--write-export", type=Path, help="検証対象をファイルに書き出す write what is verified to a file")
    add("--witness", type=Path, nargs="+", action="extend", default=[], help="外部の控え witness files")
    add("--public-key", type=Path, required=True, help="公開鍵ファイル public key file of the log")
    add(
        "--report",
        type=Path,
        action="append",
        default=[],
        help="証跡と照らす報告のフォルダ a report's folder",
    )
    add("--since", metavar="CHECKPOINT", help="検証済みのチェックポイント（件数かファイル） already proven")
    add("--clock-tolerance", type=int, default=check.TOLERANCE_SECONDS, metavar="SECONDS")
    add("--json", action="store_true", help="機械が読む形 one JSON object")
    return parser


def _verified(asked: argparse.Namespace) -> check.Report:
    keys = read_keys(asked.public_key)
    witnesses = [read_witness(path) for path in asked.witness if path.exists()]
    trusted, kept = _since(asked.since, witnesses)
    with ExitStack() as stack:
        source, tolerance = _source(asked, stack), asked.clock_tolerance
        report = check.verify(
            source, keys, witnesses=witnesses, kept=kept, trusted=trusted, tolerance=tolerance,
            reports=[read_report(folder) for folder in asked.report],
        )  # fmt: skip
    # before the first copy there is no witness file yet, and nothing it could prove
    if len(witnesses) < len(asked.witness) and report.checkpoints > 1:
        return replace(report, unchecked=(*report.unchecked, "witness_missing"))
    return report if asked.witness or kept else replace(report, unchecked=(*report.unchecked, "no_witness"))


def _source(asked: argparse.Namespace, stack: ExitStack) -> Source:
    if asked.export:
        return export(asked.export)
    url = asked.url_file.read_text("utf-8").strip() if asked.url_file else asked.database_url
    source = stack.enter_context(database(url or os.environ["RENKEI_DATABASE_URL"]))
    if not asked.write_export:
        return source
    write_export(source, asked.write_export)
    return export(asked.write_export)


def _since(asked: str | None, witnesses: Sequence[Witness]) -> tuple[int, list[Note]]:
    """How many events were proven before: by a checkpoint's size in a witness, or by its note in a file."""
    if asked is None:
        return 0, []
    if not asked.isdigit():
        note = parse(Path(asked).read_text("utf-8"))
        return note.size, [note]
    if not any(note.size == int(asked) for witness in witnesses for note in witness.notes):
        raise ValueError(f"no witness holds a checkpoint of {asked} events")
    return int(asked), []


def _as_json(report: check.Report) -> str:
    value = {"result": report.result, "exit_code": EXIT[report.result], **asdict(report)}
    for told, found in zip(value["findings"], report.findings, strict=True):
        for way in ("ja", "en"):
            told[f"text_{way}"] = say(found.code, language=way, seq=found.seq, **found.facts)
    return json.dumps(value, ensure_ascii=False)


def _as_text(report: check.Report) -> str:
    lines = [say(report.result), say("counts", **vars(report)), say("proven_until", proven=report.proven)]
    if report.first_bad_seq is not None:
        lines.append(say("first_bad_seq", seq=report.first_bad_seq))
    lines += [f"- {say(found.code, seq=found.seq, **found.facts)}" for found in report.findings]
    lines += [f"- {say(code)}" for code in report.unchecked]
    if report.pending_copies:
        lines.append(f"- {say('pending', count=report.pending_copies)}")
    return "\n".join(lines)
