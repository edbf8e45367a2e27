UPDATE link AS l
SET known_to = greatest(:now, l.known_from)
FROM relinked AS r
WHERE l.link_id = r.link_id AND NOT (l.unit_id IS NOT DISTINCT FROM :unit_id AND l.known_from = :now)
