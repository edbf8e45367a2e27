INSERT INTO why_key
SELECT feed, source_key, bool_or(is_personal)
FROM (
    SELECT left_feed AS feed, left_key AS source_key, field IN ('name', 'date_of_birth') AS is_personal FROM why_asked
    UNION ALL
    SELECT right_feed, right_key, field IN ('name', 'date_of_birth') FROM why_asked
) AS named
GROUP BY feed, source_key;
ANALYZE why_key;
