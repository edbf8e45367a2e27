-- Who shares a number that an incoming record no longer carries: without it they may fit otherwise.
CREATE TEMP TABLE left_behind ON COMMIT DROP AS
WITH mine AS MATERIALIZED (
    SELECT l.home_id, l.numbering AS old_numbering, l.party_number AS old_number, i.*
    FROM incoming AS i
    JOIN open_link AS l ON l.feed = :feed AND l.source_key = i.source_key
    WHERE NOT EXISTS (SELECT FROM as_before AS b WHERE b.source_key = i.source_key)
), said AS MATERIALIZED (
    SELECT s.kind, s.value
    FROM mine AS m
    JOIN strong_number AS s USING (home_id)
    WHERE s.value IS DISTINCT FROM CASE s.kind
        WHEN 'resident_code' THEN m.resident_code_token
        WHEN 'individual_number' THEN m.individual_number_token
        WHEN 'residence_card' THEN m.residence_card_number
        WHEN 'says:' || m.same_as_numbering THEN m.same_as_party_number
    END
), number AS MATERIALIZED (
    SELECT old_numbering AS numbering, old_number AS party_number
    FROM mine
    WHERE old_number <> '' AND (old_numbering, old_number) IS DISTINCT FROM (numbering, party_number)
    UNION
    SELECT substr(kind, 6), value FROM said WHERE kind LIKE 'says:%'
)
SELECT b.home_id
FROM number AS n
CROSS JOIN LATERAL (
    SELECT home_id
    FROM link
    WHERE numbering = n.numbering AND party_number = n.party_number AND known_to IS NULL
    ORDER BY home_id
    LIMIT :most
) AS b
UNION
SELECT s.home_id FROM number AS n JOIN strong_number AS s ON s.kind = 'says:' || n.numbering AND s.value = n.party_number
UNION
SELECT b.home_id
FROM said
CROSS JOIN LATERAL (
    SELECT home_id FROM strong_number WHERE kind = said.kind AND value = said.value ORDER BY home_id LIMIT :most
) AS b
