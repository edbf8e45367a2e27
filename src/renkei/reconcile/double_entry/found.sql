-- Double entries keyed from {begin} on and before {end} that are known by then, and at which seat.
-- An entry whose first one became known later was found twice: it counts once.
SELECT m.field, m.class, m.left_feed, m.right_feed, m.since, coalesce(m.minutes, 0), k.operator, k.terminal
FROM (
    SELECT DISTINCT ON (rule_id, right_feed, right_key, field, since)
        field, class, left_feed, right_feed, right_key, since, minutes
    FROM mismatch
    WHERE kind = 'double_entry' AND {known}
        AND since >= DATE '{begin}' AND since < DATE '{end}'
    ORDER BY rule_id, right_feed, right_key, field, since, mismatch_id DESC
) AS m
LEFT JOIN LATERAL (
    SELECT s.operator, s.terminal
    FROM (
        SELECT operator, terminal, changed_at
        FROM person_record
        WHERE feed = m.right_feed AND source_key = m.right_key AND operator_kind = 'person'
            AND CAST(changed_at AT TIME ZONE 'Asia/Tokyo' AS date) = m.since
        UNION ALL
        SELECT operator, terminal, changed_at
        FROM tax_record
        WHERE feed = m.right_feed AND source_key = m.right_key AND operator_kind = 'person'
            AND CAST(changed_at AT TIME ZONE 'Asia/Tokyo' AS date) = m.since
        UNION ALL
        SELECT operator, terminal, changed_at
        FROM benefit_record
        WHERE feed = m.right_feed AND source_key = m.right_key AND operator_kind = 'person'
            AND CAST(changed_at AT TIME ZONE 'Asia/Tokyo' AS date) = m.since
    ) AS s
    ORDER BY s.changed_at DESC, s.operator
    LIMIT 1
) AS k ON TRUE
