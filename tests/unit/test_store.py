"""The registry's schema and the record types say the same."""

import pytest
import sqlalchemy as sa

from renkei.records import RECORD_TYPES, SHARED
from renkei.registry.store import migrate


@pytest.mark.parametrize("kind", RECORD_TYPES.values(), ids=lambda kind: kind.name)
def test_every_column_of_a_record_type_has_a_home_in_its_table(registry: sa.Engine, kind) -> None:
    columns = {column["name"] for column in sa.inspect(registry).get_columns(kind.table)}

    assert {name for name, _ in (*SHARED, *kind.columns)} <= columns


def test_a_second_migration_changes_nothing(registry: sa.Engine, registry_url: str) -> None:
    before = sorted(sa.inspect(registry).get_table_names())

    migrate(registry_url)

    assert sorted(sa.inspect(registry).get_table_names()) == before


@pytest.mark.parametrize(
    "verb", ["UPDATE audit_event SET body = ''", "DELETE FROM audit_event", "TRUNCATE audit_seal"]
)
def test_the_audit_trail_refuses_rewriting(registry: sa.Engine, verb: str) -> None:
    with registry.connect() as connection, pytest.raises(sa.exc.DBAPIError, match="append-only"):
        connection.exec_driver_sql(verb)
