"""Level 3: which residents look like one person, how alike they are, and why. It proposes; it never links.

``propose(table, model)`` finds likely pairs, ``estimate`` counts them before anything is compared,
``compare(left, right)`` says in words of evidence what two records share and where they differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from renkei.project import CityConfig

if TYPE_CHECKING:
    import pyarrow as pa

    from renkei.likeness.model import Model
    from renkei.likeness.pairs import Estimate

__all__ = ["PAIR_BUDGET", "PROPOSE_FROM", "estimate", "propose"]

#: So many pairs may be compared in one run unless ``renkei.toml`` says otherwise ([linking] pair_budget).
PAIR_BUDGET = CityConfig.pair_budget
#: A pair that is less probable is not proposed ([linking] propose_from).
PROPOSE_FROM = CityConfig.propose_from


def estimate(table: pa.Table, model: Model | None = None) -> Estimate:
    """How many pairs each blocking rule would compare, counted and not compared."""
    from renkei.likeness.score import estimate as counted

    return counted(table, model)


def propose(
    table: pa.Table,
    model: Model | None = None,
    *,
    budget: int = PAIR_BUDGET,
    least: float = PROPOSE_FROM,
    memory: str = "1GB",
) -> pa.Table:
    """The likely pairs of different residents in a table of records, the most alike one of each two.

    See :func:`renkei.likeness.score.propose` for the shapes and the errors.
    """
    from renkei.likeness.score import propose as scored

    return scored(table, model, budget=budget, least=least, memory=memory)
