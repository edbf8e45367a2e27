"""Decisions to look at: what was decided, by whom and why, without those about persons not to be met."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from renkei.project import Project
from renkei.registry import decisions
from renkei.registry.decisions import Decision
from renkei.views import RESTRICTED
from renkei.workflow.decide_whom import person_of
from renkei.workflow.in_force import in_force

#: ``waiting`` is whatever waits for a second person, also a withdrawal.
Asked = Literal["waiting", "in_force", "withdrawn"]


@dataclass(frozen=True, kw_only=True)
class Shown:
    """An act: its decisions, the first one first, and the residents that its homes belong to now."""

    decisions: tuple[Decision, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]

    @property
    def first(self) -> Decision:
        """What all of them share: kind, author, reason, times."""
        return self.decisions[0]


_STATES: dict[str, str] = {
    "waiting": "d.in_force_until IS NULL AND (d.in_force_from IS NULL OR d.withdrawn_by IS NOT NULL)",
    "in_force": "d.in_force_until IS NULL AND d.in_force_from IS NOT NULL",
    "withdrawn": "d.in_force_until IS NOT NULL",
}
_NOBODY_HIDDEN = """
    (:may OR NOT EXISTS (
        SELECT FROM link AS l JOIN restricted USING (resident_id)
        WHERE l.home_id IN (d.left_home, d.right_home) AND l.known_to IS NULL))
"""


def listed(
    connection: sa.Connection,
    project: Project,
    *,
    actor: str,
    state: Asked | None = None,
    of: int | None = None,
    after: int = 0,
    limit: int = 50,
) -> tuple[Shown, ...]:
    """Acts by number; ``of`` a resident: those that speak of any of its records, as they are linked now."""
    query = f"""
        WITH {RESTRICTED}, mine AS MATERIALIZED (
            SELECT home_id FROM link WHERE resident_id = :of AND known_to IS NULL
        )
        SELECT DISTINCT coalesce(d.act_id, d.decision_id) AS number
        FROM decision AS d
        WHERE coalesce(d.act_id, d.decision_id) > :after AND {_STATES[state] if state else "true"}
          AND (CAST(:of AS bigint) IS NULL
            OR d.left_home IN (SELECT home_id FROM mine) OR d.right_home IN (SELECT home_id FROM mine))
          AND {_NOBODY_HIDDEN}
        ORDER BY number
        LIMIT :limit
    """
    asked = {"of": of, "after": after, "limit": limit, "may": _may(connection, project, actor)}
    numbers = connection.execute(sa.text(query), asked).scalars().all()
    return tuple(_shown(connection, decisions.act(connection, number)) for number in numbers)


def shown(connection: sa.Connection, project: Project, number: int, *, actor: str) -> Shown | None:
    """One act; None where there is none, or it is about somebody who is not to be met."""
    query = f"""
        WITH {RESTRICTED}
        SELECT bool_and({_NOBODY_HIDDEN}) FROM decision AS d WHERE d.decision_id = ANY(:numbers)
    """
    taken = decisions.act(connection, number)
    numbers = [each.decision_id for each in taken]
    asked = {"numbers": numbers, "may": _may(connection, project, actor)}
    if not taken or not connection.execute(sa.text(query), asked).scalar():
        return None
    return _shown(connection, taken)


def _may(connection: sa.Connection, project: Project, actor: str) -> bool:
    ruling = in_force(project, engine=connection.engine, founds=False)
    return person_of(actor) in ruling.config.decide_restricted


def _shown(connection: sa.Connection, taken: Sequence[Decision]) -> Shown:
    residents = decisions.residents_of(connection, [home for each in taken for home in each.homes])
    sides = ([each.left_home for each in taken], [each.right_home for each in taken if each.right_home])
    left, right = (tuple(sorted({residents.get(home, home) for home in side})) for side in sides)
    return Shown(decisions=tuple(taken), left=left, right=right)
