UPDATE link
SET known_to = greatest(:now, known_from)
WHERE link_id IN (SELECT link_id FROM unlinked)
