"""Proves on live data that nothing was lost, doubled or half done (不変条件の証明).

Read-only, except that I7 applies each feed's newest unit once more, which must change nothing; what I16
takes back or derives again is rolled back. Each proof counts what it checked; a problem names ids, counts
and tables, never a resident's data.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from renkei.landing import Landing
from renkei.prove import again, arrival, conduct, history, identity, state, undo
from renkei.prove.ground import Findings, Ground, Part, Proof, Reread

if TYPE_CHECKING:
    from renkei.project import Project

__all__ = ["Ground", "Part", "Proof", "Reread", "ground_of", "prove"]

_PROOFS: Mapping[str, tuple[Callable[[Ground, Findings], None], ...]] = {
    "I1": (state.whole_objects,),
    "I2": (state.conservation,),
    "I3": (state.all_or_nothing,),
    "I4": (state.no_loss,),
    "I5": (state.no_double,),
    "I6": (arrival.order_free,),
    "I7": (conduct.replay,),
    "I9": (conduct.fences,),
    "I10": (history.history,),
    "I11": (arrival.same_everywhere,),
    "I16": (identity.who_is_who, undo.derived_again),
    "I20": (conduct.trail,),
}
#: Deliveries that are kept as read again, for the next proof: of a million records some 70 MB each.
_REREAD_KEPT = 8


def prove(ground: Ground) -> tuple[Proof, ...]:
    """Prove I1 to I7, I9 to I11, I16 and I20, in this order, on a registry at rest."""
    return tuple(_proven(ground))


def ground_of(
    project: "Project",
    engine: Engine,
    *,
    replay: Callable[[str], object],
    progress: Callable[[str], None] = lambda _: None,
) -> Ground:
    """The ground that a city's project gives: its landing zone, keys, witnesses and mappings."""
    from renkei.audit.keys import PUBLIC_FILE

    return Ground(
        engine=engine,
        landing=Landing(project.var / "landing"),
        public_key=project.var / "keys" / PUBLIC_FILE,
        witnesses=project.witnesses,
        reread=lru_cache(_REREAD_KEPT)(partial(again.reread, project)),
        replay=replay,
        elsewhere=partial(again.elsewhere, project),
        progress=progress,
        refuse_contradictions=project.config.refuse_contradictions,
    )


def _proven(ground: Ground) -> Iterator[Proof]:
    for name, checks in _PROOFS.items():
        findings, began = Findings(), time.monotonic()
        ground.progress(name)
        for check in checks:
            check(ground, findings)
        yield findings.proof(name, seconds=time.monotonic() - began)
