-- Who ended, who changed household or relationship, and who is somebody else now; each found by its key.
UPDATE household_member AS member
SET known_to = greatest(:now, member.known_from)
FROM (
    SELECT m.household_member_id
    FROM ended AS e
    JOIN household_member AS m ON m.feed = :feed AND m.source_key = e.source_key AND m.known_to IS NULL
    UNION
    SELECT m.household_member_id
    FROM incoming AS i
    JOIN household_member AS m ON m.feed = :feed AND m.source_key = i.source_key AND m.known_to IS NULL
    JOIN household AS was USING (household_id)
    WHERE (i.household_number, i.relationship) IS DISTINCT FROM (was.household_number, m.relationship)
    UNION
    SELECT m.household_member_id
    FROM unlinked AS u
    JOIN household_member AS m ON m.feed = :feed AND m.source_key = u.source_key AND m.known_to IS NULL
    LEFT JOIN link AS l ON l.feed = :feed AND l.source_key = u.source_key AND l.known_to IS NULL
    WHERE l.resident_id IS DISTINCT FROM m.resident_id
) AS leaving
WHERE member.household_member_id = leaving.household_member_id
