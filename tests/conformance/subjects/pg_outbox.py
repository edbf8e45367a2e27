"""Changes of a PostgreSQL table through an outbox."""

import pytest
from tests.conformance.kit import Subject
from tests.integration.connectors.changes_peer import Followed, legacy, legacy_cluster, outbox, subject_of

__all__ = ["legacy", "legacy_cluster", "outbox", "pg_outbox_subject"]


@pytest.fixture
def pg_outbox_subject(outbox: Followed) -> Subject:
    """The table with its triggers."""
    return subject_of(outbox)
