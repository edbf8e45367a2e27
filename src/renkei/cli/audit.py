"""``renkei audit``: verify with the separate verifier, export for an auditor, or seal now."""

import argparse
import json
import os
import subprocess
import sys
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING

from renkei.cli import exits, place
from renkei.cli.output import answer, show, tell
from renkei.cli.parser import Parser, add_json
from renkei.errors import Stop
from renkei.language import say

if TYPE_CHECKING:
    from renkei.project import Project


def declare(parser: Parser) -> None:
    """``verify``, ``export`` and ``seal``."""
    verified = parser.verb(
        "verify", _verify, say("証跡を別のプログラムで検証する", "verify with the separate program")
    )
    verified.option(
        "--since", say("ここまでは検証済み（件数）", "already proven up to this many events"), metavar="N"
    )
    add_json(verified)
    exported = parser.verb(
        "export", _export, say("証跡を一つのファイルに書き出す", "write the trail to one file")
    )
    exported.option("file", say("書き出し先", "the file"), type=Path, metavar="FILE")
    purpose = say("書き出しの目的", "what for")
    exported.option("--purpose", purpose, required=True, metavar=say("目的", "PURPOSE"))
    add_json(exported)
    sealed = parser.verb(
        "seal", _seal, say("未封の証跡に署名し、控えを取る", "sign what is not sealed, and copy it outside")
    )
    add_json(sealed)


def _verify(asked: argparse.Namespace) -> int:
    since = ["--since", asked.since] if asked.since else []
    return verifier(place.project(), *since, as_json=asked.json)


def verifier(project: "Project", *more: str, as_json: bool) -> int:
    """Run the verifier, which shares no code with us; it finds the registry through its environment."""
    from renkei.registry import store

    witnesses = [word for witness in project.witnesses for word in ("--witness", str(witness))]
    key = project.var / "keys" / "audit.pub"
    json_option = ["--json"] if as_json else []
    done = subprocess.run(
        [sys.executable, "-m", "renkei_verify", "--public-key", str(key), *witnesses, *more, *json_option],
        env={**os.environ, "RENKEI_DATABASE_URL": store.url_of(project.var)},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if as_json:
        answer("renkei.audit/1", json.loads(done.stdout))
    else:
        show(done.stdout.rstrip("\n"))
    return exits.OK if done.returncode == 0 else exits.FAILED


def _export(asked: argparse.Namespace) -> int:
    from renkei.audit import events
    from renkei.vault.typed import refuse_number

    refuse_number(asked.purpose)
    project = place.project()
    if asked.file.exists():
        raise Stop("E_EXISTS", path=str(asked.file))
    with place.registry(project) as engine, engine.begin() as connection:
        detail = {"purpose": asked.purpose}
        events.record(connection, action="audit.exported", actor=place.actor(), object="audit", detail=detail)
    code = verifier(project, "--write-export", str(asked.file), as_json=asked.json)
    if asked.file.exists():
        asked.file.chmod(0o600)
        with asked.file.open("rb") as file:
            tell(f"{file_digest(file, 'sha256').hexdigest()}  {asked.file}")
    return code


def _seal(asked: argparse.Namespace) -> int:
    from renkei.workflow import seal

    made = seal(place.project())
    if asked.json:
        answer("renkei.seal/1", made.summary())
    elif made.new:
        tell(say(f"{made.size:,} 件まで封をしました。", f"{made.size:,} events are sealed."))
    else:
        tell(say("新しく封をするものはありません。", "There was nothing new to seal."))
    return exits.OK
