-- A pair that a number joins and something forbids is a question; who could not say is asked again when one of the two
-- records is another one. OFFSET 0: answers are looked up pair by pair, whatever the planner was told.
INSERT INTO link_candidate (feed, source_key, resident_id, other_feed, other_key, reason, level, unit_id, found_at)
SELECT feed, source_key, resident_id, other_feed, other_key, reason, level, CAST(:unit_id AS bigint), :now
FROM (
    SELECT DISTINCT ON (l.feed, l.source_key, o.resident_id)
        l.feed, l.source_key, l.resident_id AS asked_of, o.resident_id, o.feed AS other_feed,
        o.source_key AS other_key, h.reason, h.level
    FROM held AS h
    JOIN open_link AS l ON l.home_id = h.home_id
    JOIN open_link AS o ON o.home_id = h.other_home_id
    WHERE l.resident_id <> o.resident_id
    ORDER BY l.feed, l.source_key, o.resident_id, h.reason DESC, o.link_id
) AS pair
WHERE NOT EXISTS (
    SELECT
    FROM link AS one
    CROSS JOIN LATERAL (
        SELECT CASE one.home_id WHEN left_home THEN right_home ELSE left_home END AS home_id
        FROM still_cannot_say
        WHERE left_home = one.home_id OR right_home = one.home_id
        OFFSET 0
    ) AS said
    CROSS JOIN LATERAL (
        SELECT FROM link
        WHERE home_id = said.home_id AND known_to IS NULL AND resident_id = pair.resident_id
        OFFSET 0
    ) AS other
    WHERE one.resident_id = pair.asked_of AND one.known_to IS NULL
    OFFSET 0
)
ON CONFLICT DO NOTHING
