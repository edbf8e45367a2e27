-- The city's mismatches by department.
SELECT
    owner AS department,
    count(*) FILTER (WHERE first_as_of >= :from_day AND NOT is_event) AS opened,
    count(*) FILTER (WHERE gone_as_of >= :from_day AND NOT is_event) AS closed,
    count(*) FILTER (WHERE gone_as_of IS NULL AND NOT is_event) AS standing,
    count(*) FILTER (WHERE gone_as_of IS NULL AND NOT is_event AND is_suppressed) AS suppressed,
    count(*) FILTER (WHERE first_as_of >= :from_day AND is_event) AS events
FROM known
GROUP BY owner
ORDER BY owner
