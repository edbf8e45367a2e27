UPDATE household_member AS member
SET known_to = greatest(:now, member.known_from)
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
      OR EXISTS (
          SELECT
          FROM unlinked AS u
          WHERE u.source_key = member.source_key AND u.resident_id = member.resident_id
            AND NOT EXISTS (
                SELECT
                FROM link AS l
                WHERE l.feed = member.feed AND l.source_key = member.source_key AND l.known_to IS NULL
                  AND l.resident_id = member.resident_id
            )
      )
  )
