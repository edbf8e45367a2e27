-- One round further: by resident, by number, by what a record says of numbers, by four equal attributes, and by
-- decisions. Of a number that too many share only so many are fetched as tell that they are too many.
-- OFFSET 0: each is looked up by its index, whatever the planner makes of few among very many.
WITH last AS MATERIALIZED (
    SELECT l.home_id, l.resident_id, l.feed, l.source_key, l.numbering, l.party_number,
           l.first_record_id, l.last_record_id
    FROM near AS n
    CROSS JOIN LATERAL (SELECT * FROM link WHERE home_id = n.home_id AND known_to IS NULL OFFSET 0) AS l
    WHERE n.round = :round
), attributes AS MATERIALIZED (
    SELECT DISTINCT p.match_key
    FROM last AS a
    CROSS JOIN LATERAL (
        SELECT record_id, superseded, match_key
        FROM person_record
        WHERE feed = a.feed AND source_key = a.source_key AND match_key <> ''
        OFFSET 0
    ) AS p
    WHERE (a.first_record_id IS NULL OR (p.record_id >= a.first_record_id AND NOT p.superseded))
      AND (a.last_record_id IS NULL OR p.record_id <= a.last_record_id)
), numbers AS MATERIALIZED (
    SELECT DISTINCT numbering, party_number FROM last WHERE numbering IS NOT NULL AND party_number <> ''
    UNION
    SELECT substr(s.kind, 6), s.value
    FROM last JOIN strong_number AS s USING (home_id)
    WHERE s.kind LIKE 'says:%'
), found AS (
    SELECT b.home_id
    FROM (SELECT DISTINCT resident_id FROM last) AS a
    CROSS JOIN LATERAL (
        SELECT home_id FROM link WHERE resident_id = a.resident_id AND known_to IS NULL OFFSET 0
    ) AS b
    UNION ALL
    SELECT b.home_id
    FROM numbers AS a
    CROSS JOIN LATERAL (
        SELECT home_id
        FROM link
        WHERE numbering = a.numbering AND party_number = a.party_number AND known_to IS NULL
        ORDER BY home_id
        LIMIT :most
    ) AS b
    UNION ALL
    SELECT s.home_id
    FROM numbers AS a
    JOIN strong_number AS s ON s.kind = 'says:' || a.numbering AND s.value = a.party_number
    UNION ALL
    SELECT b.home_id
    FROM last
    JOIN strong_number AS s USING (home_id)
    CROSS JOIN LATERAL (
        SELECT home_id FROM strong_number WHERE kind = s.kind AND value = s.value ORDER BY home_id LIMIT :most
    ) AS b
    UNION ALL
    SELECT b.home_id
    FROM attributes AS a
    CROSS JOIN LATERAL (
        SELECT DISTINCT l.home_id
        FROM person_record AS q
        CROSS JOIN LATERAL (
            -- each half has an index of its own
            SELECT o.home_id, o.first_record_id, o.last_record_id
            FROM link AS o
            WHERE o.feed = q.feed AND o.source_key = q.source_key AND o.known_to IS NULL AND o.valid_to IS NULL
            UNION ALL
            SELECT o.home_id, o.first_record_id, o.last_record_id
            FROM link AS o
            WHERE o.feed = q.feed AND o.source_key = q.source_key AND o.known_to IS NULL AND o.valid_to IS NOT NULL
        ) AS l
        WHERE q.match_key = a.match_key
            AND (l.first_record_id IS NULL OR (q.record_id >= l.first_record_id AND NOT q.superseded))
            AND (l.last_record_id IS NULL OR q.record_id <= l.last_record_id)
        ORDER BY l.home_id
        LIMIT :most
    ) AS b
    UNION ALL
    SELECT d.right_home FROM last JOIN decision AS d ON d.left_home = last.home_id
    WHERE d.kind = 'same' AND d.in_force_from IS NOT NULL AND d.in_force_until IS NULL
    UNION ALL
    SELECT d.left_home FROM last JOIN decision AS d ON d.right_home = last.home_id
    WHERE d.kind = 'same' AND d.in_force_from IS NOT NULL AND d.in_force_until IS NULL
)
INSERT INTO near (home_id, round)
SELECT DISTINCT home_id, :round + 1 FROM found
ON CONFLICT DO NOTHING
