-- The mismatches found up to a day as they were known at an instant, with the department whose case it is.
-- One that is gone only later, or that was known to be gone only later, stands. An event stands never.
known AS MATERIALIZED (
    SELECT
        m.mismatch_id,
        m.case_id,
        m.rule_id,
        m.kind <> 'mismatch' OR m.rule_id = ANY(CAST(:lasting AS text[])) AS is_event,
        m.first_as_of,
        CASE WHEN m.gone_as_of <= :as_of AND m.gone_at <= :known_at THEN m.gone_as_of END AS gone_as_of,
        m.case_id = ANY(CAST(:suppressed AS bigint[])) AS is_suppressed,
        c.owner
    FROM mismatch AS m
    JOIN "case" AS c USING (case_id)
    WHERE m.first_as_of <= :as_of
        AND m.found_at <= :known_at
        AND (CAST(:department AS text) IS NULL OR c.owner = :department)
)
