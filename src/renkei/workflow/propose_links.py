"""link: propose residents that look like one person, train a model, put one in use. Nothing is linked."""

import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from renkei.audit import events
from renkei.clock import Clock, SystemClock
from renkei.errors import FixDeclaration
from renkei.failpoint import failpoint
from renkei.likeness import models, worklist
from renkei.likeness.model import Model, default
from renkei.likeness.pairs import Estimate
from renkei.likeness.score import counted_and_proposed
from renkei.likeness.train import train
from renkei.project import Project
from renkei.registry import lease
from renkei.registry.identity import one_linker
from renkei.vault.typed import refuse_number
from renkei.workflow.run import Work, only_reading, run_of


@dataclass(frozen=True, kw_only=True)
class LinkResult:
    """What one run proposed. ``settled`` and ``run_id`` are None where it only looked.

    ``bands``: probability band → proposals; ``model``: its digest.
    """

    run_id: uuid.UUID | None
    as_of: date
    model: str
    estimate: Estimate
    bands: Mapping[str, int]
    settled: worklist.Settled | None

    def summary(self) -> dict[str, Any]:
        """Ids and counts only."""
        return {
            "run_id": None if self.run_id is None else str(self.run_id),
            "as_of": self.as_of.isoformat(),
            "model": self.model,
            "rows": self.estimate.rows,
            "pairs": self.estimate.pairs,
            "rules": dict(self.estimate.rules),
            "bands": dict(self.bands),
            **({} if self.settled is None else asdict(self.settled)),
        }


def propose_links(
    project: Project,
    *,
    as_of: date,
    actor: str,
    trigger: str,
    is_dry: bool = False,
    clock: Clock | None = None,
) -> LinkResult:
    """Compare residents by the model in use and bring the candidates of level 3 up to it; never a link.

    ``is_dry`` counts and scores and writes nothing, no run either. A second time changes nothing. Raises
    FixDeclaration E_PAIR_BUDGET before anything is compared where the pairs are too many.
    """
    if is_dry:
        with only_reading(project, as_of=as_of) as looking:
            with looking.engine.connect() as connection:
                kept = models.in_use(connection)
                table = worklist.records(connection)
            return _proposed(looking, table, default() if kept is None else models.usable(kept))[0]
    with run_of(
        project, kind="link", target="link", as_of=as_of, actor=actor, trigger=trigger, clock=clock
    ) as work:
        return _run(work)


def _run(work: Work) -> LinkResult:
    with work.stage("read"), work.engine.begin() as connection:
        lease.check_fence(connection, work.fence)
        kept = models.ensured(connection, now=work.clock.now())
        table = worklist.records(connection)
    with work.stage("score"):
        result, proposed = _proposed(work, table, models.usable(kept))
    with work.stage("settle"):
        settled = _settle(work, proposed, kept, result)
    return LinkResult(**{**vars(result), "run_id": work.run_id, "settled": settled})


def _proposed(work: Work, table: pa.Table, model: Model) -> tuple[LinkResult, pa.Table]:
    terms = work.project.config
    estimate, proposed = counted_and_proposed(
        table, model, budget=terms.pair_budget, least=terms.propose_from, temp=room_of(work.project)
    )
    result = LinkResult(
        run_id=None,
        as_of=work.as_of,
        model=model.digest,
        estimate=estimate,
        bands=worklist.bands(proposed.column("probability").to_pylist()),
        settled=None,
    )
    return result, proposed


def room_of(project: Project) -> Path:
    """Where what does not fit into memory lies meanwhile: names and births belong below ``var``."""
    folder = project.var / "work"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def _settle(work: Work, proposed: pa.Table, kept: models.Kept, result: LinkResult) -> worklist.Settled:
    with work.engine.begin() as connection:
        lease.check_fence(connection, work.fence)
        one_linker(connection)
        settled = worklist.settle(connection, proposed, kept=kept, run_id=work.run_id, now=work.clock.now())
        detail = {
            "as_of": work.as_of.isoformat(),
            "link_model": kept.link_model_id,
            "model": kept.digest,
            "pairs": result.estimate.pairs,
            **asdict(settled),
        }
        events.record(
            connection,
            action="link.proposed",
            actor=work.actor,
            object=f"run:{work.run_id}",
            detail=detail,
        )
        failpoint("link.before_commit")
    failpoint("link.after_commit")
    return settled


# models -------------------------------------------------------------------------------------------


def train_model(
    engine: sa.Engine, *, actor: str, seed: int = 1, temp: Path | None = None, clock: Clock | None = None
) -> models.Kept:
    """Make a model of what the registry holds now; it is written, and not put in use.

    The same registry and seed give the row that is there. Raises FixDeclaration E_LINK_TRAINING where there
    are too few records.
    """
    now = (clock or SystemClock()).now()
    with engine.connect() as connection:
        table = worklist.records(connection)
    model = train(table, seed=seed, temp=temp)
    residents = len(table.column("resident_id").unique())
    told = {"rows": table.num_rows, "residents": residents, "seed": seed}
    with engine.begin() as connection:
        kept = models.keep(connection, model, by=actor, on=told, now=now)
        events.record(
            connection,
            action="link.model_trained",
            actor=actor,
            object=f"link_model:{kept.link_model_id}",
            detail={"digest": kept.digest, **told},
        )
    return kept


def adopt_model(
    engine: sa.Engine, link_model_id: int, *, actor: str, reason: str, clock: Clock | None = None
) -> models.Kept:
    """Put a model in use from now on. What people decided stays; the next run proposes by this model.

    Raises FixDeclaration E_NOT_FOUND, and Stop E_LINK_MODEL for a model of other columns.
    """
    refuse_number(reason)
    now = (clock or SystemClock()).now()
    with engine.begin() as connection:
        one_linker(connection)
        kept = models.one(connection, link_model_id)
        if kept is None:
            known = [str(each.link_model_id) for each in models.every(connection)]
            raise FixDeclaration(
                "E_NOT_FOUND",
                kind={"ja": "重みの型", "en": "model"},
                name=str(link_model_id),
                nearest=(known or ["-"])[0],
            )
        models.usable(kept)
        before = models.in_use(connection)
        models.adopt(connection, kept, by=actor, now=now)
        events.record(
            connection,
            action="link.model_adopted",
            actor=actor,
            object=f"link_model:{link_model_id}",
            detail={
                "digest": kept.digest,
                "reason": reason,
                "before": None if before is None else before.link_model_id,
            },
        )
        return models.one(connection, link_model_id) or kept
