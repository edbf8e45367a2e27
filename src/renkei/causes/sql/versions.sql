SELECT
    p.feed, p.source_key, p.unit_id, p.known_to IS NULL AS is_now, p.change_kind,
    coalesce((p.changed_at AT TIME ZONE 'Asia/Tokyo')::date, u.as_of) AS told_on,
    p.full_name, p.full_name_kana, coalesce(p.date_of_birth::text, p.date_of_birth_raw) AS date_of_birth, p.address,
    p.household_number
FROM why_key AS k
JOIN person_record AS p USING (feed, source_key)
JOIN unit AS u ON u.unit_id = p.unit_id
WHERE NOT p.removed AND NOT p.superseded
UNION ALL
SELECT
    t.feed, t.source_key, t.unit_id, t.known_to IS NULL, t.change_kind,
    coalesce((t.changed_at AT TIME ZONE 'Asia/Tokyo')::date, u.as_of),
    NULL, NULL, NULL, t.mailing_address, NULL
FROM why_key AS k
JOIN tax_record AS t USING (feed, source_key)
JOIN unit AS u ON u.unit_id = t.unit_id
WHERE NOT t.removed AND NOT t.superseded
