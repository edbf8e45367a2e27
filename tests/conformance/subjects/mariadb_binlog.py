"""Changes of a MariaDB table from its binary log."""

import pytest
from tests.conformance.kit import Subject
from tests.integration.connectors.changes_peer import Followed, binlog, subject_of
from tests.integration.connectors.mariadb_peer import mariadb_server

__all__ = ["binlog", "mariadb_binlog_subject", "mariadb_server"]


@pytest.fixture
def mariadb_binlog_subject(binlog: Followed) -> Subject:
    """The table in a database of its own."""
    return subject_of(binlog)
