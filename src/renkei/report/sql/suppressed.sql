-- Cases of which every difference standing on the day was set aside (抑止) on that day, as known at the instant.
WITH standing AS MATERIALIZED (
    SELECT m.*
    FROM mismatch AS m
    WHERE m.first_as_of <= :as_of
        AND m.found_at <= :known_at
        AND (m.gone_at IS NULL OR m.gone_at > :known_at OR m.gone_as_of > :as_of)
), ruled AS MATERIALIZED (
    SELECT s.*
    FROM suppression AS s
    WHERE s.approved_at <= :known_at
        AND (s.approved_at AT TIME ZONE :zone)::date <= :as_of
        AND s.expires_on >= :as_of
        AND (s.ended_at IS NULL OR s.ended_at > :known_at OR (s.ended_at AT TIME ZONE :zone)::date > :as_of)
), placed AS MATERIALIZED (
    -- as in mismatch_place, of the records known at the instant
    SELECT
        m.mismatch_id,
        CASE
            WHEN m.field IN ('name', 'full_name') THEN 'glyph:' || glyphs_between(l.full_name, r.full_name)
            ELSE 'town:' || coalesce(p.address_municipality_code, '') || coalesce(p.address_key_town, p.address_town)
        END AS place
    FROM standing AS m
    LEFT JOIN person_record AS l
        ON m.field IN ('name', 'full_name')
        AND l.feed = m.left_feed AND l.source_key = m.left_key
        AND l.known_from <= :known_at AND (l.known_to IS NULL OR l.known_to > :known_at)
    LEFT JOIN person_record AS r
        ON m.field IN ('name', 'full_name')
        AND r.feed = m.right_feed AND r.source_key = m.right_key
        AND r.known_from <= :known_at AND (r.known_to IS NULL OR r.known_to > :known_at)
    LEFT JOIN golden_version AS g
        ON m.field NOT IN ('name', 'full_name')
        AND g.resident_id = m.resident_id
        AND g.known_from <= :known_at AND (g.known_to IS NULL OR g.known_to > :known_at)
    LEFT JOIN person_record AS p ON p.record_id = g.address_record
    WHERE (m.rule_id, m.class) IN (SELECT rule_id, class FROM ruled WHERE place IS NOT NULL)
), hit AS (
    SELECT DISTINCT m.case_id, m.mismatch_id
    FROM standing AS m
    LEFT JOIN placed USING (mismatch_id)
    JOIN ruled AS s
        ON s.rule_id = m.rule_id
        AND (s.subject_id IS NULL OR (s.subject_kind = m.subject_kind AND s.subject_id = m.subject_id))
        AND (s.class IS NULL OR s.class = m.class)
        AND (s.place IS NULL OR s.place = placed.place)
)
SELECT h.case_id
FROM hit AS h
GROUP BY h.case_id
HAVING count(*) = (SELECT count(*) FROM standing AS o WHERE o.case_id = h.case_id)
ORDER BY h.case_id
