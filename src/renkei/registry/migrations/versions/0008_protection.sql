-- 支援措置: who is marked, by which record, since when. What was marked is never rewritten; that it should end is
-- added. A closed row was ended by two people (ended), or its source has marked the person again (said_again).
CREATE TABLE protection (
    protection_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    feed text NOT NULL,
    source_key text NOT NULL,
    -- whom the key spoke of when it was marked
    home_id bigint NOT NULL,
    -- the version that said it
    record_id bigint NOT NULL,
    -- 支援措置区分: support | provisional | joint (併せて支援を求める者); null: the source does not say
    kind text,
    -- the term; its last day ends nothing
    term_from date,
    term_until date,
    known_from timestamptz NOT NULL,
    known_to timestamptz,
    unit_id bigint NOT NULL,
    -- since when its source says so no longer, and what it says: none, gone (no record), silent (nothing)
    end_told_at timestamptz,
    end_told text CHECK (end_told IN ('none', 'gone', 'silent')),
    end_told_unit bigint,
    -- the end that one person asks for and another approves
    end_asked_by text,
    end_asked_at timestamptz,
    end_reason text CHECK (end_reason <> ''),
    end_approved_by text,
    closed_as text CHECK (closed_as IN ('ended', 'said_again')),
    CHECK (known_to IS NULL OR known_to >= known_from),
    CHECK ((known_to IS NULL) = (closed_as IS NULL)),
    CHECK ((end_told_at IS NULL) = (end_told IS NULL)),
    CHECK ((end_asked_by IS NULL) = (end_reason IS NULL) AND (end_asked_by IS NULL) = (end_asked_at IS NULL)),
    -- nobody ends it alone, and nobody ends what its source still says
    CHECK (closed_as IS DISTINCT FROM 'ended' OR coalesce(end_told IS NOT NULL AND end_asked_by <> end_approved_by, false))
);
CREATE UNIQUE INDEX protection_open ON protection (feed, source_key, home_id) WHERE known_to IS NULL;
CREATE INDEX protection_of_unit ON protection (unit_id);
CREATE INDEX protection_told_in_unit ON protection (end_told_unit) WHERE end_told_unit IS NOT NULL;
-- the marks of a unit, without a look at anybody else's records
CREATE INDEX person_record_marked ON person_record (unit_id) WHERE protected = 'protected';

-- Households of facilities (施設), as the city declares them: who lives there is not swept in.
CREATE TABLE facility_household (
    feed text NOT NULL,
    household_number text NOT NULL,
    PRIMARY KEY (feed, household_number)
);

-- What was marked before this table, where nobody has said the contrary since.
INSERT INTO protection (feed, source_key, home_id, record_id, kind, term_from, term_until, known_from, unit_id,
    end_told_at, end_told, end_told_unit)
SELECT said.feed, said.source_key, l.home_id, said.record_id, said.protected_kind, said.protected_from,
    said.protected_until, said.known_from, said.unit_id, gone.known_from, CASE WHEN gone.removed THEN 'gone' END,
    gone.unit_id
FROM (
    SELECT DISTINCT ON (feed, source_key) *
    FROM person_record
    WHERE NOT removed AND NOT superseded
    ORDER BY feed, source_key, unit_id DESC
) AS said
JOIN link AS l
    ON l.feed = said.feed AND l.source_key = said.source_key AND l.known_to IS NULL AND l.valid_to IS NULL
LEFT JOIN person_record AS gone
    ON gone.feed = said.feed AND gone.source_key = said.source_key AND gone.known_to IS NULL AND gone.removed
WHERE said.protected = 'protected';

-- Everyone who has a mark, now: by the person whom it was made of, and by the key that it was made on. A key that
-- is somebody else's now may have been taken from its person by mistake, so both stay marked until people end it.
-- OFFSET 0, here and below: from few rows to many each is looked up by its index, whatever the planner was told of
-- the tables and when.
CREATE VIEW protected_resident AS
SELECT who.resident_id, p.protection_id
FROM protection AS p
CROSS JOIN LATERAL (
    SELECT resident_id FROM link WHERE home_id = p.home_id AND known_to IS NULL
    UNION ALL
    SELECT resident_id FROM open_link WHERE feed = p.feed AND source_key = p.source_key AND home_id <> p.home_id
    OFFSET 0
) AS who
WHERE p.known_to IS NULL;

-- Whoever is not cleared: marked, or no system says none.
DROP INDEX golden_unknown;
CREATE INDEX golden_not_cleared ON golden_version (resident_id)
    WHERE known_to IS NULL AND protected IS DISTINCT FROM 'none';

-- Where a marked record that is gone was last said to live: with those whom it last named.
CREATE VIEW household_left_marked AS
SELECT said.feed, said.household_number
FROM protection AS p
CROSS JOIN LATERAL (
    -- of a key that was given to somebody else, what it said of the one who was marked
    SELECT coalesce(max(last_record_id), 9223372036854775807) AS last_record_id
    FROM link
    WHERE home_id = p.home_id AND known_to IS NULL
) AS whose
CROSS JOIN LATERAL (
    SELECT feed, household_number
    FROM person_record
    WHERE feed = p.feed AND source_key = p.source_key AND NOT removed AND NOT superseded
      AND record_id <= whose.last_record_id
    ORDER BY unit_id DESC
    LIMIT 1
) AS said
WHERE p.known_to IS NULL AND p.end_told = 'gone' AND said.household_number <> '';

-- 閲覧制限: whoever is marked or unknown, and everyone of a household with such a person in any system.
CREATE VIEW restricted_resident AS
WITH sheltered AS MATERIALIZED (
    SELECT resident_id FROM protected_resident
    UNION
    SELECT resident_id FROM golden_version WHERE known_to IS NULL AND protected IS DISTINCT FROM 'none'
), shared AS MATERIALIZED (
    SELECT home.feed, home.household_number
    FROM sheltered AS s
    CROSS JOIN LATERAL (
        SELECT feed, source_key FROM open_link WHERE resident_id = s.resident_id OFFSET 0
    ) AS l
    CROSS JOIN LATERAL (
        SELECT feed, household_number
        FROM person_record
        WHERE feed = l.feed AND source_key = l.source_key AND known_to IS NULL AND household_number <> ''
        OFFSET 0
    ) AS home
    UNION
    SELECT feed, household_number FROM household_left_marked
    EXCEPT
    SELECT feed, household_number FROM facility_household
)
SELECT resident_id FROM sheltered
UNION
SELECT l.resident_id
FROM shared AS h
CROSS JOIN LATERAL (
    SELECT feed, source_key
    FROM person_record
    WHERE feed = h.feed AND household_number = h.household_number AND known_to IS NULL
    OFFSET 0
) AS p
CROSS JOIN LATERAL (
    SELECT resident_id FROM open_link WHERE feed = p.feed AND source_key = p.source_key OFFSET 0
) AS l;

-- The same of one resident, by what hangs on that one alone. A link that is no longer the key's last holds the mark
-- that was made of its own person; the last one holds every mark that was made on the key.
CREATE FUNCTION is_restricted(asked bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
    WITH mine AS MATERIALIZED (
        SELECT home.feed, home.household_number
        FROM open_link AS l
        CROSS JOIN LATERAL (
            SELECT feed, household_number
            FROM person_record
            WHERE feed = l.feed AND source_key = l.source_key AND known_to IS NULL AND household_number <> ''
            OFFSET 0
        ) AS home
        WHERE l.resident_id = asked
        EXCEPT
        SELECT feed, household_number FROM facility_household
    ), mates AS MATERIALIZED (
        SELECT asked AS resident_id
        UNION
        SELECT l.resident_id
        FROM mine AS h
        CROSS JOIN LATERAL (
            SELECT feed, source_key
            FROM person_record
            WHERE feed = h.feed AND household_number = h.household_number AND known_to IS NULL
            OFFSET 0
        ) AS p
        CROSS JOIN LATERAL (
            SELECT resident_id FROM open_link WHERE feed = p.feed AND source_key = p.source_key OFFSET 0
        ) AS l
    )
    SELECT EXISTS (
        SELECT
        FROM mates AS m
        CROSS JOIN LATERAL (
            SELECT FROM golden_version
            WHERE resident_id = m.resident_id AND known_to IS NULL AND protected IS DISTINCT FROM 'none'
            OFFSET 0
        ) AS g
    ) OR EXISTS (
        SELECT
        FROM mates AS m
        CROSS JOIN LATERAL (
            SELECT feed, source_key, home_id, valid_to
            FROM link
            WHERE resident_id = m.resident_id AND known_to IS NULL
            OFFSET 0
        ) AS l
        CROSS JOIN LATERAL (
            SELECT FROM protection
            WHERE feed = l.feed AND source_key = l.source_key AND known_to IS NULL
              AND (home_id = l.home_id OR l.valid_to IS NULL)
            OFFSET 0
        ) AS p
    ) OR EXISTS (
        SELECT FROM household_left_marked JOIN mine USING (feed, household_number)
    )
$$;
