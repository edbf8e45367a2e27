-- Links that no longer hold: the key speaks of somebody else, or its number within the numbering changed.
CREATE TEMP TABLE unlinked ON COMMIT DROP AS
SELECT l.link_id, l.resident_id, l.source_key, c.source_key IS NOT NULL AS is_somebody_else
FROM incoming AS i
JOIN open_link AS l ON l.feed = :feed AND l.source_key = i.source_key AND l.known_to IS NULL
LEFT JOIN contradicted AS c ON c.source_key = i.source_key
WHERE c.source_key IS NOT NULL OR (l.numbering, l.party_number) IS DISTINCT FROM (i.numbering, i.party_number)
