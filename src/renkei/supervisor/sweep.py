"""Which day the bell forgot: asked of the hub's own books, never of Airflow's.

A wake-up can be lost (Airflow 3.3 may split one day's events over two pending runs, or drop them), and a
system may simply not deliver. Either way the day was taken in and nobody reconciled it.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from renkei.project import Project

#: Days older than this are history; a person reconciles them by hand if ever.
LOOK_BACK = timedelta(days=14)

_DAYS = sa.text("""
    SELECT DISTINCT as_of, kind = 'reconcile' AS reconciled
    FROM run
    WHERE as_of BETWEEN :oldest AND :today
      AND (kind = 'sync_in' OR (kind = 'reconcile' AND state = 'done'))
""")


def day_left_over(*, taken_in: Iterable[date], reconciled: Iterable[date]) -> date | None:
    """The newest day taken in after the last reconciled one.

    Only the newest: snapshots hold the present, so a day that a later one has overtaken cannot be
    compared as it was; its differences are found on the newest day, with their own ``since``.
    """
    newest = max(taken_in, default=None)
    done = max(reconciled, default=date.min)
    return newest if newest is not None and newest > done else None


def day_to_reconcile(project: "Project", *, today: date) -> date | None:
    """The day that the sweep must reconcile now, or None."""
    from renkei.registry import store

    engine = store.connect(store.url_of(project.var))
    try:
        with engine.connect() as connection:
            rows = connection.execute(_DAYS, {"oldest": today - LOOK_BACK, "today": today}).all()
    finally:
        engine.dispose()
    return day_left_over(
        taken_in=[row.as_of for row in rows if not row.reconciled],
        reconciled=[row.as_of for row in rows if row.reconciled],
    )
