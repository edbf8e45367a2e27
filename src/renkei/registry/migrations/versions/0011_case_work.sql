-- What people do with a case. Every step is a case_event and none is rewritten; "case" is where they have led to.
ALTER TABLE "case"
    ADD COLUMN assignee text,
    -- held (保留) until this day
    ADD COLUMN wait_until date,
    ADD COLUMN outcome text CHECK (outcome IN ('correct', 'withdraw', 'confirm')),
    -- the event that the outcome stands on
    ADD COLUMN outcome_event bigint REFERENCES case_event;
CREATE INDEX case_judged_settled ON "case" (case_id) WHERE state = 'dismissed' AND outcome_event IS NOT NULL;

ALTER TABLE case_event DROP CONSTRAINT case_event_kind_check;
ALTER TABLE case_event ADD CONSTRAINT case_event_kind_check CHECK (kind IN (
    'opened', 'joined', 'left', 'closed', 'reopened', 'decided', 'assigned', 'held', 'noted', 'undone', 'due_again'));
-- Steps that one person took at once, over one case or many; none: the hub's own step.
ALTER TABLE case_event ADD COLUMN act_id bigint;
CREATE INDEX case_event_of_act ON case_event (act_id) WHERE act_id IS NOT NULL;
CREATE SEQUENCE case_act AS bigint;

-- What an outcome was said of: which differences, and a digest of their values, so that others reopen the case.
CREATE TABLE case_judged (
    case_event_id bigint NOT NULL REFERENCES case_event,
    rule_id text NOT NULL,
    field text NOT NULL,
    left_feed text NOT NULL,
    left_key text NOT NULL,
    right_feed text NOT NULL,
    right_key text NOT NULL,
    digest text NOT NULL,
    PRIMARY KEY (case_event_id, rule_id, field, left_feed, left_key, right_feed, right_key)
);

-- What a record says of a rule's field, as people would compare it. A field that is not one of these is judged by
-- the content of the whole record: rather one case too many comes back than one too few.
CREATE FUNCTION said_of_field(asked_feed text, asked_key text, field text) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN field IN ('address', 'mailing_address') THEN jsonb_build_array(removed, address, address_building)
        WHEN field IN ('name', 'full_name', 'full_name_kana')
            THEN jsonb_build_array(removed, full_name, full_name_kana, common_name, former_surname)
        WHEN field = 'date_of_birth' THEN jsonb_build_array(removed, date_of_birth, date_of_birth_raw)
        WHEN field IN ('household', 'household_number', 'relationship')
            THEN jsonb_build_array(removed, household_number, relationship)
        ELSE jsonb_build_array(removed, content_hash)
    END
    FROM person_record
    WHERE feed = asked_feed AND source_key = asked_key AND known_to IS NULL
    UNION ALL
    SELECT CASE
        WHEN field IN ('address', 'mailing_address')
            THEN jsonb_build_array(removed, mailing_address, mailing_address_building)
        ELSE jsonb_build_array(removed, content_hash)
    END
    FROM tax_record
    WHERE feed = asked_feed AND source_key = asked_key AND known_to IS NULL
    UNION ALL
    SELECT jsonb_build_array(removed, content_hash)
    FROM benefit_record
    WHERE feed = asked_feed AND source_key = asked_key AND known_to IS NULL
    LIMIT 1
$$;

-- One difference as it stands now. What happened (double entry, delivery) is told by its day: records move on.
CREATE FUNCTION mismatch_digest(m mismatch) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT encode(sha256(convert_to(CASE
        WHEN m.kind = 'mismatch' THEN jsonb_build_array(
            m.class,
            said_of_field(m.left_feed, m.left_key, m.field),
            said_of_field(m.right_feed, m.right_key, m.field))
        ELSE jsonb_build_array(m.class, m.since, m.minutes)
    END::text, 'UTF8')), 'hex')
$$;

-- The characters in which two names of one length differ, as 邉>辺; null where they differ in more than two.
CREATE FUNCTION glyphs_between(one text, other text) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    a text := translate(one, ' 　', '');
    b text := translate(other, ' 　', '');
    found text[] := '{}';
    pair text;
BEGIN
    IF a IS NULL OR b IS NULL OR char_length(a) <> char_length(b) THEN
        RETURN NULL;
    END IF;
    FOR at IN 1 .. char_length(a) LOOP
        IF substr(a, at, 1) <> substr(b, at, 1) THEN
            pair := substr(a, at, 1) || '>' || substr(b, at, 1);
            IF NOT pair = ANY (found) THEN
                found := found || pair;
            END IF;
        END IF;
    END LOOP;
    RETURN CASE WHEN cardinality(found) BETWEEN 1 AND 2 THEN array_to_string(found, ' ') END;
END
$$;

-- Where an open difference belongs with others of its kind: of names the characters, else the resident's town (町字).
CREATE VIEW mismatch_place AS
SELECT m.mismatch_id, m.case_id, m.rule_id, m.subject_kind, m.subject_id, m.class,
    CASE
        WHEN m.field IN ('name', 'full_name') THEN 'glyph:' || glyphs_between(l.full_name, r.full_name)
        ELSE 'town:' || coalesce(p.address_municipality_code, '') || coalesce(p.address_key_town, p.address_town)
    END AS place
FROM mismatch AS m
LEFT JOIN person_record AS l
    ON m.field IN ('name', 'full_name')
    AND l.feed = m.left_feed AND l.source_key = m.left_key AND l.known_to IS NULL
LEFT JOIN person_record AS r
    ON m.field IN ('name', 'full_name')
    AND r.feed = m.right_feed AND r.source_key = m.right_key AND r.known_to IS NULL
LEFT JOIN golden_version AS g
    ON m.field NOT IN ('name', 'full_name') AND g.resident_id = m.resident_id AND g.known_to IS NULL
LEFT JOIN person_record AS p ON p.record_id = g.address_record
WHERE m.gone_at IS NULL;

-- A rule set aside for one subject, or for a class of differences (in one place): asked by one person, approved by
-- another, for a year at most. Nothing is deleted: what ends is marked as ended.
CREATE TABLE suppression (
    suppression_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rule_id text NOT NULL,
    subject_kind text,
    subject_id text,
    class text,
    place text,
    reason text NOT NULL CHECK (reason <> ''),
    asked_by text NOT NULL,
    asked_at timestamptz NOT NULL,
    asked_on date NOT NULL,
    -- its last day
    expires_on date NOT NULL,
    approved_by text,
    approved_at timestamptz,
    ended_by text,
    ended_at timestamptz,
    ended_reason text CHECK (ended_reason <> ''),
    ended_as text CHECK (ended_as IN ('turned_down', 'lifted')),
    CHECK ((subject_kind IS NULL) = (subject_id IS NULL)),
    CHECK ((subject_id IS NULL) <> (class IS NULL)),
    CHECK (place IS NULL OR class IS NOT NULL),
    CHECK (expires_on >= asked_on AND expires_on <= (asked_on + interval '1 year')::date),
    CHECK ((approved_by IS NULL) = (approved_at IS NULL)),
    -- nobody brings it into force alone
    CHECK (approved_by <> asked_by),
    CHECK ((ended_by IS NULL) = (ended_at IS NULL) AND (ended_by IS NULL) = (ended_as IS NULL)
        AND (ended_by IS NULL) = (ended_reason IS NULL))
);
CREATE INDEX suppression_standing ON suppression (rule_id) WHERE ended_at IS NULL;

-- Cases of which every open difference is set aside on that day, and by what. What is past its last day covers
-- nothing, so its cases are back the day after without anybody doing anything.
CREATE FUNCTION suppressed_case(day date) RETURNS TABLE (case_id bigint, suppression_id bigint)
LANGUAGE sql STABLE ROWS 100 AS $$
    WITH ruled AS MATERIALIZED (
        SELECT * FROM suppression AS s
        WHERE s.approved_at IS NOT NULL AND s.ended_at IS NULL AND s.expires_on >= day
    ), placed AS MATERIALIZED (
        SELECT m.case_id, m.mismatch_id, m.rule_id, m.class, m.place
        FROM mismatch_place AS m
        WHERE (m.rule_id, m.class) IN (SELECT rule_id, class FROM ruled WHERE place IS NOT NULL)
    ), hit AS MATERIALIZED (
        SELECT m.case_id, m.mismatch_id, s.suppression_id
        FROM ruled AS s
        JOIN mismatch AS m
            ON m.gone_at IS NULL AND m.rule_id = s.rule_id
            AND m.subject_kind = s.subject_kind AND m.subject_id = s.subject_id
        UNION ALL
        SELECT m.case_id, m.mismatch_id, s.suppression_id
        FROM ruled AS s
        JOIN mismatch AS m ON m.gone_at IS NULL AND m.rule_id = s.rule_id AND m.class = s.class
        WHERE s.place IS NULL
        UNION ALL
        SELECT m.case_id, m.mismatch_id, s.suppression_id
        FROM placed AS m
        JOIN ruled AS s ON s.rule_id = m.rule_id AND s.class = m.class AND s.place = m.place
    )
    SELECT h.case_id, min(h.suppression_id)
    FROM hit AS h
    GROUP BY h.case_id
    HAVING count(DISTINCT h.mismatch_id) = (
        SELECT count(*) FROM mismatch AS o WHERE o.case_id = h.case_id AND o.gone_at IS NULL)
$$;
