"""Changes of a PostgreSQL table from its log."""

import pytest
from tests.conformance.kit import Subject
from tests.integration.connectors.changes_peer import Followed, legacy, legacy_cluster, slot, subject_of

__all__ = ["legacy", "legacy_cluster", "pg_slot_subject", "slot"]


@pytest.fixture
def pg_slot_subject(slot: Followed) -> Subject:
    """The table with its publication."""
    return subject_of(slot)
