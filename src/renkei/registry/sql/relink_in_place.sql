-- What this unit wrote in this transaction nobody has seen yet.
UPDATE link AS l
SET resident_id = r.resident_id, rule = r.rule, via_feed = r.via_feed, via_key = r.via_key,
    decision_id = r.decision_id
FROM relinked AS r
WHERE l.link_id = r.link_id AND l.unit_id = :unit_id AND l.known_from = :now
