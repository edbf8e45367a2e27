-- A pair that numbers no longer hold apart is no candidate of theirs any more.
UPDATE link_candidate AS c
SET state = 'gone', closed_at = :now
FROM near AS n
JOIN link AS l ON l.home_id = n.home_id AND l.known_to IS NULL
WHERE c.state = 'open' AND c.level = 1 AND c.reason <> 'key_reissued'
  AND c.feed = l.feed AND c.source_key = l.source_key
  AND NOT EXISTS (
      SELECT
      FROM held AS h
      JOIN link AS o ON o.home_id = h.other_home_id AND o.known_to IS NULL
      WHERE h.home_id = l.home_id AND o.resident_id = c.resident_id
  )
