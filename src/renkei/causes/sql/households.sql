-- Two systems number households each in its own way. The household that the right side says is known to the left
-- side by its head: from here on, the head's record in the left feed stands for the right side.
UPDATE why_asked AS a
SET right_feed = coalesce(known.feed, ''), right_key = coalesce(known.source_key, '')
FROM why_asked AS w
LEFT JOIN LATERAL (
    SELECT theirs.feed, theirs.source_key
    FROM person_record AS said
    JOIN person_record AS head
        ON head.feed = said.feed AND head.household_number = said.household_number AND head.known_to IS NULL
        AND head.relationship = 'head' AND head.source_key <> said.source_key AND NOT head.removed
    JOIN open_link AS his ON his.feed = head.feed AND his.source_key = head.source_key
    JOIN open_link AS theirs ON theirs.resident_id = his.resident_id AND theirs.feed = w.left_feed
    WHERE said.feed = w.right_feed AND said.source_key = w.right_key AND said.known_to IS NULL
      AND said.household_number <> ''
    ORDER BY head.source_key
    LIMIT 1
) AS known ON true
WHERE w.row = a.row AND a.field = 'household';
DELETE FROM why_asked WHERE right_feed = '';
