UPDATE mismatch AS m
SET why = w.why, why_detail = CAST(w.why_detail AS jsonb)
FROM why_now AS w
WHERE m.gone_at IS NULL
    AND w.rule_id = m.rule_id
    AND w.subject_kind = m.subject_kind
    AND w.subject_id = m.subject_id
    AND w.field = m.field
    AND w.left_feed = m.left_feed
    AND w.left_key = m.left_key
    AND w.right_feed = m.right_feed
    AND w.right_key = m.right_key
    AND (m.why, m.why_detail) IS DISTINCT FROM (w.why, CAST(w.why_detail AS jsonb))
