-- A key that now speaks of somebody else: what it says contradicts what it said before.
CREATE TEMP TABLE reissued ON COMMIT DROP AS
SELECT l.link_id, l.home_id, l.resident_id, l.source_key,
       -- the day on which what it says now takes effect
       coalesce(now_said.effective_from, i.valid_from) AS valid_from, before.record_id AS last_record_id,
       now_said.record_id AS first_record_id
FROM incoming AS i
JOIN open_link AS l ON l.feed = :feed AND l.source_key = i.source_key
JOIN LATERAL (
    SELECT p.record_id, p.date_of_birth_lo, p.date_of_birth_hi, p.name_key, p.kana_key, p.common_name_key
    FROM person_record AS p
    WHERE p.feed = :feed AND p.source_key = i.source_key
      AND NOT p.removed AND NOT p.superseded AND p.unit_id <> :unit_id
      AND (l.first_record_id IS NULL OR p.record_id >= l.first_record_id)
    ORDER BY p.record_id DESC
    LIMIT 1
) AS before ON contradicts(
    i.date_of_birth_lo, i.date_of_birth_hi, i.name_key, i.kana_key, i.common_name_key,
    before.date_of_birth_lo, before.date_of_birth_hi, before.name_key, before.kana_key, before.common_name_key)
JOIN person_record AS now_said
    ON now_said.feed = :feed AND now_said.source_key = i.source_key AND now_said.unit_id = :unit_id
    AND NOT now_said.superseded
WHERE :refuse
