-- What the incoming records say of strong numbers, in place of what they said before.
WITH said AS (
    SELECT l.home_id, each.kind, each.value
    FROM incoming AS i
    JOIN open_link AS l ON l.feed = :feed AND l.source_key = i.source_key
    CROSS JOIN LATERAL (VALUES
        ('resident_code', i.resident_code_token),
        ('individual_number', i.individual_number_token),
        ('residence_card', i.residence_card_number),
        ('says:' || i.same_as_numbering, i.same_as_party_number)
    ) AS each (kind, value)
    WHERE each.kind IS NOT NULL AND each.value <> ''
), gone AS (
    DELETE FROM strong_number AS s
    USING incoming AS i
    JOIN open_link AS l ON l.feed = :feed AND l.source_key = i.source_key
    WHERE s.home_id = l.home_id
      AND NOT EXISTS (SELECT FROM said WHERE said.home_id = s.home_id AND said.kind = s.kind)
)
INSERT INTO strong_number (home_id, kind, value)
SELECT home_id, kind, value FROM said
ON CONFLICT (home_id, kind) DO UPDATE SET value = excluded.value WHERE strong_number.value <> excluded.value
