-- OFFSET 0: each is looked up by its index, whatever the planner makes of few among very many
SELECT DISTINCT l.home_id, p.match_key
FROM near AS n
CROSS JOIN LATERAL (SELECT * FROM link WHERE home_id = n.home_id AND known_to IS NULL OFFSET 0) AS l
CROSS JOIN LATERAL (
    SELECT record_id, superseded, match_key
    FROM person_record
    WHERE feed = l.feed AND source_key = l.source_key AND match_key <> ''
    OFFSET 0
) AS p
WHERE (l.first_record_id IS NULL OR (p.record_id >= l.first_record_id AND NOT p.superseded))
  AND (l.last_record_id IS NULL OR p.record_id <= l.last_record_id)
