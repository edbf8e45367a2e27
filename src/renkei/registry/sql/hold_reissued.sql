-- A person judges whether the key was given to somebody else or its record was overwritten.
INSERT INTO link_candidate (feed, source_key, resident_id, other_feed, other_key, reason, unit_id, found_at)
SELECT :feed, r.source_key, r.resident_id, :feed, r.source_key, 'key_reissued', CAST(:unit_id AS bigint), :now
FROM reissued AS r
ON CONFLICT DO NOTHING
