INSERT INTO link (resident_id, home_id, feed, source_key, numbering, party_number, rule, valid_from, known_from, unit_id)
SELECT f.resident_id, f.resident_id, :feed, n.source_key, n.numbering, n.party_number,
       CASE WHEN n.source_key = n.founder THEN 'founder' ELSE 'four_attributes' END, n.valid_from, :now, :unit_id
FROM founding AS n
JOIN founded AS f USING (founder)
ORDER BY n.source_key
