-- Brings mismatches and cases to what this night found. Rules that were not compared are not looked at.

-- step: one_at_a_time
-- People work on cases by the same lock: each sees what the other has done, and none waits in a circle.
SELECT pg_advisory_xact_lock(hashtext('renkei.cases'));

-- step: unsure
-- A difference that cannot say since when is raised when two pairs of days have shown it.
UPDATE found_now AS f
SET in_transit = TRUE
FROM rule_now AS r
WHERE r.rule_id = f.rule_id
    AND r.kind = 'mismatch'
    AND NOT r.lasting
    AND f.since IS NULL
    AND NOT EXISTS (
        SELECT
        FROM standing_now AS m
        WHERE (m.rule_id, m.subject_kind, m.subject_id) = (f.rule_id, f.subject_kind, f.subject_id)
            AND (m.field, m.left_feed, m.left_key) = (f.field, f.left_feed, f.left_key)
            AND (m.right_feed, m.right_key) = (f.right_feed, f.right_key)
    )
    AND NOT EXISTS (
        SELECT
        FROM waiting_now AS w
        LEFT JOIN feed_now AS l ON l.feed = w.left_feed
        LEFT JOIN feed_now AS o ON o.feed = w.right_feed
        WHERE (w.rule_id, w.subject_kind, w.subject_id) = (f.rule_id, f.subject_kind, f.subject_id)
            AND (w.field, w.left_feed, w.left_key) = (f.field, f.left_feed, f.left_key)
            AND (w.right_feed, w.right_key) = (f.right_feed, f.right_key)
            AND (w.left_as_of, w.right_as_of) IS DISTINCT FROM (coalesce(l.as_of, o.as_of, :as_of), o.as_of)
    );

-- step: gone
-- A difference in transit keeps an open mismatch open; an event only gives way to its own repetition.
-- Of residents not looked at again nothing is gone.
CREATE TEMP TABLE gone_now ON COMMIT DROP AS
SELECT m.mismatch_id, m.case_id, m.rule_id
FROM standing_now AS m
JOIN rule_now AS r ON r.rule_id = m.rule_id AND r.state = 'compared'
LEFT JOIN again_now AS a ON a.resident_id = m.resident_id
LEFT JOIN found_now AS f
    ON (f.rule_id, f.subject_kind, f.subject_id) = (m.rule_id, m.subject_kind, m.subject_id)
    AND (f.field, f.left_feed, f.left_key) = (m.field, m.left_feed, m.left_key)
    AND (f.right_feed, f.right_key) = (m.right_feed, m.right_key)
WHERE (r.whole OR a.resident_id IS NOT NULL)
    AND CASE
        WHEN r.lasting THEN f.rule_id IS NOT NULL AND NOT f.in_transit AND f.since IS DISTINCT FROM m.since
        ELSE f.rule_id IS NULL
    END;

-- step: close_mismatches
UPDATE mismatch AS m
SET gone_as_of = :as_of, gone_by_run = :run_id, gone_at = :now
FROM gone_now AS g
WHERE m.mismatch_id = g.mismatch_id;

-- step: new
CREATE TEMP TABLE new_now ON COMMIT DROP AS
SELECT f.*
FROM found_now AS f
LEFT JOIN standing_now AS m
    USING (rule_id, subject_kind, subject_id, field, left_feed, left_key, right_feed, right_key)
WHERE m.mismatch_id IS NULL
    AND NOT f.in_transit;

-- step: transit_ended
-- Of a rule that is gone, was written anew, or whose law has ended nobody knows what became of it.
UPDATE transit AS t
SET became = e.became, ended_as_of = :as_of, ended_by_run = :run_id, ended_at = :now
FROM (
    SELECT
        w.transit_id,
        CASE
            WHEN r.rule_id IS NULL OR r.state = 'not_in_force' THEN 'dropped'
            WHEN f.rule_id IS NOT NULL THEN 'raised'
            WHEN r.rule_digest <> w.rule_digest THEN 'dropped'
            ELSE 'arrived'
        END AS became
    FROM waiting_now AS w
    LEFT JOIN rule_now AS r ON r.rule_id = w.rule_id
    LEFT JOIN again_now AS a ON a.resident_id = w.resident_id
    LEFT JOIN found_now AS f
        ON (f.rule_id, f.subject_kind, f.subject_id) = (w.rule_id, w.subject_kind, w.subject_id)
        AND (f.field, f.left_feed, f.left_key) = (w.field, w.left_feed, w.left_key)
        AND (f.right_feed, f.right_key) = (w.right_feed, w.right_key)
    WHERE r.rule_id IS NULL
        OR r.state = 'not_in_force'
        OR (r.state = 'compared' AND (r.whole OR a.resident_id IS NOT NULL) AND f.in_transit IS NOT TRUE)
) AS e
WHERE e.transit_id = t.transit_id;

-- step: transit_begun
-- What has been raised does not go back to waiting when its records change again.
INSERT INTO transit (
    rule_id, rule_digest, subject_kind, subject_id, resident_id, field, class, left_feed, left_key, right_feed, right_key,
    since, left_as_of, right_as_of, first_as_of, found_by_run, found_at
)
SELECT
    f.rule_id, r.rule_digest, f.subject_kind, f.subject_id, f.resident_id, f.field, f.class,
    f.left_feed, f.left_key, f.right_feed, f.right_key,
    f.since, coalesce(l.as_of, o.as_of, :as_of), o.as_of, :as_of, :run_id, :now
FROM found_now AS f
JOIN rule_now AS r ON r.rule_id = f.rule_id
LEFT JOIN feed_now AS l ON l.feed = f.left_feed
LEFT JOIN feed_now AS o ON o.feed = f.right_feed
LEFT JOIN waiting_now AS w
    ON (w.rule_id, w.subject_kind, w.subject_id) = (f.rule_id, f.subject_kind, f.subject_id)
    AND (w.field, w.left_feed, w.left_key) = (f.field, f.left_feed, f.left_key)
    AND (w.right_feed, w.right_key) = (f.right_feed, f.right_key)
LEFT JOIN standing_now AS m
    ON (m.rule_id, m.subject_kind, m.subject_id) = (f.rule_id, f.subject_kind, f.subject_id)
    AND (m.field, m.left_feed, m.left_key) = (f.field, f.left_feed, f.left_key)
    AND (m.right_feed, m.right_key) = (f.right_feed, f.right_key)
WHERE f.in_transit
    AND w.transit_id IS NULL
    AND m.mismatch_id IS NULL
ORDER BY f.rule_id, f.subject_id, f.right_key;

-- step: develop
-- The same difference may change its class while it lasts (not ended, then ended on a wrong day).
UPDATE mismatch AS m
SET class = f.class, since = f.since, minutes = f.minutes
FROM found_now AS f
JOIN rule_now AS r ON r.rule_id = f.rule_id AND NOT r.lasting
WHERE m.gone_at IS NULL
    AND NOT f.in_transit
    AND (f.rule_id, f.subject_kind, f.subject_id) = (m.rule_id, m.subject_kind, m.subject_id)
    AND (f.field, f.left_feed, f.left_key) = (m.field, m.left_feed, m.left_key)
    AND (f.right_feed, f.right_key) = (m.right_feed, m.right_key)
    AND (f.class, f.since, f.minutes) IS DISTINCT FROM (m.class, m.since, m.minutes);

-- step: touched
CREATE TEMP TABLE touched_now ON COMMIT DROP AS
SELECT
    n.subject_kind,
    n.subject_id,
    n.cause,
    min(n.rule_id) AS rule_id,
    count(*) AS mismatches,
    CASE
        WHEN c.case_id IS NULL THEN 'opened'
        WHEN c.state = 'closed' THEN 'reopened'
        ELSE 'joined'
    END AS kind
FROM new_now AS n
LEFT JOIN "case" AS c
    ON c.subject_kind = n.subject_kind
    AND c.subject_id = n.subject_id
    AND c.cause = n.cause
GROUP BY n.subject_kind, n.subject_id, n.cause, c.case_id, c.state;

-- step: open_cases
INSERT INTO "case" (
    subject_kind, subject_id, cause, rule_id, owner, severity, state, opened_at, opened_as_of, due_on
)
SELECT t.subject_kind, t.subject_id, t.cause, r.rule_id, r.owner, r.severity, 'open', :now, :as_of, r.due_on
FROM touched_now AS t
JOIN rule_now AS r ON r.rule_id = t.rule_id
WHERE t.kind = 'opened'
ORDER BY t.subject_kind, t.subject_id, t.cause;

-- step: reopen_cases
UPDATE "case" AS c
SET
    state = 'open',
    reopened = c.reopened + 1,
    closed_at = NULL,
    closed_as_of = NULL,
    wait_until = NULL,
    outcome = NULL,
    outcome_event = NULL,
    owner = r.owner,
    severity = r.severity,
    due_on = r.due_on
FROM touched_now AS t
JOIN rule_now AS r ON r.rule_id = t.rule_id
WHERE t.kind = 'reopened'
    AND c.subject_kind = t.subject_kind
    AND c.subject_id = t.subject_id
    AND c.cause = t.cause;

-- step: insert_mismatches
INSERT INTO mismatch (
    rule_id, rule_digest, kind, subject_kind, subject_id, resident_id, cause, field, class,
    left_feed, left_key, right_feed, right_key, since, minutes, case_id, first_as_of, found_by_run, found_at
)
SELECT
    n.rule_id, r.rule_digest, r.kind, n.subject_kind, n.subject_id, n.resident_id, n.cause, n.field, n.class,
    n.left_feed, n.left_key, n.right_feed, n.right_key, n.since, n.minutes, c.case_id, :as_of, :run_id, :now
FROM new_now AS n
JOIN rule_now AS r ON r.rule_id = n.rule_id
JOIN "case" AS c
    ON c.subject_kind = n.subject_kind
    AND c.subject_id = n.subject_id
    AND c.cause = n.cause
ORDER BY n.rule_id, n.subject_id, n.right_key;

-- step: closing
-- Cases that lost mismatches tonight; those with none left are closed, except where a person dismissed them.
CREATE TEMP TABLE closing_now ON COMMIT DROP AS
SELECT
    g.case_id,
    min(g.rule_id) AS rule_id,
    count(*) AS mismatches,
    CASE
        WHEN c.state NOT IN ('closed', 'dismissed')
            AND NOT EXISTS (SELECT 1 FROM mismatch AS m WHERE m.case_id = g.case_id AND m.gone_at IS NULL)
            THEN 'closed'
        ELSE 'left'
    END AS kind
FROM gone_now AS g
JOIN "case" AS c ON c.case_id = g.case_id
GROUP BY g.case_id, c.state;

-- step: close_cases
UPDATE "case" AS c
SET state = 'closed', closed_at = :now, closed_as_of = :as_of, wait_until = NULL
FROM closing_now AS l
WHERE l.case_id = c.case_id
    AND l.kind = 'closed';

-- step: back
-- What comes back to people: a wait that is over; a correction that was not seen in time; and a difference that
-- they settled, with other values than they saw.
CREATE TEMP TABLE back_now ON COMMIT DROP AS
SELECT c.case_id, c.rule_id, r.due_on, why.kind, why.reason
FROM "case" AS c
LEFT JOIN rule_now AS r ON r.rule_id = c.rule_id AND r.state = 'compared'
CROSS JOIN LATERAL (
    SELECT 'due_again' AS kind, 'wait_over' AS reason
    WHERE c.state = 'held' AND c.wait_until <= :as_of
    UNION ALL
    SELECT 'due_again', 'not_corrected'
    WHERE c.state = 'waiting' AND c.outcome = 'correct' AND c.due_on < :as_of AND r.rule_id IS NOT NULL
    UNION ALL
    SELECT 'reopened', 'value_changed'
    WHERE c.state = 'dismissed'
        AND c.outcome_event IS NOT NULL
        AND EXISTS (
            SELECT
            FROM mismatch AS m
            JOIN rule_now AS q ON q.rule_id = m.rule_id AND q.state = 'compared'
            LEFT JOIN case_judged AS j
                ON j.case_event_id = c.outcome_event
                AND j.rule_id = m.rule_id
                AND j.field = m.field
                AND j.left_feed = m.left_feed
                AND j.left_key = m.left_key
                AND j.right_feed = m.right_feed
                AND j.right_key = m.right_key
            WHERE m.case_id = c.case_id
                AND m.gone_at IS NULL
                AND j.digest IS DISTINCT FROM mismatch_digest(m)
        )
) AS why
WHERE c.state IN ('held', 'waiting', 'dismissed');

-- step: back_to_people
UPDATE "case" AS c
SET
    state = CASE WHEN c.assignee IS NULL OR b.kind = 'reopened' THEN 'open' ELSE 'reviewing' END,
    wait_until = NULL,
    reopened = c.reopened + CASE WHEN b.kind = 'reopened' THEN 1 ELSE 0 END,
    outcome = CASE WHEN b.kind = 'reopened' THEN NULL ELSE c.outcome END,
    outcome_event = CASE WHEN b.kind = 'reopened' THEN NULL ELSE c.outcome_event END,
    due_on = CASE WHEN b.kind = 'reopened' THEN coalesce(b.due_on, c.due_on) ELSE c.due_on END
FROM back_now AS b
WHERE b.case_id = c.case_id;

-- step: events
INSERT INTO case_event (case_id, happened_at, as_of, kind, actor, run_id, detail)
SELECT
    e.case_id, :now, :as_of, e.kind, :actor, :run_id,
    jsonb_build_object('rule_id', e.rule_id, 'mismatches', e.mismatches)
        -- a correction that people asked for has been seen
        || CASE WHEN e.kind = 'closed' AND o.outcome = 'correct' THEN '{"outcome": "correct"}' ELSE '{}' END::jsonb
FROM (
    SELECT c.case_id, t.kind, t.rule_id, t.mismatches, 1 AS step
    FROM touched_now AS t
    JOIN "case" AS c
        ON c.subject_kind = t.subject_kind
        AND c.subject_id = t.subject_id
        AND c.cause = t.cause
    UNION ALL
    SELECT case_id, kind, rule_id, mismatches, 2 AS step
    FROM closing_now
) AS e
JOIN "case" AS o ON o.case_id = e.case_id
ORDER BY e.case_id, e.step;

-- step: back_events
INSERT INTO case_event (case_id, happened_at, as_of, kind, actor, run_id, detail)
SELECT
    b.case_id, :now, :as_of, b.kind, :actor, :run_id,
    jsonb_build_object('rule_id', b.rule_id, 'why', b.reason)
FROM back_now AS b
ORDER BY b.case_id;

-- step: results
-- What stands and waits is the same however much was looked at again; of events only tonight's are counted.
INSERT INTO rule_result (
    run_id, rule_id, rule_digest, state, compared, looked_at, found, in_transit,
    opened, closed, reopened, missing_feeds, seconds, error_code, error_facts
)
SELECT
    :run_id, r.rule_id, r.rule_digest, r.state, r.compared, r.looked_at,
    CASE
        WHEN r.state <> 'compared' THEN 0
        WHEN r.lasting THEN (SELECT count(*) FROM found_now AS f WHERE f.rule_id = r.rule_id AND NOT f.in_transit)
        ELSE (SELECT count(*) FROM standing_now AS m WHERE m.rule_id = r.rule_id)
    END,
    CASE
        WHEN r.state <> 'compared' THEN 0
        ELSE (SELECT count(*) FROM waiting_now AS w WHERE w.rule_id = r.rule_id)
    END,
    (SELECT count(*) FROM touched_now AS t WHERE t.rule_id = r.rule_id AND t.kind = 'opened'),
    (SELECT count(*) FROM closing_now AS l WHERE l.rule_id = r.rule_id AND l.kind = 'closed'),
    (SELECT count(*) FROM touched_now AS t WHERE t.rule_id = r.rule_id AND t.kind = 'reopened')
        + (SELECT count(*) FROM back_now AS b WHERE b.rule_id = r.rule_id AND b.kind = 'reopened'),
    r.missing_feeds, r.seconds, r.error_code, r.error_facts
FROM rule_now AS r
ORDER BY r.rule_id
ON CONFLICT (run_id, rule_id) DO NOTHING;
