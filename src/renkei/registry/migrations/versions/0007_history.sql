-- Two axes of time. K (known_at) chooses what was known: rows with known_from <= K. D (as_of) chooses the day
-- asked about. Every function is one SELECT in SQL, so that it inlines and a question about one key reads
-- one key.

-- few keys are given to somebody else, and few rows are closed: the indexes of these stay small
CREATE INDEX link_past ON link (feed, source_key) WHERE known_to IS NOT NULL OR valid_to IS NOT NULL;
CREATE INDEX person_record_household_before ON person_record (feed, household_number)
    WHERE known_to IS NOT NULL AND household_number IS NOT NULL;
CREATE INDEX golden_past ON golden_version (resident_id) WHERE known_to IS NOT NULL;
CREATE INDEX golden_closed_at ON golden_version (known_to) WHERE known_to IS NOT NULL;

-- a removal that came late, of a key that was there: it may have come back since, so it is believed only once
-- something is known that was told later
ALTER TABLE person_record ADD COLUMN doubted boolean NOT NULL DEFAULT false;
ALTER TABLE tax_record ADD COLUMN doubted boolean NOT NULL DEFAULT false;
ALTER TABLE benefit_record ADD COLUMN doubted boolean NOT NULL DEFAULT false;

-- Who had which key on day D, as known at K: of the generations of a key (homes, in their order), the one after
-- the last that has ended by D. One that was given on before it began had no day.
CREATE FUNCTION link_at(as_of date, known_at timestamptz)
RETURNS TABLE (
    link_id bigint, resident_id bigint, home_id bigint, feed text, source_key text, rule text, via_feed text,
    via_key text, decision_id bigint, valid_from date, valid_to date, known_from timestamptz, unit_id bigint
)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT
        l.link_id, l.resident_id, l.home_id, l.feed, l.source_key, l.rule, l.via_feed, l.via_key,
        l.decision_id, l.valid_from, l.valid_to, l.known_from, l.unit_id
    FROM (
        -- each half has an index of its own
        SELECT * FROM link WHERE known_to IS NULL AND valid_to IS NULL
        UNION ALL
        SELECT * FROM link WHERE known_to IS NOT NULL OR valid_to IS NOT NULL
    ) AS l
    WHERE l.known_from <= known_at AND (l.known_to IS NULL OR l.known_to > known_at)
      AND (l.valid_to IS NULL OR l.valid_to > as_of)
      AND NOT EXISTS (
          SELECT
          FROM link AS other
          WHERE other.feed = l.feed AND other.source_key = l.source_key AND other.valid_to IS NOT NULL
            AND other.known_from <= known_at AND (other.known_to IS NULL OR other.known_to > known_at)
            AND CASE
                WHEN other.home_id > l.home_id THEN other.valid_to <= as_of
                -- one that has not ended stands before, but for those that an ended one between has overtaken
                ELSE other.home_id < l.home_id AND other.valid_to > as_of AND NOT EXISTS (
                    SELECT
                    FROM link AS between_them
                    WHERE between_them.feed = l.feed AND between_them.source_key = l.source_key
                      AND between_them.valid_to <= as_of
                      AND between_them.home_id > other.home_id AND between_them.home_id < l.home_id
                      AND between_them.known_from <= known_at
                      AND (between_them.known_to IS NULL OR between_them.known_to > known_at)
                )
            END
      )
$$;

-- Each version of a person record known at K with the days on which it says what held: from effective_on up to,
-- and without, held_until (null: still). A version that a later one overtakes wholly has no day left, so
-- held_until <= effective_on.
--
-- The order of a key's versions is the source's: lives (between two removals) by the day that told them, then
-- the source's version, then arrival; a removal ends its life. Of two versions told on one day, the one that
-- came late (superseded) goes first.
--
-- An event to come takes effect on the day that told of it. A correction reaches back to the day of the event
-- that it corrects, a cancellation to the day of the event that it cancels. Cancellations are stacked: the
-- second one in a row cancels the event before the one that the first cancelled. So events count up and
-- cancellations down, and what one of these is about is the last event that reached the level it stands on.
CREATE FUNCTION person_span(known_at timestamptz)
RETURNS TABLE (
    record_id bigint, feed text, source_key text, removed boolean, resident_status text, moved_out_on date,
    household_number text, relationship text, is_household_head boolean, effective_on date, held_until date
)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT
        d.record_id, d.feed, d.source_key, d.removed, d.resident_status, d.moved_out_on, d.household_number,
        d.relationship, d.is_household_head, d.effective_on,
        min(d.effective_on) OVER (
            PARTITION BY d.feed, d.source_key ORDER BY d.life, d.removed, d.source_version, d.record_id
            ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
        ) AS held_until
    FROM (
        SELECT
            e.*,
            CASE
                WHEN e.reaches AND e.event > 0 THEN least(e.own_on, first_value(e.own_on) OVER (
                    PARTITION BY e.feed, e.source_key, e.level, e.event
                    ORDER BY e.life, e.removed, e.source_version, e.record_id
                ))
                ELSE e.own_on
            END AS effective_on
        FROM (
            SELECT
                s.*,
                count(*) FILTER (WHERE s.step = 1) OVER (
                    PARTITION BY s.feed, s.source_key, s.level
                    ORDER BY s.life, s.removed, s.source_version, s.record_id
                ) AS event
            FROM (
                SELECT
                    v.*,
                    sum(v.step) OVER (
                        PARTITION BY v.feed, v.source_key
                        ORDER BY v.life, v.removed, v.source_version, v.record_id
                    ) + (v.change_kind IS NOT DISTINCT FROM 'cancelled')::integer AS level
                FROM (
                    SELECT
                        t.*,
                        CASE
                            WHEN t.removed OR t.change_kind = 'correction' THEN 0
                            -- one version that is told twice is one event
                            WHEN row_number() OVER (
                                PARTITION BY t.feed, t.source_key, t.life, t.removed, t.source_version
                                ORDER BY t.record_id
                            ) > 1 THEN 0
                            WHEN t.change_kind = 'cancelled' THEN -1
                            ELSE 1
                        END AS step
                    FROM (
                        SELECT
                            p.record_id, p.feed, p.source_key, p.source_version, p.removed, p.change_kind,
                            p.resident_status, p.moved_out_on, p.household_number, p.relationship,
                            p.is_household_head,
                            NOT p.removed AND coalesce(p.change_kind IN ('cancelled', 'correction'), false)
                                AS reaches,
                            least(p.valid_from, u.as_of) AS own_on,
                            count(*) FILTER (WHERE p.removed) OVER (
                                PARTITION BY p.feed, p.source_key
                                ORDER BY coalesce(u.as_of, 'infinity'), NOT p.superseded, p.record_id
                                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                            ) AS life
                        FROM person_record AS p
                        LEFT JOIN unit AS u ON u.unit_id = p.unit_id
                        WHERE p.known_from <= known_at
                          AND (NOT p.doubted OR EXISTS (
                              SELECT
                              FROM person_record AS later
                              JOIN unit AS told ON told.unit_id = later.unit_id
                              WHERE later.feed = p.feed AND later.source_key = p.source_key
                                AND later.known_from <= known_at AND NOT later.doubted
                                AND (told.as_of > u.as_of OR told.as_of = u.as_of AND NOT later.superseded)
                          ))
                    ) AS t
                ) AS v
            ) AS s
        ) AS e
    ) AS d
$$;

-- Every person record as it stood on day D, as known at K; its other columns are in person_record, by record_id.
-- Who has announced that he leaves is a resident up to that day.
CREATE FUNCTION person_at(as_of date, known_at timestamptz)
RETURNS TABLE (
    record_id bigint, feed text, source_key text, effective_on date, held_until date, resident_status text
)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT
        s.record_id, s.feed, s.source_key, s.effective_on, s.held_until,
        CASE
            WHEN s.resident_status = 'moved_out' AND s.moved_out_on > as_of THEN 'resident'
            ELSE s.resident_status
        END
    FROM person_span(known_at) AS s
    WHERE NOT s.removed AND s.effective_on <= as_of AND (s.held_until IS NULL OR s.held_until > as_of)
$$;

-- The days on which a key was a member of a household without anything changing: in one number, one relation,
-- head or not. member_from is the day since which it has been in that household at a stretch.
CREATE FUNCTION household_span(known_at timestamptz)
RETURNS TABLE (
    record_id bigint, feed text, source_key text, household_number text, relationship text, is_head boolean,
    since date, until date, member_from date, stay bigint
)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT
        i.record_id, i.feed, i.source_key, i.household_number, i.relationship, i.is_head, i.since, i.until,
        min(i.since) OVER (PARTITION BY i.feed, i.source_key, i.place), i.stay
    FROM (
        SELECT
            b.*,
            sum(b.is_new_place::integer) OVER (PARTITION BY b.feed, b.source_key ORDER BY b.since) AS place,
            sum((b.is_new_place OR b.is_new_standing)::integer) OVER (
                PARTITION BY b.feed, b.source_key ORDER BY b.since
            ) AS stay
        FROM (
            SELECT
                m.*,
                lag(m.household_number) OVER key IS DISTINCT FROM m.household_number
                    OR lag(m.until) OVER key IS DISTINCT FROM m.since AS is_new_place,
                lag(m.relationship) OVER key IS DISTINCT FROM m.relationship
                    OR lag(m.is_head) OVER key IS DISTINCT FROM m.is_head AS is_new_standing
            FROM (
                SELECT
                    s.record_id, s.feed, s.source_key, s.household_number, s.relationship,
                    coalesce(s.is_household_head, false) AS is_head, s.effective_on AS since,
                    CASE
                        WHEN s.resident_status = 'moved_out' THEN least(s.held_until, s.moved_out_on)
                        ELSE s.held_until
                    END AS until
                FROM person_span(known_at) AS s
                WHERE NOT s.removed AND s.household_number <> ''
                  AND (s.held_until IS NULL OR s.held_until > s.effective_on)
                  AND (coalesce(s.resident_status, '') NOT IN ('moved_out', 'dead', 'removed')
                    OR s.resident_status = 'moved_out' AND s.moved_out_on > s.effective_on)
            ) AS m
            WINDOW key AS (PARTITION BY m.feed, m.source_key ORDER BY m.since)
        ) AS b
    ) AS i
$$;

-- Memberships with their days, as known at K: a split, a merge and a change of head are rows that end and begin.
CREATE FUNCTION household_history(known_at timestamptz)
RETURNS TABLE (
    feed text, source_key text, household_number text, relationship text, is_head boolean, member_from date,
    member_to date
)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT
        h.feed, h.source_key, h.household_number, h.relationship, h.is_head, min(h.since),
        CASE WHEN bool_or(h.until IS NULL) THEN NULL ELSE max(h.until) END
    FROM household_span(known_at) AS h
    GROUP BY h.feed, h.source_key, h.stay, h.household_number, h.relationship, h.is_head
$$;

-- Households on day D, as known at K: a row a member. One without any is_head is legal (世帯主未設定).
CREATE FUNCTION household_at(as_of date, known_at timestamptz)
RETURNS TABLE (
    system text, household_number text, resident_id bigint, relationship text, is_head boolean,
    member_from date
)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT
        split_part(h.feed, '.', 1), h.household_number, l.resident_id,
        (array_agg(h.relationship ORDER BY h.is_head DESC, h.record_id))[1], bool_or(h.is_head),
        min(h.member_from)
    FROM household_span(known_at) AS h
    JOIN link_at(as_of, known_at) AS l USING (feed, source_key)
    WHERE h.since <= as_of AND (h.until IS NULL OR h.until > as_of)
    GROUP BY 1, 2, 3
$$;
