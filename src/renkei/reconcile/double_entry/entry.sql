-- Every value that was keyed from {begin} on and before {end}, by whomever, of residents of whom a person keyed one.
-- Read by PostgreSQL, and by DuckDB in tests.
WITH hanging AS (
    SELECT feed, person_key
    FROM tax_record
    WHERE operator_kind = 'person' AND changed_at >= CAST('{begin}' AS timestamptz)
        AND changed_at < CAST('{end}' AS timestamptz)
    UNION
    SELECT feed, person_key
    FROM benefit_record
    WHERE operator_kind = 'person' AND changed_at >= CAST('{begin}' AS timestamptz)
        AND changed_at < CAST('{end}' AS timestamptz)
),
-- a record that hangs on a person names it by the key of its own system, in one of that system's feeds
touched AS (
    SELECT feed, source_key
    FROM person_record
    WHERE operator_kind = 'person' AND changed_at >= CAST('{begin}' AS timestamptz)
        AND changed_at < CAST('{end}' AS timestamptz)
    UNION
    SELECT c.feed, h.person_key
    FROM hanging AS h
    JOIN cursor AS c ON split_part(c.feed, '.', 1) = split_part(h.feed, '.', 1)
),
own AS (
    SELECT DISTINCT split_part(l.feed, '.', 1) AS system, l.feed, l.source_key, l.resident_id
    FROM open_link AS l
    WHERE l.resident_id IN (
        SELECT o.resident_id
        FROM touched AS t
        JOIN open_link AS o ON o.feed = t.feed AND o.source_key = t.source_key
    )
),
version AS (
    SELECT
        r.feed, o.system, r.source_key, o.resident_id, r.record_id, r.source_version, r.valid_from, r.changed_at,
        r.change_kind, r.operator, r.operator_kind, r.terminal,
        r.address_key AS address,
        r.name_key AS name,
        CAST(r.date_of_birth_lo AS text) || '/' || CAST(r.date_of_birth_hi AS text) AS date_of_birth,
        r.sex,
        r.household_number AS household,
        CAST(NULL AS text) AS mailing_address,
        r.name_key || '/' || coalesce(CAST(r.date_of_birth_lo AS text), '') AS record,
        CAST(NULL AS text) AS benefit
    FROM own AS o
    JOIN person_record AS r ON r.feed = o.feed AND r.source_key = o.source_key
    WHERE NOT r.removed AND r.changed_at IS NOT NULL
    UNION ALL
    SELECT
        r.feed, o.system, r.source_key, o.resident_id, r.record_id, r.source_version, r.valid_from, r.changed_at,
        r.change_kind, r.operator, r.operator_kind, r.terminal,
        NULL, NULL, NULL, NULL, NULL, r.mailing_address_key, NULL, NULL
    FROM (SELECT DISTINCT system, source_key, resident_id FROM own) AS o
    JOIN tax_record AS r ON r.person_key = o.source_key AND split_part(r.feed, '.', 1) = o.system
    WHERE NOT r.removed AND r.changed_at IS NOT NULL
    UNION ALL
    SELECT
        r.feed, o.system, r.source_key, o.resident_id, r.record_id, r.source_version, r.valid_from, r.changed_at,
        r.change_kind, r.operator, r.operator_kind, r.terminal,
        NULL, NULL, NULL, NULL, NULL, NULL, NULL,
        r.benefit_kind || '/' || CAST(r.started_on AS text) || '/' || coalesce(r.payee_key, '')
    FROM (SELECT DISTINCT system, source_key, resident_id FROM own) AS o
    JOIN benefit_record AS r ON r.person_key = o.source_key AND split_part(r.feed, '.', 1) = o.system
    WHERE NOT r.removed AND r.changed_at IS NOT NULL
),
followed AS (
    SELECT
        v.*,
        lag(v.changed_at) OVER record AS changed_before,
        lag(v.address) OVER record AS address_before,
        lag(v.name) OVER record AS name_before,
        lag(v.date_of_birth) OVER record AS date_of_birth_before,
        lag(v.sex) OVER record AS sex_before,
        lag(v.household) OVER record AS household_before,
        lag(v.mailing_address) OVER record AS mailing_address_before
    FROM version AS v
    WINDOW record AS (PARTITION BY v.feed, v.source_key ORDER BY v.changed_at, v.source_version, v.record_id)
)
SELECT
    f.feed, f.system, f.source_key, f.resident_id, e.field, e.value, f.changed_at AS entered_at, f.operator,
    f.operator_kind, f.terminal, f.change_kind, f.valid_from AS event_date
FROM followed AS f
CROSS JOIN LATERAL (
    VALUES
        ('address', f.address, f.address_before),
        ('name', f.name, f.name_before),
        ('date_of_birth', f.date_of_birth, f.date_of_birth_before),
        ('sex', f.sex, f.sex_before),
        ('household', f.household, f.household_before),
        ('mailing_address', f.mailing_address, f.mailing_address_before),
        ('record', f.record, NULL),
        ('benefit', f.benefit, NULL)
) AS e (field, value, value_before)
WHERE f.changed_at >= CAST('{begin}' AS timestamptz)
    AND f.changed_at < CAST('{end}' AS timestamptz)
    AND e.value <> ''
    -- a version told again, or read anew by another mapping, was not keyed again
    AND (f.changed_before IS NULL OR f.changed_before < f.changed_at)
    AND CASE
        WHEN e.field IN ('record', 'benefit')
            THEN f.changed_before IS NULL AND f.change_kind IN ('new', 'moved_in', 'birth')
        -- the source says what was keyed, also where the value stayed as it was
        WHEN f.change_kind IN ('address', 'name', 'date_of_birth', 'sex', 'household')
            THEN e.field = f.change_kind OR (e.field = 'mailing_address' AND f.change_kind = 'address')
        -- these write again what was there before
        WHEN f.change_kind IN ('cancelled', 'renewed_sheet') THEN FALSE
        ELSE f.changed_before IS NOT NULL AND e.value IS DISTINCT FROM e.value_before
    END
