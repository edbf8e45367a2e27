"""The guard against a lost bell: which day the hub's own books say is not reconciled as it stands."""

import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from renkei.supervisor.sweep import Books, books

D1, D2 = date(2026, 11, 20), date(2026, 11, 21)
T = datetime(2026, 11, 21, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("taken_in", "compared", "came_later", "expected"),
    [
        (None, None, False, None),
        (D1, None, False, D1),
        (D1, D1, False, None),
        (D2, D1, False, D2),
        (D1, D1, True, D1),
        (D1, D2, False, None),
    ],
)
def test_the_newest_day_is_left_over_unless_it_is_reconciled_as_it_stands(
    taken_in, compared, came_later, expected
):
    assert Books(taken_in=taken_in, compared=compared, came_later=came_later).left_over() == expected


def add_run(
    connection: sa.Connection, kind: str, day: date, *, state: str = "done", at: datetime = T
) -> uuid.UUID:
    run_id = uuid.uuid4()
    connection.execute(
        sa.text(
            "INSERT INTO run (run_id, kind, target, as_of, state, actor, trigger, project_digest,"
            " code_version, started_at) VALUES (:id, :kind, 'x', :day, :state, 'test', 'test', 'd', 'v', :at)"
        ),
        {"id": run_id, "kind": kind, "day": day, "state": state, "at": at},
    )
    return run_id


def add_unit(connection: sa.Connection, run_id: uuid.UUID, day: date, *, at: datetime) -> None:
    digest = "a" * 64
    connection.execute(
        sa.text("INSERT INTO object VALUES (:d, 1, :at) ON CONFLICT DO NOTHING"), {"d": digest, "at": at}
    )
    delivery = connection.execute(
        sa.text(
            "INSERT INTO delivery (feed, name, sha256, received_at, run_id, verdict)"
            " VALUES ('x', :name, :d, :at, :run, 'merged') RETURNING delivery_id"
        ),
        {"name": str(at), "d": digest, "at": at, "run": run_id},
    ).scalar_one()
    connection.execute(
        sa.text(
            "INSERT INTO unit (delivery_id, feed, as_of, run_id, mapping_digest, fence, records, merged,"
            " unchanged, superseded, rejected, ended, dispositions, snapshot, done_at)"
            " VALUES (:delivery, 'x', :day, :run, 'd', 1, 0, 0, 0, 0, 0, 0, :d, :d, :at)"
        ),
        {"delivery": delivery, "day": day, "run": run_id, "d": digest, "at": at},
    )


def test_a_day_whose_bell_was_lost_is_left_over(registry: sa.Engine):
    with registry.begin() as connection:
        add_run(connection, "sync_in", D1)
        add_run(connection, "reconcile", D1)
        add_run(connection, "sync_in", D2)

        assert books(connection, today=D2).left_over() == D2


def test_a_reconciliation_that_failed_does_not_count(registry: sa.Engine):
    with registry.begin() as connection:
        add_run(connection, "sync_in", D1)
        add_run(connection, "reconcile", D1, state="failed")

        assert books(connection, today=D1).left_over() == D1


def test_a_late_delivery_after_the_reconciliation_brings_the_day_back(registry: sa.Engine):
    with registry.begin() as connection:
        run_id = add_run(connection, "sync_in", D1)
        add_unit(connection, run_id, D1, at=T - timedelta(hours=1))
        add_run(connection, "reconcile", D1)
        assert books(connection, today=D1).left_over() is None

        add_unit(connection, run_id, D1, at=T + timedelta(hours=1))

        assert books(connection, today=D1).left_over() == D1


def test_days_long_past_are_left_to_people(registry: sa.Engine):
    with registry.begin() as connection:
        add_run(connection, "sync_in", D1)

        assert books(connection, today=D1 + timedelta(days=30)).left_over() is None
