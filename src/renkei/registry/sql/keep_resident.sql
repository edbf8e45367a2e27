-- A changed number that leads to nobody else leaves the record with its resident.
INSERT INTO link (resident_id, home_id, feed, source_key, numbering, party_number, rule, valid_from, known_from, unit_id)
SELECT u.resident_id, before.home_id, :feed, p.source_key, p.numbering, p.party_number, before.rule, p.valid_from, :now, :unit_id
FROM unlinked AS u
JOIN link AS before USING (link_id)
JOIN pending AS p ON p.source_key = u.source_key
WHERE NOT u.is_somebody_else
  AND NOT EXISTS (
      SELECT FROM open_link AS made
      WHERE made.feed = :feed AND made.source_key = p.source_key AND made.known_to IS NULL
  )
