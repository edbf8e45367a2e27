"""Which day the bell forgot: asked of the hub's own books, never of Airflow's.

A wake-up can be lost, a system may not deliver, or may deliver after its day was compared without it.
In each case the newest day taken in is not reconciled as it now stands.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from renkei.project import Project

#: Days older than this are history; a person reconciles them by hand if ever.
LOOK_BACK = timedelta(days=14)

_BOOKS = sa.text("""
    WITH compared AS (
        SELECT as_of, started_at
        FROM run
        WHERE kind = 'reconcile' AND state = 'done' AND as_of <= :today
        ORDER BY as_of DESC, started_at DESC
        LIMIT 1
    )
    SELECT
        (SELECT max(as_of) FROM run WHERE kind = 'sync_in' AND as_of BETWEEN :oldest AND :today) AS taken_in,
        (SELECT as_of FROM compared) AS compared,
        EXISTS (
            SELECT 1 FROM unit, compared
            WHERE unit.as_of = compared.as_of AND unit.done_at > compared.started_at
        ) AS came_later
""")


@dataclass(frozen=True, kw_only=True)
class Books:
    """The newest day taken in, the newest day compared, and whether data for that day came afterwards."""

    taken_in: date | None
    compared: date | None
    came_later: bool

    def left_over(self) -> date | None:
        """The newest day, unless it is reconciled as it stands.

        Only the newest: snapshots hold the present, so a day that a later one has overtaken cannot be
        compared as it was; its differences are found on the newest day, with their own ``since``.
        """
        if self.taken_in is None or self.compared is None or self.taken_in > self.compared:
            return self.taken_in
        return self.compared if self.came_later else None


def day_to_reconcile(project: "Project", *, today: date) -> date | None:
    """The day that the sweep must reconcile now, or None."""
    from renkei.registry import store

    engine = store.connect(store.url_of(project.var))
    try:
        with engine.connect() as connection:
            return books(connection, today=today).left_over()
    finally:
        engine.dispose()


def books(connection: sa.Connection, *, today: date) -> Books:
    """What the registry says of the last days."""
    row = connection.execute(_BOOKS, {"oldest": today - LOOK_BACK, "today": today}).one()
    return Books(taken_in=row.taken_in, compared=row.compared, came_later=bool(row.came_later))
