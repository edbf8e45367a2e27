-- Only the records that open mismatches speak of are read, each once, by its index.
, restricted_key AS MATERIALIZED (
    SELECT split_part(l.feed, '.', 1) || '.' || l.source_key AS key
    FROM restricted JOIN open_link l USING (resident_id)
    WHERE l.known_to IS NULL
), restricted_place AS MATERIALIZED (
    -- wherever a system says that a restricted person lives or has mail sent to: as a key, and as it is written
    SELECT DISTINCT place
    FROM restricted AS r
    CROSS JOIN LATERAL (
        SELECT feed, source_key FROM open_link WHERE resident_id = r.resident_id OFFSET 0
    ) AS l
    CROSS JOIN LATERAL (
        SELECT address_key AS key, address AS written
        FROM person_record
        WHERE feed = l.feed AND source_key = l.source_key AND known_to IS NULL
        UNION ALL
        SELECT mailing_address_key, mailing_address
        FROM tax_record
        WHERE person_key = l.source_key AND known_to IS NULL
            AND split_part(feed, '.', 1) = split_part(l.feed, '.', 1)
        OFFSET 0
    ) AS home
    CROSS JOIN LATERAL (VALUES (home.key), (home.written)) AS each (place)
    WHERE place <> ''
), shown AS MATERIALIZED (
    SELECT
        *,
        kind <> 'mismatch' OR rule_id = ANY(CAST(:lasting AS text[])) AS is_event,
        split_part(left_feed, '.', 1) || '.' AS left_system,
        split_part(right_feed, '.', 1) || '.' AS right_system
    FROM mismatch
    WHERE first_as_of <= :as_of
      AND found_at <= :known_at
      -- one case is told whole, what is gone of it too; of a month, what went in it; an event on its day alone
      AND CASE
          WHEN CAST(:case_id AS bigint) IS NOT NULL THEN true
          WHEN kind <> 'mismatch' OR rule_id = ANY(CAST(:lasting AS text[]))
              THEN first_as_of >= coalesce(CAST(:gone_from AS date), :as_of)
          ELSE gone_as_of IS NULL OR gone_as_of > :as_of OR gone_at > :known_at
              OR gone_as_of >= CAST(:gone_from AS date)
      END
      AND (CAST(:case_id AS bigint) IS NULL OR case_id = :case_id)
), wanted AS MATERIALIZED (
    SELECT left_feed AS feed, left_key AS source_key FROM shown
    UNION
    SELECT right_feed, right_key FROM shown
    UNION
    SELECT l.feed, l.source_key FROM shown JOIN open_link l USING (resident_id) WHERE l.known_to IS NULL
), told AS MATERIALIZED (
    SELECT feed, source_key, source_key AS subject_key, NULL AS beside_key,
        to_jsonb(p) || '{"record": "person"}' AS said
    FROM wanted JOIN person_record p USING (feed, source_key) WHERE known_to IS NULL
    UNION ALL
    SELECT feed, source_key, person_key, NULL, to_jsonb(t) || '{"record": "tax"}'
    FROM wanted JOIN tax_record t USING (feed, source_key) WHERE known_to IS NULL
    UNION ALL
    SELECT feed, source_key, person_key, payee_key, to_jsonb(b) || '{"record": "benefit"}'
    FROM wanted JOIN benefit_record b USING (feed, source_key) WHERE known_to IS NULL
    UNION ALL
    SELECT feed, source_key, person_key, NULL, to_jsonb(r) || '{"record": "account"}'
    FROM wanted JOIN account_record r USING (feed, source_key) WHERE known_to IS NULL
    UNION ALL
    SELECT feed, source_key, person_key, representative_key, to_jsonb(r) || '{"record": "property"}'
    FROM wanted JOIN property_record r USING (feed, source_key) WHERE known_to IS NULL
    UNION ALL
    SELECT feed, source_key, person_key, dependant_key, to_jsonb(r) || '{"record": "dependant"}'
    FROM wanted JOIN dependant_record r USING (feed, source_key) WHERE known_to IS NULL
    UNION ALL
    SELECT feed, source_key, person_key, NULL, to_jsonb(r) || '{"record": "returned_mail"}'
    FROM wanted JOIN returned_mail_record r USING (feed, source_key) WHERE known_to IS NULL
    UNION ALL
    SELECT feed, source_key, person_key, NULL, to_jsonb(r) || '{"record": "double_entitlement"}'
    FROM wanted JOIN double_entitlement_record r USING (feed, source_key) WHERE known_to IS NULL
    UNION ALL
    SELECT feed, source_key, person_key, agent_key, to_jsonb(r) || '{"record": "representation"}'
    FROM wanted JOIN representation_record r USING (feed, source_key) WHERE known_to IS NULL
), record AS MATERIALIZED (
    -- a record that says where a restricted person is to be found, whosever it is
    SELECT
        feed, source_key, subject_key, beside_key,
        said || jsonb_build_object('at_restricted', coalesce(
            said ->> 'address_key' IN (SELECT place FROM restricted_place), false)
            OR coalesce(said ->> 'address' IN (SELECT place FROM restricted_place), false)
            OR coalesce(said ->> 'mailing_address_key' IN (SELECT place FROM restricted_place), false)
            OR coalesce(said ->> 'mailing_address' IN (SELECT place FROM restricted_place), false)
        ) AS said
    FROM told
), said_of_resident AS MATERIALIZED (
    SELECT l.resident_id, jsonb_agg(o.said ORDER BY o.feed, o.source_key) AS said
    FROM open_link l JOIN record o USING (feed, source_key)
    WHERE l.known_to IS NULL
    GROUP BY l.resident_id
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
    m.why,
    m.why_detail ->> 'kind' AS why_kind,
    m.left_feed,
    m.right_feed,
    m.since,
    m.minutes,
    m.first_as_of,
    CASE
        WHEN m.gone_as_of <= :as_of AND m.gone_at <= :known_at AND NOT m.is_event THEN m.gone_as_of
    END AS gone_as_of,
    m.case_id = ANY(CAST(:suppressed AS bigint[])) AS is_suppressed,
    c.due_on,
    least(left_cursor.as_of, right_cursor.as_of) AS taken_as_of,
    d.name AS delivery,
    g.full_name,
    (
        SELECT l.party_number FROM open_link l
        WHERE l.resident_id = m.resident_id AND l.known_to IS NULL AND l.party_number IS NOT NULL
        ORDER BY l.link_id LIMIT 1
    ) AS party_number,
    left_record.said AS left_said,
    right_record.said AS right_said,
    others.said AS others_said,
    m.subject_kind = 'resident' AND (
        g.resident_id IS NULL
        OR m.resident_id IN (SELECT resident_id FROM restricted)
        OR coalesce(m.left_system || left_record.subject_key IN (SELECT key FROM restricted_key), false)
        OR coalesce(m.left_system || left_record.beside_key IN (SELECT key FROM restricted_key), false)
        OR coalesce(m.right_system || right_record.subject_key IN (SELECT key FROM restricted_key), false)
        OR coalesce(m.right_system || right_record.beside_key IN (SELECT key FROM restricted_key), false)
    ) AS is_restricted
FROM shown m
JOIN "case" c USING (case_id)
LEFT JOIN golden_version g ON g.resident_id = m.resident_id AND g.known_to IS NULL
LEFT JOIN delivery d ON m.subject_kind = 'delivery' AND d.delivery_id::text = m.subject_id
LEFT JOIN cursor left_cursor ON left_cursor.feed = m.left_feed
LEFT JOIN cursor right_cursor ON right_cursor.feed = m.right_feed
LEFT JOIN record left_record ON left_record.feed = m.left_feed AND left_record.source_key = m.left_key
LEFT JOIN record right_record ON right_record.feed = m.right_feed AND right_record.source_key = m.right_key
LEFT JOIN said_of_resident others ON others.resident_id = m.resident_id
WHERE CAST(:department AS text) IS NULL OR c.owner = :department
ORDER BY c.severity, m.rule_id, m.case_id, m.mismatch_id
