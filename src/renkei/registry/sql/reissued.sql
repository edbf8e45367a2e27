-- A key that now speaks of somebody else: what it says contradicts what it said before.
-- OFFSET 0: each is looked up by its index, whatever the planner makes of few among very many.
CREATE TEMP TABLE reissued ON COMMIT DROP AS
SELECT l.link_id, l.home_id, l.resident_id, l.source_key,
       -- the day on which what it says now takes effect
       coalesce(now_said.effective_from, i.valid_from) AS valid_from, before.record_id AS last_record_id,
       now_said.record_id AS first_record_id
FROM incoming AS i
CROSS JOIN LATERAL (SELECT * FROM open_link WHERE feed = :feed AND source_key = i.source_key OFFSET 0) AS l
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
CROSS JOIN LATERAL (
    SELECT record_id, effective_from
    FROM person_record
    WHERE feed = :feed AND source_key = i.source_key AND unit_id = :unit_id AND NOT superseded
    OFFSET 0
) AS now_said
WHERE :refuse AND NOT EXISTS (SELECT FROM as_before AS b WHERE b.source_key = i.source_key)
