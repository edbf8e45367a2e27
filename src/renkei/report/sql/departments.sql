-- The city's mismatches by department.
SELECT
    owner AS department,
    count(*) FILTER (WHERE first_as_of >= :from_day) AS opened,
    count(*) FILTER (WHERE gone_as_of >= :from_day) AS closed,
    count(*) FILTER (WHERE gone_as_of IS NULL) AS standing,
    count(*) FILTER (WHERE gone_as_of IS NULL AND is_suppressed) AS suppressed
FROM known
GROUP BY owner
ORDER BY owner
