-- What was keyed a second time from the first day of the month to the day, and the minutes that it took. As in
-- renkei.reconcile.double_entry: an entry that was found twice, since its first one became known later, counts once.
, entry AS (
    SELECT DISTINCT ON (rule_id, right_feed, right_key, field, since) field, minutes
    FROM known
    WHERE kind = 'double_entry' AND since >= date_trunc('month', CAST(:as_of AS date))::date
    ORDER BY rule_id, right_feed, right_key, field, since, mismatch_id DESC
)
SELECT field, count(*) AS entries, coalesce(sum(minutes), 0)::bigint AS minutes
FROM entry
GROUP BY field
ORDER BY minutes DESC, field
