-- The same person's record, which now carries another number.
WITH renumbered AS (
    UPDATE link AS l
    SET known_to = greatest(:now, l.known_from)
    FROM incoming AS i
    WHERE l.feed = :feed AND l.source_key = i.source_key AND l.known_to IS NULL AND l.valid_to IS NULL
      AND (l.numbering, l.party_number) IS DISTINCT FROM (i.numbering, i.party_number)
      AND l.unit_id IS DISTINCT FROM :unit_id
    RETURNING l.*, i.numbering AS new_numbering, i.party_number AS new_party_number
)
INSERT INTO link (resident_id, home_id, feed, source_key, numbering, party_number, rule, via_feed, via_key,
                  decision_id, valid_from, first_record_id, known_from, unit_id)
SELECT resident_id, home_id, feed, source_key, new_numbering, new_party_number, rule, via_feed, via_key,
       decision_id, valid_from, first_record_id, known_to, :unit_id
FROM renumbered
ORDER BY home_id
