-- Whom a value may belong to instead: the household of the same system, and the numbers next to this one.
SELECT
    k.feed, k.source_key, 'household' AS place, o.full_name, o.full_name_kana,
    coalesce(o.date_of_birth::text, o.date_of_birth_raw) AS date_of_birth
FROM why_key AS k
JOIN person_record AS p ON p.feed = k.feed AND p.source_key = k.source_key AND p.known_to IS NULL
JOIN person_record AS o
    ON o.feed = p.feed AND o.household_number = p.household_number AND o.known_to IS NULL
    AND o.source_key <> p.source_key
WHERE k.is_personal AND p.household_number <> '' AND NOT p.removed AND NOT o.removed
  AND NOT EXISTS (
    SELECT FROM facility_household AS f
    WHERE f.feed = p.feed AND f.household_number = p.household_number
  )
UNION ALL
SELECT
    k.feed, k.source_key, 'neighbours', o.full_name, o.full_name_kana,
    coalesce(o.date_of_birth::text, o.date_of_birth_raw)
FROM why_key AS k
CROSS JOIN LATERAL (
    (
        SELECT * FROM person_record
        WHERE feed = k.feed AND source_key < k.source_key AND known_to IS NULL
        ORDER BY source_key DESC LIMIT 1
    )
    UNION ALL
    (
        SELECT * FROM person_record
        WHERE feed = k.feed AND source_key > k.source_key AND known_to IS NULL
        ORDER BY source_key LIMIT 1
    )
) AS o
WHERE k.is_personal AND NOT o.removed
