-- An equal number that contradicts: a candidate for a person to judge, never a link.
INSERT INTO link_candidate (feed, source_key, resident_id, reason, unit_id)
SELECT DISTINCT :feed, p.source_key, known.resident_id, 'number_contradicted', CAST(:unit_id AS bigint)
FROM pending AS p
JOIN open_link AS known
    ON known.numbering = p.numbering AND known.party_number = p.party_number AND known.known_to IS NULL
WHERE NOT EXISTS (SELECT FROM open_link AS made WHERE made.feed = :feed AND made.source_key = p.source_key AND made.known_to IS NULL)
ON CONFLICT DO NOTHING
