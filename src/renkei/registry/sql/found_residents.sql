INSERT INTO resident (resident_id, founded_at, founded_by_unit)
OVERRIDING SYSTEM VALUE
SELECT l.home_id, :now, :unit_id
FROM incoming AS i
JOIN open_link AS l ON l.feed = :feed AND l.source_key = i.source_key
WHERE l.resident_id = l.home_id
  AND NOT EXISTS (SELECT FROM resident AS known WHERE known.resident_id = l.home_id)
ORDER BY l.home_id
