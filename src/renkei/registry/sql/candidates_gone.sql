-- A pair that numbers no longer hold apart is no candidate of theirs any more.
WITH mine AS MATERIALIZED (
    SELECT c.link_candidate_id, l.home_id, c.resident_id
    FROM near AS n
    JOIN open_link AS l ON l.home_id = n.home_id
    JOIN link_candidate AS c ON c.feed = l.feed AND c.source_key = l.source_key AND c.state = 'open'
    WHERE c.level = 1 AND c.reason <> 'key_reissued'
), still AS MATERIALIZED (
    SELECT h.home_id, o.resident_id
    FROM held AS h
    JOIN open_link AS o ON o.home_id = h.other_home_id
)
UPDATE link_candidate AS c
SET state = 'gone', closed_at = :now
FROM mine
LEFT JOIN still USING (home_id, resident_id)
WHERE c.link_candidate_id = mine.link_candidate_id AND still.home_id IS NULL
