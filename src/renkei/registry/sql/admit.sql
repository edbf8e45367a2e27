-- Each new key gets a home of its own; who else it is comes after.
INSERT INTO link (resident_id, home_id, feed, source_key, numbering, party_number, rule, valid_from,
                  first_record_id, known_from, unit_id)
SELECT home, home, :feed, source_key, numbering, party_number, 'founder', valid_from, first_record_id, :now, :unit_id
FROM (
    SELECT nextval(pg_get_serial_sequence('resident', 'resident_id')) AS home, each.*
    FROM (
        SELECT i.source_key, i.numbering, i.party_number, i.valid_from, r.first_record_id
        FROM incoming AS i
        LEFT JOIN reissued AS r USING (source_key)
        WHERE NOT EXISTS (SELECT FROM open_link AS l WHERE l.feed = :feed AND l.source_key = i.source_key)
        ORDER BY i.source_key
    ) AS each
) AS numbered
