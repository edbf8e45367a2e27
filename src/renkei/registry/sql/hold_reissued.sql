-- A person judges whether the number was given to somebody else or the record was overwritten.
INSERT INTO link_candidate (feed, source_key, resident_id, reason, unit_id)
SELECT :feed, source_key, resident_id, 'key_reissued', CAST(:unit_id AS bigint)
FROM unlinked
WHERE is_somebody_else
ON CONFLICT DO NOTHING
