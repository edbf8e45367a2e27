"""How the hub behaves: I7, I9 and I20."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from renkei.errors import RenkeiError
from renkei.prove.ground import MOST_PROBLEMS, Findings, Ground

#: What a run may change although it merges nothing.
_NOT_STATE = frozenset({"run", "lease", "object", "audit_event", "audit_seal", "audit_checkpoint"})


# I7 ----------------------------------------------------------------------------------------------


def replay(ground: Ground, findings: Findings) -> None:
    """Apply each feed's newest unit again: the state's digest stays, and one event says so."""
    state = state_digest(ground)
    for (feed,) in ground.rows("SELECT feed FROM cursor ORDER BY feed"):
        told = ground.count(_NOOPS)
        try:
            ground.replay(feed)
        except RenkeiError as broken:
            findings.broken(f"{feed} {broken.code}")
            continue
        before, state = state, state_digest(ground)
        changed = sorted(table for table in state if state[table] != before.get(table))
        findings.expect(not changed, f"{feed} replay changed {' '.join(changed)}")
        findings.expect(ground.count(_NOOPS) == told + 1, f"{feed} replay left no event, or several")


def state_digest(ground: Ground) -> dict[str, str]:
    """Table → digest of all its rows in no order, for every table that holds merged state."""
    tables = {row.tablename for row in ground.rows(_TABLES)} - _NOT_STATE
    return {table: ground.rows(_DIGEST.format(table=table))[0].digest for table in sorted(tables)}


_NOOPS = """SELECT count(*) FROM audit_event WHERE body LIKE '{"action":"replay.noop"%'"""
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
_DIGEST = """
    SELECT count(*) || ':' || coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) AS digest
    FROM "{table}" t
"""


# I9 ----------------------------------------------------------------------------------------------


def fences(ground: Ground, findings: Findings) -> None:
    """Fence numbers never fall from unit to unit of a feed, and none is above the lease's."""
    findings.checked += ground.count("SELECT count(*) FROM unit")
    for row in ground.rows(_OVERTAKEN):
        findings.broken(f"unit:{row.unit_id} fence={row.fence} reached={row.reached}")


_OVERTAKEN = """
    SELECT unit_id, fence, reached
    FROM (
        SELECT u.unit_id, u.fence, l.fence AS newest, r.fence AS granted,
            max(u.fence) OVER (PARTITION BY u.feed ORDER BY u.unit_id) AS reached
        FROM unit u
        LEFT JOIN lease l ON l.resource = u.feed
        LEFT JOIN run r USING (run_id)
    ) fenced
    WHERE fence < reached OR fence > coalesce(newest, 0) OR fence IS DISTINCT FROM granted
    ORDER BY unit_id
"""


# I20 ---------------------------------------------------------------------------------------------


def trail(ground: Ground, findings: Findings) -> None:
    """Run the separate verifier, as an auditor would."""
    with tempfile.TemporaryDirectory() as folder:
        address = Path(folder) / "url"  # the address holds a password: never in an argument
        with os.fdopen(os.open(address, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(ground.engine.url.render_as_string(hide_password=False))
        command = [
            sys.executable, "-m", "renkei_verify", "--json", "--url-file", str(address),
            "--public-key", str(ground.public_key), "--witness", *map(str, ground.witnesses),
        ]  # fmt: skip
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
    said = json.loads(answer.stdout) if answer.stdout else {}
    findings.checked += int(said.get("sealed", 0))
    said_briefly = f"{said.get('result', 'unchecked')} {said.get('reason', '')}".strip()
    findings.expect(answer.returncode == 0, said_briefly)
    for found in said.get("findings", [])[:MOST_PROBLEMS]:
        findings.broken(f"{found['code']} seq={found['seq']}")
    findings.notes.append(f"unsealed={said.get('unsealed')} checkpoints={said.get('checkpoints')}")
