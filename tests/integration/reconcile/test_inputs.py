"""What the rules read from the registry."""

from datetime import date

import pytest
import sqlalchemy as sa
from tests.integration.reconcile.world import Hub

from renkei.reconcile import inputs
from renkei.reconcile.relation import DELIVERY, DELIVERY_SCHEMA, LINK_SCHEMA


@pytest.fixture
def hub(registry: sa.Engine) -> Hub:
    return Hub(registry)


def test_only_open_links_are_read(hub: Hub) -> None:
    with hub.engine.begin() as connection:
        connection.exec_driver_sql("""
            INSERT INTO link (
                resident_id, home_id, feed, source_key, rule, valid_from, known_from, known_to, unit_id
            ) VALUES
                (1, 1, 'juki.resident', '0000000018', 'founder', '2026-11-20', now(), NULL, 1),
                (2, 2, 'juki.resident', '0000000026', 'founder', '2026-11-20', now(), now(), 1)
        """)
        table = inputs.links(connection)

    assert table.schema.equals(LINK_SCHEMA)
    assert table.to_pylist() == [{"feed": "juki.resident", "source_key": "0000000018", "resident_id": 1}]


def test_deliveries_carry_the_counts_of_their_units(hub: Hub) -> None:
    with hub.engine.begin() as connection:
        connection.exec_driver_sql(f"""
            INSERT INTO delivery (feed, name, sha256, as_of, received_at, run_id, verdict, error_code)
            SELECT 'tax.taxpayer', 'KJ,"1".DAT', '{"0" * 64}', '2026-11-20', now(), run_id, 'refused',
                'E_TRAILER_COUNT'
            FROM run
        """)
        table = inputs.hub(connection)[DELIVERY]

    assert table.schema.equals(DELIVERY_SCHEMA)
    first, second = sorted(table.to_pylist(), key=lambda row: row["delivery_id"])
    assert (first["verdict"], first["records"], first["merged"], first["error_code"]) == (
        "merged",
        2,
        2,
        None,
    )
    assert (second["name"], second["as_of"], second["records"]) == ('KJ,"1".DAT', date(2026, 11, 20), None)


def test_an_empty_registry_has_tables_with_the_right_columns(registry: sa.Engine) -> None:
    with registry.connect() as connection:
        assert inputs.links(connection).schema.equals(LINK_SCHEMA)
        assert inputs.hub(connection)[DELIVERY].schema.equals(DELIVERY_SCHEMA)
