-- What became of each rule in the period: its last night, how many nights it was compared, and its mismatches.
-- A rule that was not compared has the number of subjects that were left out.
, result AS MATERIALIZED (
    SELECT night.as_of, r.rule_id, r.rule_digest, r.state, r.compared, r.in_transit, r.missing_feeds, r.error_code
    FROM night
    JOIN rule_result AS r USING (run_id)
    WHERE night.as_of >= :from_day
), told AS (
    SELECT DISTINCT ON (rule_id) * FROM result ORDER BY rule_id, as_of DESC
), nights AS (
    SELECT
        rule_id,
        count(*) FILTER (WHERE state = 'compared') AS nights_compared,
        count(*) FILTER (WHERE state IN ('not_compared', 'held', 'refused')) AS nights_not_compared
    FROM result
    GROUP BY rule_id
), counted AS (
    SELECT
        rule_id,
        count(*) FILTER (WHERE first_as_of >= :from_day AND NOT is_event) AS opened,
        count(*) FILTER (WHERE gone_as_of >= :from_day AND NOT is_event) AS closed,
        count(*) FILTER (WHERE gone_as_of IS NULL AND NOT is_event) AS standing,
        count(*) FILTER (WHERE gone_as_of IS NULL AND NOT is_event AND is_suppressed) AS suppressed,
        count(*) FILTER (WHERE first_as_of >= :from_day AND is_event) AS events
    FROM known
    GROUP BY rule_id
)
SELECT
    rule_id,
    told.state,
    told.as_of AS told_on,
    told.rule_digest,
    coalesce(told.compared, 0) AS compared,
    coalesce(told.in_transit, 0) AS in_transit,
    coalesce(told.missing_feeds, '{}') AS missing_feeds,
    told.error_code,
    coalesce(nights.nights_compared, 0) AS nights_compared,
    coalesce(nights.nights_not_compared, 0) AS nights_not_compared,
    coalesce(counted.opened, 0) AS opened,
    coalesce(counted.closed, 0) AS closed,
    coalesce(counted.standing, 0) AS standing,
    coalesce(counted.suppressed, 0) AS suppressed,
    coalesce(counted.events, 0) AS events
FROM told
JOIN nights USING (rule_id)
FULL JOIN counted USING (rule_id)
ORDER BY rule_id
