-- How old the standing mismatches are, in days since the day on which each was found.
SELECT
    CASE
        WHEN :as_of - first_as_of = 0 THEN 1
        WHEN :as_of - first_as_of <= 7 THEN 2
        WHEN :as_of - first_as_of <= 30 THEN 3
        WHEN :as_of - first_as_of <= 90 THEN 4
        ELSE 5
    END AS band,
    count(*) AS standing,
    count(*) FILTER (WHERE is_suppressed) AS suppressed
FROM known
WHERE gone_as_of IS NULL AND NOT is_event
GROUP BY band
ORDER BY band
