"""What a night leaves: the report, the seal, and what is proved afterwards."""

import json
import os
import subprocess
import sys
from datetime import date
from functools import partial
from typing import Any

from bench.child import Done, Runs
from bench.desk import Desk
from renkei import prove, workflow
from renkei.project import Project
from renkei.registry import store
from renkei.report import publish

#: Imported before the clock starts.
WARM = (publish,)
_TERMS: dict[str, Any] = {"actor": "bench", "trigger": "bench"}


def report(desk: Desk, *, as_of: str) -> Runs:
    """The day's mismatch report as XLSX and CSV, and the run page."""
    yield partial(_report, desk.project("nights"), date.fromisoformat(as_of))


def _report(project: Project, as_of: date) -> Done:
    made = workflow.report(project, as_of=as_of, **_TERMS)
    return Done(rows=made.published.counts["rows"])


def seal(desk: Desk) -> Runs:
    """Sign what is not sealed and copy the checkpoint to the witnesses; rows are events in the tree."""
    yield partial(_seal, desk.project("nights"))


def _seal(project: Project) -> Done:
    return Done(rows=workflow.seal(project).size)


def prove_all(desk: Desk, *, as_of: str) -> Runs:
    """Every invariant over the whole registry; every delivery is read and mapped again."""
    yield partial(_prove_all, desk.project("nights"), date.fromisoformat(as_of))


def _prove_all(project: Project, as_of: date) -> Done:
    engine = store.connect(store.url_of(project.var))

    def again(feed: str) -> None:
        workflow.replay(project, feed, as_of=as_of, **_TERMS)

    proofs = prove.prove(prove.ground_of(project, engine, replay=again))
    engine.dispose()
    facts = {"proofs": len(proofs), "broken": [proof.id for proof in proofs if not proof.holds]}
    return Done(rows=sum(proof.checked for proof in proofs), facts=facts)


def verify(desk: Desk) -> Runs:
    """The separate verifier over the sealed trail, as an auditor starts it."""
    yield partial(_verify, desk.project("nights"))


def _verify(project: Project) -> Done:
    witnesses = [word for witness in project.witnesses for word in ("--witness", str(witness))]
    key = project.var / "keys" / "audit.pub"
    done = subprocess.run(
        [sys.executable, "-m", "renkei_verify", "--json", "--public-key", str(key), *witnesses],
        env={**os.environ, "RENKEI_DATABASE_URL": store.url_of(project.var)},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    said = json.loads(done.stdout)
    return Done(rows=int(said.get("sealed", 0)), facts={"proven": done.returncode == 0})
