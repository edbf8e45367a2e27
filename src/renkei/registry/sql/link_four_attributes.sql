-- Level 2: name, birth date, sex and address all equal to exactly one resident's.
INSERT INTO link (resident_id, home_id, feed, source_key, numbering, party_number, rule, valid_from, known_from, unit_id)
SELECT min(known.resident_id), min(known.home_id), :feed, p.source_key, p.numbering, p.party_number, 'four_attributes', p.valid_from, :now, :unit_id
FROM pending AS p
JOIN person_record AS other
    ON other.match_key = p.match_key AND other.known_to IS NULL
    AND (other.feed, other.source_key) <> (:feed, p.source_key)
JOIN open_link AS known
    ON known.feed = other.feed AND known.source_key = other.source_key AND known.known_to IS NULL
WHERE NOT EXISTS (SELECT FROM open_link AS made WHERE made.feed = :feed AND made.source_key = p.source_key AND made.known_to IS NULL)
  AND NOT EXISTS (SELECT FROM link_candidate AS held WHERE held.feed = :feed AND held.source_key = p.source_key)
GROUP BY p.source_key, p.numbering, p.party_number, p.valid_from
HAVING count(DISTINCT known.resident_id) = 1
