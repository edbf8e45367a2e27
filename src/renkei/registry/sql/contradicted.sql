-- A key that now speaks of somebody else: birth date and every name differ from what it said before.
CREATE TEMP TABLE contradicted ON COMMIT DROP AS
SELECT i.source_key
FROM incoming AS i
JOIN open_link AS l ON l.feed = :feed AND l.source_key = i.source_key AND l.known_to IS NULL
JOIN LATERAL (
    SELECT date_of_birth_lo, date_of_birth_hi, name_key, kana_key, common_name_key
    FROM person_record AS before
    WHERE before.feed = :feed AND before.source_key = i.source_key
      AND NOT before.removed AND before.unit_id <> :unit_id
    ORDER BY before.unit_id DESC
    LIMIT 1
) AS before ON NOT coalesce(
    i.date_of_birth_lo <= before.date_of_birth_hi AND before.date_of_birth_lo <= i.date_of_birth_hi, true
)
WHERE :refuse_contradictions
  AND i.name_key IS DISTINCT FROM before.name_key
  AND i.kana_key IS DISTINCT FROM before.kana_key
  AND coalesce(i.common_name_key NOT IN (before.name_key, before.common_name_key), true)
  AND i.name_key IS DISTINCT FROM before.common_name_key
