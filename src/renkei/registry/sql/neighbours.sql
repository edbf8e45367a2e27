-- Each home of near with its link row and what its record says, or last said before it was removed or given away.
-- OFFSET 0: each is looked up by its index, whatever the planner makes of few among very many
SELECT l.*, said.date_of_birth_lo, said.date_of_birth_hi, said.name_key, said.kana_key, said.common_name_key
FROM near AS n
CROSS JOIN LATERAL (SELECT * FROM link WHERE home_id = n.home_id AND known_to IS NULL OFFSET 0) AS l
LEFT JOIN LATERAL (
    SELECT p.date_of_birth_lo, p.date_of_birth_hi, p.name_key, p.kana_key, p.common_name_key
    FROM person_record AS p
    WHERE p.feed = l.feed AND p.source_key = l.source_key AND NOT p.removed AND NOT p.superseded
      AND (l.last_record_id IS NULL OR p.record_id <= l.last_record_id)
    ORDER BY p.record_id DESC
    LIMIT 1
) AS said ON true
