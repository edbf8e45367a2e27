-- The last comparison of each day of the period, as known at the instant.
night AS MATERIALIZED (
    SELECT DISTINCT ON (as_of) as_of, run_id
    FROM run
    WHERE kind = 'reconcile'
        AND state IN ('done', 'held')
        AND as_of BETWEEN :nights_from AND :as_of
        AND finished_at <= :known_at
    ORDER BY as_of, started_at DESC, run_id
)
