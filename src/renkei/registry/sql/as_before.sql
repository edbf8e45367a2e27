-- Keys that change nothing about who is who: they say of themselves what they said before, and their four attributes
-- meet nobody but those whom something stronger makes one resident with them already. A resident about whom somebody
-- has decided, or of whom a number asks, is looked at anew whatever is said.
-- OFFSET 0: each is looked up by its index, whatever the planner makes of few among very many.
CREATE TEMP TABLE as_before ON COMMIT DROP AS
WITH asked_about AS MATERIALIZED (
    SELECT l.resident_id
    FROM decision AS d
    JOIN link AS l ON l.home_id = d.left_home AND l.known_to IS NULL
    UNION
    SELECT l.resident_id
    FROM decision AS d
    JOIN link AS l ON l.home_id = d.right_home AND l.known_to IS NULL
    UNION
    SELECT l.resident_id
    FROM link_candidate AS c
    JOIN link AS l ON l.feed = c.feed AND l.source_key = c.source_key AND l.known_to IS NULL
    WHERE c.level = 1
    UNION
    SELECT resident_id FROM link_candidate WHERE level = 1
)
SELECT i.source_key
FROM incoming AS i
CROSS JOIN LATERAL (SELECT * FROM open_link WHERE feed = :feed AND source_key = i.source_key OFFSET 0) AS l
CROSS JOIN LATERAL (
    SELECT p.*
    FROM person_record AS p
    WHERE p.feed = :feed AND p.source_key = i.source_key AND NOT p.superseded AND p.unit_id <> :unit_id
    ORDER BY p.record_id DESC
    LIMIT 1
) AS before
WHERE NOT before.removed
  AND NOT EXISTS (SELECT FROM asked_about AS a WHERE a.resident_id = l.resident_id)
  AND (
      i.numbering, i.party_number, i.date_of_birth_lo, i.date_of_birth_hi, i.name_key, i.kana_key, i.common_name_key,
      i.resident_code_token, i.individual_number_token, i.residence_card_number,
      i.same_as_numbering, i.same_as_party_number
  ) IS NOT DISTINCT FROM (
      before.numbering, before.party_number, before.date_of_birth_lo, before.date_of_birth_hi, before.name_key,
      before.kana_key, before.common_name_key, before.resident_code_token, before.individual_number_token,
      before.residence_card_number, before.same_as_numbering, before.same_as_party_number
  )
  AND (
      i.match_key IS NOT DISTINCT FROM before.match_key
      OR coalesce(i.match_key, '') = ''
      OR NOT EXISTS (
          SELECT
          FROM person_record AS q
          CROSS JOIN LATERAL (
              -- each half has an index of its own
              SELECT resident_id, rule FROM link
              WHERE feed = q.feed AND source_key = q.source_key AND known_to IS NULL AND valid_to IS NULL
              UNION ALL
              SELECT resident_id, rule FROM link
              WHERE feed = q.feed AND source_key = q.source_key AND known_to IS NULL AND valid_to IS NOT NULL
              OFFSET 0
          ) AS other
          WHERE q.match_key = i.match_key
            AND (other.resident_id <> l.resident_id OR other.rule = 'four_attributes')
          OFFSET 0
      )
  )
