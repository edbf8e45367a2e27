, restricted_key AS MATERIALIZED (
    SELECT split_part(l.feed, '.', 1) AS system, l.source_key
    FROM restricted JOIN link l USING (resident_id)
    WHERE l.known_to IS NULL
), record AS NOT MATERIALIZED (
    SELECT feed, source_key, source_key AS subject_key, NULL AS payee_key,
        to_jsonb(p) || '{"record": "person"}' AS said
    FROM person_record p WHERE known_to IS NULL
    UNION ALL
    SELECT feed, source_key, person_key, NULL, to_jsonb(t) || '{"record": "tax"}'
    FROM tax_record t WHERE known_to IS NULL
    UNION ALL
    SELECT feed, source_key, person_key, payee_key, to_jsonb(b) || '{"record": "benefit"}'
    FROM benefit_record b WHERE known_to IS NULL
)
SELECT
    m.case_id,
    m.rule_id,
    c.severity,
    c.owner,
    c.state,
    m.subject_kind,
    m.field,
    m.class,
    m.left_feed,
    m.right_feed,
    m.since,
    m.minutes,
    m.first_as_of,
    c.due_on,
    least(left_cursor.as_of, right_cursor.as_of) AS taken_as_of,
    d.name AS delivery,
    g.full_name,
    (
        SELECT l.party_number FROM link l
        WHERE l.resident_id = m.resident_id AND l.known_to IS NULL AND l.party_number IS NOT NULL
        ORDER BY l.link_id LIMIT 1
    ) AS party_number,
    left_record.said AS left_said,
    right_record.said AS right_said,
    (
        SELECT jsonb_agg(o.said ORDER BY o.feed, o.source_key)
        FROM link l JOIN record o USING (feed, source_key)
        WHERE l.resident_id = m.resident_id AND l.known_to IS NULL
    ) AS others_said,
    m.subject_kind = 'resident' AND (
        g.resident_id IS NULL
        OR m.resident_id IN (SELECT resident_id FROM restricted)
        OR EXISTS (
            SELECT FROM (VALUES
                (m.left_feed, left_record.subject_key), (m.left_feed, left_record.payee_key),
                (m.right_feed, right_record.subject_key), (m.right_feed, right_record.payee_key)
            ) AS involved (feed, key)
            JOIN restricted_key k ON k.system = split_part(involved.feed, '.', 1) AND k.source_key = involved.key
        )
    ) AS is_restricted
FROM mismatch m
JOIN "case" c USING (case_id)
LEFT JOIN golden_version g ON g.resident_id = m.resident_id AND g.known_to IS NULL
LEFT JOIN delivery d ON m.subject_kind = 'delivery' AND d.delivery_id::text = m.subject_id
LEFT JOIN cursor left_cursor ON left_cursor.feed = m.left_feed
LEFT JOIN cursor right_cursor ON right_cursor.feed = m.right_feed
LEFT JOIN record left_record ON left_record.feed = m.left_feed AND left_record.source_key = m.left_key
LEFT JOIN record right_record ON right_record.feed = m.right_feed AND right_record.source_key = m.right_key
WHERE
    m.first_as_of <= :as_of
    AND (m.gone_as_of IS NULL OR m.gone_as_of > :as_of)
    AND (CAST(:case_id AS bigint) IS NULL OR m.case_id = :case_id)
ORDER BY c.severity, m.rule_id, m.case_id, m.mismatch_id
