"""Proves on live data that nothing was lost, doubled or half done (不変条件の証明).

Read-only, except that I7 applies each feed's newest unit once more, which must change nothing.
Each proof counts what it checked; a problem names ids, counts and tables, never a resident's data.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from renkei.landing import Landing
from renkei.prove import conduct, state
from renkei.prove.ground import Findings, Ground, Proof, Reread

if TYPE_CHECKING:
    from renkei.project import Project

__all__ = ["Ground", "Proof", "Reread", "ground_of", "prove"]

_PROOFS: Mapping[str, Callable[[Ground, Findings], None]] = {
    "I1": state.whole_objects,
    "I2": state.conservation,
    "I3": state.all_or_nothing,
    "I4": state.no_loss,
    "I5": state.no_double,
    "I7": conduct.replay,
    "I9": conduct.fences,
    "I20": conduct.trail,
}


def prove(ground: Ground) -> tuple[Proof, ...]:
    """Prove I1 to I5, I7, I9 and I20, in this order, on a registry at rest."""
    return tuple(_proven(ground))


def ground_of(project: "Project", engine: Engine, *, replay: Callable[[str], object]) -> Ground:
    """The ground that a city's project gives: its landing zone, keys, witnesses and mappings."""
    from renkei.audit.keys import PUBLIC_FILE

    return Ground(
        engine=engine,
        landing=Landing(project.var / "landing"),
        public_key=project.var / "keys" / PUBLIC_FILE,
        witnesses=project.witnesses,
        reread=lambda feed, file, as_of: _reread(project, feed, file, as_of),
        replay=replay,
    )


def _proven(ground: Ground) -> Iterator[Proof]:
    for name, check in _PROOFS.items():
        findings = Findings()
        check(ground, findings)
        yield findings.proof(name)


def _reread(project: "Project", feed: str, file: Path, as_of: date) -> Reread:
    from renkei import formats, mapping

    declared = project.mapping(feed)
    mapped = mapping.apply(declared, formats.read(file, declared.feed.format, feed=feed), as_of=as_of)
    rejected = mapped.rejects["source_key"].to_pylist()
    return Reread(
        records=frozenset(mapped.records["source_key"].to_pylist()),
        rejected=frozenset(key for key in rejected if key is not None),
        nameless=sum(1 for key in rejected if key is None),
    )
