-- Open rejects by feed, field and code. A reject that a new delivery overtook and set aside again for the
-- same key and cause is the same trouble, so its age goes back to the first of them.
WITH RECURSIVE waiting AS MATERIALIZED (
    SELECT feed, field, code, coalesce(source_key, '') AS source_key, unit_id, detail, suspect
    FROM reject
    WHERE state = 'open' AND (CAST(:feed AS text) IS NULL OR feed = :feed)
), earlier AS MATERIALIZED (
    SELECT DISTINCT feed, field, code, coalesce(source_key, '') AS source_key, unit_id, closed_by_unit
    FROM reject
    WHERE closed_by_unit IS NOT NULL AND (feed, field, code) IN (SELECT feed, field, code FROM waiting)
), same AS (
    SELECT DISTINCT feed, field, code, source_key, unit_id
    FROM waiting
    UNION
    SELECT e.feed, e.field, e.code, e.source_key, e.unit_id
    FROM same AS s
    JOIN earlier AS e ON e.closed_by_unit = s.unit_id
    WHERE (e.feed, e.field, e.code, e.source_key) = (s.feed, s.field, s.code, s.source_key)
), since AS (
    SELECT same.feed, same.field, same.code, min(unit.as_of) AS first_as_of
    FROM same
    JOIN unit USING (unit_id)
    GROUP BY same.feed, same.field, same.code
)
SELECT
    w.feed,
    w.field,
    w.code,
    min(substring(w.detail FROM 'to=([a-z_]+)')) AS target,
    count(*) AS records,
    count(*) FILTER (WHERE w.suspect) AS suspects,
    since.first_as_of,
    max(unit.as_of) AS last_as_of
FROM waiting AS w
JOIN unit USING (unit_id)
JOIN since ON (since.feed, since.field, since.code) = (w.feed, w.field, w.code)
GROUP BY w.feed, w.field, w.code, since.first_as_of
ORDER BY since.first_as_of, records DESC, w.feed, w.field, w.code
