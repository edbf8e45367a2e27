-- The key was this person's until the day from which it is somebody else's.
WITH ended AS (
    UPDATE link AS l
    SET known_to = greatest(:now, l.known_from)
    FROM reissued AS r
    WHERE l.link_id = r.link_id
    RETURNING l.*, r.valid_from AS ends_on, r.last_record_id AS last_said
)
INSERT INTO link (resident_id, home_id, feed, source_key, numbering, party_number, rule, via_feed, via_key,
                  decision_id, valid_from, valid_to, first_record_id, last_record_id, known_from, unit_id)
SELECT resident_id, home_id, feed, source_key, numbering, party_number, rule, via_feed, via_key, decision_id,
       valid_from, ends_on, first_record_id, last_said, known_to, :unit_id
FROM ended
ORDER BY home_id
