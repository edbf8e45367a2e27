"""The row of each run: who, when, what for, pinned to which declarations, and how it ended."""

import json
import uuid
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from renkei.registry.lease import Fence

_CLOSE_LOST = """
    UPDATE run
    SET state = 'failed', error_code = 'E_RUN_LOST', finished_at = :now
    WHERE target = :target AND state = 'running' AND fence < :fence
"""


def open_run(
    engine: sa.Engine,
    *,
    kind: str,
    target: str,
    as_of: date,
    actor: str,
    trigger: str,
    project_digest: str,
    code_version: str,
    fence: Fence,
    now: datetime,
) -> uuid.UUID:
    """Write the run's row, pinned to the declarations it will use; close those that died before it."""
    run_id = uuid.uuid4()
    with engine.begin() as connection:
        connection.execute(sa.text(_CLOSE_LOST), {"target": target, "fence": fence.number, "now": now})
        connection.execute(
            sa.text("""
                INSERT INTO run (run_id, kind, target, as_of, state, actor, trigger, project_digest,
                                 code_version, fence, started_at)
                VALUES (:run_id, :kind, :target, :as_of, 'running', :actor, :trigger, :digest,
                        :version, :fence, :now)
            """),
            {
                "run_id": run_id,
                "kind": kind,
                "target": target,
                "as_of": as_of,
                "actor": actor,
                "trigger": trigger,
                "digest": project_digest,
                "version": code_version,
                "fence": fence.number,
                "now": now,
            },
        )
    return run_id


def close_run(
    connection: sa.Connection,
    run_id: uuid.UUID,
    *,
    state: str,
    counts: Mapping[str, Any],
    stages: list[dict[str, Any]],
    error: Mapping[str, Any] | None,
    now: datetime,
) -> None:
    """Write how a run ended: its counts, the seconds of each stage, and its error if it had one."""
    connection.execute(
        sa.text("""
            UPDATE run
            SET state = :state, counts = :counts, stages = :stages, error_code = :code,
                error_facts = :facts, finished_at = :now
            WHERE run_id = :run_id
        """),
        {
            "run_id": run_id,
            "state": state,
            "counts": json.dumps(dict(counts)),
            "stages": json.dumps(stages),
            "code": error["code"] if error else None,
            "facts": json.dumps(error["facts"], default=str) if error else None,
            "now": now,
        },
    )
