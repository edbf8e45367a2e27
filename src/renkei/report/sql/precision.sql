-- Of the cases that people have decided up to the day, how many they found to be wrong in fact (to be corrected),
-- by rule. The last decision of a case counts; one that was taken back by then does not.
WITH decided AS (
    SELECT DISTINCT ON (e.case_id) e.case_id, e.case_event_id, e.detail ->> 'outcome' AS outcome
    FROM case_event AS e
    WHERE e.kind = 'decided'
        AND e.as_of <= :as_of
        AND e.happened_at <= :known_at
        AND NOT EXISTS (
            SELECT
            FROM case_event AS u
            WHERE u.case_id = e.case_id
                AND u.kind = 'undone'
                AND (u.detail ->> 'undoes')::bigint = e.case_event_id
                AND u.as_of <= :as_of
                AND u.happened_at <= :known_at
        )
    ORDER BY e.case_id, e.case_event_id DESC
), judged AS (
    SELECT DISTINCT d.case_id, d.outcome, coalesce(j.rule_id, c.rule_id) AS rule_id
    FROM decided AS d
    JOIN "case" AS c USING (case_id)
    LEFT JOIN case_judged AS j USING (case_event_id)
    WHERE CAST(:department AS text) IS NULL OR c.owner = :department
)
SELECT rule_id, count(*) AS decided, count(*) FILTER (WHERE outcome = 'correct') AS confirmed
FROM judged
GROUP BY rule_id
ORDER BY rule_id
