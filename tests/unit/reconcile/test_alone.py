"""Which rules may look at one resident at a time is read off their text, and read too narrowly rather than too widely."""

import pytest

from renkei.reconcile.alone import is_alone

ALONE = [
    "SELECT j.resident_id FROM juki.resident AS j JOIN tax.taxpayer AS t ON t.resident_id = j.resident_id",
    "SELECT resident_id FROM juki.resident WHERE address IS NULL",
    (
        "SELECT j.resident_id FROM juki.resident AS j LEFT JOIN tax.taxpayer AS t "
        "ON t.resident_id = j.resident_id AND t.name_key = j.name_key WHERE t.source_key IS NULL"
    ),
    (
        "WITH o AS (SELECT resident_id FROM tax.taxpayer UNION ALL SELECT resident_id FROM welfare.recipient) "
        "SELECT j.resident_id FROM o JOIN juki.resident AS j ON j.resident_id = o.resident_id"
    ),
    (
        "SELECT j.resident_id, row_number() OVER (PARTITION BY j.resident_id ORDER BY j.source_key) AS n "
        "FROM juki.resident AS j"
    ),
    "SELECT resident_id, count(*) AS n FROM juki.resident GROUP BY resident_id",
    (
        "SELECT j.resident_id FROM juki.resident AS j WHERE NOT EXISTS "
        "(SELECT 1 FROM tax.taxpayer AS t WHERE t.resident_id = j.resident_id)"
    ),
]
TOGETHER = [
    # of the day
    "SELECT resident_id FROM juki.resident WHERE date_of_birth < $as_of",
    "SELECT resident_id FROM juki.resident WHERE as_of > since",
    "SELECT resident_id FROM juki.resident WHERE source_version > '1'",
    # of several residents
    "SELECT j.resident_id FROM juki.resident AS j JOIN tax.taxpayer AS t ON t.party_number = j.party_number",
    (
        "SELECT a.resident_id FROM juki.resident AS a JOIN juki.resident AS b ON b.resident_id = a.resident_id "
        "JOIN juki.resident AS c ON c.household_number = a.household_number"
    ),
    (
        "SELECT j.resident_id, row_number() OVER (PARTITION BY j.household_number ORDER BY j.source_key) AS n "
        "FROM juki.resident AS j"
    ),
    "SELECT min(resident_id) AS resident_id, count(*) AS n FROM juki.resident GROUP BY household_number",
    "SELECT max(resident_id) AS resident_id FROM juki.resident",
    "SELECT DISTINCT name_key AS resident_id FROM juki.resident",
    "SELECT resident_id FROM juki.resident LIMIT 5",
    (
        "SELECT j.resident_id FROM juki.resident AS j WHERE NOT EXISTS "
        "(SELECT 1 FROM tax.taxpayer AS t WHERE t.name_key = j.name_key)"
    ),
    "SELECT j.resident_id FROM juki.resident AS j WHERE j.name_key IN (SELECT t.name_key FROM tax.taxpayer AS t)",
    "SELECT t.resident_id FROM juki.resident AS j FULL JOIN tax.taxpayer AS t ON t.resident_id = j.resident_id",
    "SELECT j.party_number AS resident_id FROM juki.resident AS j",
    (
        "WITH o AS (SELECT resident_id FROM tax.taxpayer LIMIT 3) "
        "SELECT j.resident_id FROM o JOIN juki.resident AS j ON j.resident_id = o.resident_id"
    ),
    # of several residents, in ways that look like one
    """SELECT a.resident_id FROM juki.resident AS a WHERE EXISTS (
        SELECT 1 FROM tax.taxpayer AS b WHERE b.resident_id = a.resident_id AND EXISTS (
            SELECT 1 FROM juki.resident AS h WHERE h.household_number = b.household_number AND h.sex = '9'))""",
    "SELECT DISTINCT ON (household_number) resident_id FROM juki.resident ORDER BY household_number, source_key",
    """SELECT a.resident_id FROM juki.resident AS a
        JOIN tax.taxpayer AS b ON b.household_number = a.household_number
        LEFT JOIN welfare.recipient AS c ON c.resident_id = a.resident_id AND c.resident_id = b.resident_id""",
    """SELECT a.resident_id FROM juki.resident AS a
        JOIN tax.taxpayer AS b JOIN welfare.recipient AS c ON c.name_key = b.name_key
        ON a.resident_id = b.resident_id""",
    """SELECT a.resident_id, row_number() OVER (PARTITION BY b.resident_id ORDER BY a.source_key) AS n
        FROM juki.resident AS a LEFT JOIN tax.taxpayer AS b ON b.resident_id = a.resident_id""",
    """WITH o AS (SELECT b.resident_id, a.source_key FROM juki.resident AS a
            LEFT JOIN tax.taxpayer AS b ON b.resident_id = a.resident_id)
        SELECT resident_id, count(*) AS n FROM o GROUP BY resident_id""",
    """SELECT a.resident_id FROM juki.resident AS a WHERE EXISTS (
        SELECT 1 FROM tax.taxpayer AS a WHERE a.resident_id = a.resident_id)""",
    """SELECT a.resident_id FROM juki.resident AS a
        JOIN tax.taxpayer AS b USING (household_number)""",
    "SELECT resident_id FROM juki.resident UNION ALL BY NAME SELECT resident_id, sex FROM tax.taxpayer",
    # of the clock, or of chance
    "SELECT resident_id FROM juki.resident WHERE date_of_birth < current_date",
    "SELECT resident_id FROM juki.resident WHERE date_of_birth < today()",
    "SELECT resident_id FROM juki.resident WHERE random() < 0.5",
    "SELECT resident_id FROM juki.resident TABLESAMPLE 5 PERCENT",
    "SELECT resident_id FROM juki.resident USING SAMPLE 5",
    # the hub's own relations change by the clock
    "SELECT resident_id FROM hub.entry",
]


@pytest.mark.parametrize("sql", ALONE)
def test_rows_of_one_residents_own_records_stand_alone(sql: str) -> None:
    assert is_alone(sql)


@pytest.mark.parametrize("sql", TOGETHER)
def test_what_speaks_of_the_day_or_of_several_residents_does_not(sql: str) -> None:
    assert not is_alone(sql)
