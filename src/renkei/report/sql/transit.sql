-- Differences that waited on the day for a system to hear of them (反映待ち), as known at the instant, by rule and pair
-- of feeds; none of them is a mismatch yet.
SELECT rule_id, left_feed, right_feed, count(*) AS waiting, min(first_as_of) AS oldest
FROM transit
WHERE first_as_of <= :as_of
    AND found_at <= :known_at
    AND (ended_at IS NULL OR ended_at > :known_at OR ended_as_of > :as_of)
    AND (CAST(:rules AS text[]) IS NULL OR rule_id = ANY(CAST(:rules AS text[])))
GROUP BY rule_id, left_feed, right_feed
ORDER BY rule_id, left_feed, right_feed
