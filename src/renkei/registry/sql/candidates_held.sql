INSERT INTO link_candidate (feed, source_key, resident_id, other_feed, other_key, reason, level, unit_id, found_at)
SELECT DISTINCT ON (l.feed, l.source_key, o.resident_id)
    l.feed, l.source_key, o.resident_id, o.feed, o.source_key, h.reason, h.level, CAST(:unit_id AS bigint), :now
FROM held AS h
JOIN open_link AS l ON l.home_id = h.home_id
JOIN open_link AS o ON o.home_id = h.other_home_id
WHERE l.resident_id <> o.resident_id
ORDER BY l.feed, l.source_key, o.resident_id, h.reason DESC, o.link_id
ON CONFLICT DO NOTHING
