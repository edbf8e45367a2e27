-- Residents (住民) by what deliveries of up to the day said, as known at the instant. A record that was closed with
-- none after it has become part of another resident and is counted there.
WITH last AS (
    SELECT DISTINCT ON (g.resident_id) g.resident_id, g.golden_id, g.resident_status, g.known_to
    FROM golden_version AS g
    JOIN unit AS u USING (unit_id)
    WHERE u.as_of <= :as_of AND g.known_from <= :known_at
    ORDER BY g.resident_id, g.known_from DESC, g.golden_id DESC
)
SELECT count(*)
FROM last
WHERE resident_status = 'resident'
    AND (
        known_to IS NULL
        OR known_to > :known_at
        OR EXISTS (
            SELECT
            FROM golden_version AS next
            WHERE next.resident_id = last.resident_id
                AND next.golden_id > last.golden_id
                AND next.known_from <= :known_at
        )
    )
