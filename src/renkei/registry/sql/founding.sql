-- Whoever is left is new; records of this unit with all four attributes equal are one new resident.
CREATE TEMP TABLE founding ON COMMIT DROP AS
SELECT p.source_key, p.numbering, p.party_number, p.valid_from,
       min(p.source_key) OVER (PARTITION BY coalesce(CASE WHEN held.source_key IS NULL THEN p.match_key END, p.source_key)) AS founder
FROM pending AS p
LEFT JOIN link_candidate AS held ON held.feed = :feed AND held.source_key = p.source_key
LEFT JOIN open_link AS made ON made.feed = :feed AND made.source_key = p.source_key AND made.known_to IS NULL
WHERE made.link_id IS NULL
