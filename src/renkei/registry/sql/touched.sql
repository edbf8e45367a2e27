-- Whose golden record may change: of the unit's own records, and of those whom they joined or parted.
CREATE TEMP TABLE touched ON COMMIT DROP AS
SELECT l.resident_id
FROM open_link AS l
WHERE l.feed = :feed
  AND l.source_key IN (SELECT source_key FROM incoming UNION ALL SELECT source_key FROM ended)
UNION
SELECT resident_id FROM reissued
UNION
SELECT resident_id FROM moved
