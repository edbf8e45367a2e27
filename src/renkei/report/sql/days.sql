-- New, closed and standing mismatches of each day; a day on which no rule of these was compared says so.
, opened AS (
    SELECT first_as_of AS day, count(*) AS n FROM known WHERE NOT is_event GROUP BY first_as_of
), closed AS (
    SELECT gone_as_of AS day, count(*) AS n
    FROM known
    WHERE gone_as_of IS NOT NULL AND NOT is_event
    GROUP BY gone_as_of
)
SELECT
    d.day::date AS day,
    EXISTS (
        SELECT
        FROM night
        JOIN rule_result AS r USING (run_id)
        WHERE night.as_of = d.day
            AND r.state = 'compared'
            AND (CAST(:rules AS text[]) IS NULL OR r.rule_id = ANY(CAST(:rules AS text[])))
    ) AS is_compared,
    coalesce((SELECT n FROM opened WHERE opened.day = d.day), 0) AS opened,
    coalesce((SELECT n FROM closed WHERE closed.day = d.day), 0) AS closed,
    (
        coalesce((SELECT sum(n) FROM opened WHERE opened.day <= d.day), 0)
        - coalesce((SELECT sum(n) FROM closed WHERE closed.day <= d.day), 0)
    )::bigint AS standing
FROM generate_series(CAST(:nights_from AS date), CAST(:as_of AS date), interval '1 day') AS d (day)
ORDER BY d.day
