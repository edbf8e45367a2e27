-- Level 1: an equal number within one numbering, unless birth date and every name contradict what that
-- record says, or last said before it was removed. A record that said nothing yet proves nothing.
INSERT INTO link (resident_id, home_id, feed, source_key, numbering, party_number, rule, valid_from, known_from, unit_id)
SELECT DISTINCT ON (p.source_key)
    known.resident_id, known.home_id, :feed, p.source_key, p.numbering, p.party_number, 'strong_id', p.valid_from, :now, :unit_id
FROM pending AS p
JOIN open_link AS known
    ON known.numbering = p.numbering AND known.party_number = p.party_number AND known.known_to IS NULL
JOIN LATERAL (
    SELECT date_of_birth_lo, date_of_birth_hi, name_key, kana_key, common_name_key
    FROM person_record AS said
    WHERE said.feed = known.feed AND said.source_key = known.source_key AND NOT said.removed
    ORDER BY said.unit_id DESC
    LIMIT 1
) AS other ON NOT :refuse_contradictions
   OR coalesce(p.date_of_birth_lo <= other.date_of_birth_hi AND other.date_of_birth_lo <= p.date_of_birth_hi, true)
   OR p.name_key = other.name_key
   OR p.kana_key = other.kana_key
   OR p.common_name_key IN (other.name_key, other.common_name_key)
   OR p.name_key = other.common_name_key
ORDER BY p.source_key, known.link_id
