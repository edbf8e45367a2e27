UPDATE household_member AS member
SET known_to = :now
FROM household AS was
WHERE member.feed = :feed
  AND member.known_to IS NULL
  AND was.household_id = member.household_id
  AND (
      member.source_key IN (SELECT source_key FROM ended)
      OR EXISTS (
          SELECT
          FROM incoming AS i
          WHERE i.source_key = member.source_key
            AND (i.household_number, i.relationship) IS DISTINCT FROM (was.household_number, member.relationship)
      )
  )
