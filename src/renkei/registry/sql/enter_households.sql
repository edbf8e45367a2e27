INSERT INTO household_member (household_id, resident_id, feed, source_key, relationship, is_head, valid_from, known_from, unit_id)
SELECT h.household_id, l.resident_id, :feed, i.source_key, i.relationship, coalesce(i.is_household_head, false), i.valid_from, :now, :unit_id
FROM incoming AS i
JOIN household AS h ON h.system = :system AND h.household_number = i.household_number
JOIN link AS l ON l.feed = :feed AND l.source_key = i.source_key AND l.known_to IS NULL
WHERE NOT EXISTS (
    SELECT FROM household_member AS open
    WHERE open.feed = :feed AND open.source_key = i.source_key AND open.known_to IS NULL
)
ORDER BY i.source_key
