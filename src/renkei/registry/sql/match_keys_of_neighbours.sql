SELECT DISTINCT l.home_id, p.match_key
FROM near AS n
JOIN link AS l ON l.home_id = n.home_id AND l.known_to IS NULL
JOIN person_record AS p ON p.feed = l.feed AND p.source_key = l.source_key AND p.match_key <> ''
WHERE (l.first_record_id IS NULL OR (p.record_id >= l.first_record_id AND NOT p.superseded))
  AND (l.last_record_id IS NULL OR p.record_id <= l.last_record_id)
