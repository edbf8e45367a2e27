-- From the instant at which the row before ends: a clock that is behind makes no overlap.
INSERT INTO link (resident_id, home_id, feed, source_key, numbering, party_number, rule, via_feed, via_key,
                  decision_id, valid_from, valid_to, first_record_id, last_record_id, known_from, unit_id)
SELECT r.resident_id, l.home_id, l.feed, l.source_key, l.numbering, l.party_number, r.rule, r.via_feed, r.via_key,
       r.decision_id, l.valid_from, l.valid_to, l.first_record_id, l.last_record_id, l.known_to,
       coalesce(CAST(:unit_id AS bigint), l.unit_id)
FROM relinked AS r
JOIN link AS l USING (link_id)
WHERE l.known_to IS NOT NULL
ORDER BY link_id
