-- What belongs to a unit is written in its transaction and proved by I3 and I16: a trigger for each row of a
-- bulk table cost more than the row itself.
ALTER TABLE person_record DROP CONSTRAINT person_record_unit_id_fkey;
ALTER TABLE tax_record DROP CONSTRAINT tax_record_unit_id_fkey;
ALTER TABLE benefit_record DROP CONSTRAINT benefit_record_unit_id_fkey;
ALTER TABLE resident DROP CONSTRAINT resident_founded_by_unit_fkey;
ALTER TABLE link DROP CONSTRAINT link_unit_id_fkey, DROP CONSTRAINT link_resident_id_fkey;
ALTER TABLE golden_version DROP CONSTRAINT golden_version_unit_id_fkey, DROP CONSTRAINT golden_version_resident_id_fkey;
-- units are written in their order, so a summary of blocks finds a unit's rows
DROP INDEX person_record_of_unit, tax_record_of_unit, benefit_record_of_unit;
CREATE INDEX person_record_of_unit ON person_record USING brin (unit_id);
CREATE INDEX tax_record_of_unit ON tax_record USING brin (unit_id);
CREATE INDEX benefit_record_of_unit ON benefit_record USING brin (unit_id);
ALTER TABLE person_record
    -- the day from which this version says what held, where that is not valid_from: the day of what it cancels
    -- or corrects, or the day on which an event to come was announced
    ADD COLUMN effective_from date,
    -- an older version that came after a newer one: part of the history, never of the present
    ADD COLUMN superseded boolean NOT NULL DEFAULT false,
    -- strong numbers besides the party number; a token is a keyed digest, never the number itself
    ADD COLUMN resident_code_token text,
    ADD COLUMN individual_number_token text,
    ADD COLUMN residence_card_number text,
    -- 名寄せ先宛名番号: the record says itself that it is the same person as that number
    ADD COLUMN same_as_numbering text,
    ADD COLUMN same_as_party_number text,
    -- 支援措置区分 and its term
    ADD COLUMN protected_kind text,
    ADD COLUMN protected_from date,
    ADD COLUMN protected_until date;
ALTER TABLE tax_record ADD COLUMN superseded boolean NOT NULL DEFAULT false;
ALTER TABLE benefit_record ADD COLUMN superseded boolean NOT NULL DEFAULT false;
CREATE INDEX person_record_household ON person_record (feed, household_number)
    WHERE known_to IS NULL AND household_number IS NOT NULL;

-- A key has a home: the resident to whom rules gave it. Decisions join homes into one resident and part them
-- again; they never move a home, so that parting restores exactly what there would have been.
ALTER TABLE link
    ADD COLUMN home_id bigint,
    -- null: still; else the day from which the key is somebody else's
    ADD COLUMN valid_to date,
    -- the record whose number or attributes led there
    ADD COLUMN via_feed text,
    ADD COLUMN via_key text,
    ADD COLUMN decision_id bigint,
    -- of a key that was given to somebody else: the versions that speak of this person
    ADD COLUMN first_record_id bigint,
    ADD COLUMN last_record_id bigint,
    DROP CONSTRAINT link_rule_check;
UPDATE link SET home_id = resident_id;
ALTER TABLE link
    ALTER COLUMN home_id SET NOT NULL,
    ADD CONSTRAINT link_rule_check CHECK (rule IN (
        'strong_id', 'resident_code', 'individual_number', 'residence_card', 'said_same', 'four_attributes',
        'founder', 'decision'));
DROP INDEX link_open, link_of_resident, link_by_number;
CREATE UNIQUE INDEX link_open ON link (feed, source_key) WHERE known_to IS NULL AND valid_to IS NULL;
CREATE INDEX link_of_resident ON link (resident_id);
CREATE UNIQUE INDEX link_of_home ON link (home_id) WHERE known_to IS NULL;
CREATE INDEX link_by_number ON link (numbering, party_number) WHERE known_to IS NULL;
-- who has which record now
CREATE VIEW open_link AS SELECT * FROM link WHERE known_to IS NULL AND valid_to IS NULL;

-- Strong numbers of a home besides its party number, as its record says them now; an index, not a history.
-- 'says:<numbering>': a party number of which the source says that it is the same person's.
CREATE TABLE strong_number (
    home_id bigint NOT NULL,
    kind text NOT NULL,
    value text NOT NULL,
    PRIMARY KEY (home_id, kind)
);
CREATE INDEX strong_number_by_value ON strong_number (kind, value);
-- all four attributes equal with any version that was ever said
DROP INDEX person_record_match;
CREATE INDEX person_record_match ON person_record (match_key) WHERE match_key IS NOT NULL;

-- What people decided of two records (判定): it outranks every rule and is never rewritten.
CREATE TABLE decision (
    decision_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('same', 'different', 'cannot_say', 'value')),
    left_feed text NOT NULL,
    left_key text NOT NULL,
    -- of a value: null
    right_feed text,
    right_key text,
    -- the two homes: a key that is given to somebody else later leaves the decision where it was
    left_home bigint NOT NULL,
    right_home bigint,
    -- of a value: the group of the golden record that is taken from the left record
    field_group text,
    author text NOT NULL,
    reason text NOT NULL CHECK (reason <> ''),
    decided_at timestamptz NOT NULL,
    -- what was on the table: model, weight, content hashes of the two records
    seen jsonb NOT NULL DEFAULT '{}',
    approved_by text,
    -- null: it waits for a second person
    in_force_from timestamptz,
    withdrawn_by text,
    withdrawn_reason text,
    withdraw_approved_by text,
    in_force_until timestamptz,
    CHECK (in_force_until IS NULL OR in_force_until >= in_force_from),
    CHECK ((kind = 'value') = (right_feed IS NULL)),
    CHECK ((kind = 'value') = (field_group IS NOT NULL))
);
CREATE INDEX decision_of_left ON decision (left_home) WHERE in_force_until IS NULL;
CREATE INDEX decision_of_right ON decision (right_home) WHERE in_force_until IS NULL;
-- Whom nobody could tell apart or join, as long as both records are those that the person saw.
CREATE VIEW still_cannot_say AS
SELECT decision_id, left_home, right_home, seen ->> 'model' AS model
FROM decision AS d
WHERE kind = 'cannot_say' AND in_force_from IS NOT NULL AND in_force_until IS NULL
  AND seen ->> 'left_hash' IS NOT DISTINCT FROM (
      SELECT content_hash FROM person_record WHERE feed = left_feed AND source_key = left_key AND known_to IS NULL)
  AND seen ->> 'right_hash' IS NOT DISTINCT FROM (
      SELECT content_hash FROM person_record WHERE feed = right_feed AND source_key = right_key AND known_to IS NULL);
-- Which home counts as which resident: a star a component, its middle the smallest id of it.
CREATE TABLE resident_merge (
    resident_merge_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    home_id bigint NOT NULL,
    resident_id bigint NOT NULL,
    known_from timestamptz NOT NULL,
    known_to timestamptz,
    CHECK (home_id > resident_id),
    CHECK (known_to IS NULL OR known_to >= known_from)
);
CREATE UNIQUE INDEX resident_merge_open ON resident_merge (home_id) WHERE known_to IS NULL;
CREATE INDEX resident_merge_of_resident ON resident_merge (resident_id) WHERE known_to IS NULL;

-- How alike two records must look (level 3): a model is made once and stays as it is.
CREATE TABLE link_model (
    link_model_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest text NOT NULL UNIQUE,
    body jsonb NOT NULL,
    trained_by text NOT NULL,
    trained_at timestamptz NOT NULL,
    trained_on jsonb NOT NULL,
    adopted_by text,
    adopted_at timestamptz,
    retired_at timestamptz
);
CREATE UNIQUE INDEX link_model_in_use ON link_model ((true)) WHERE adopted_at IS NOT NULL AND retired_at IS NULL;
ALTER TABLE link_candidate
    DROP CONSTRAINT link_candidate_unit_id_fkey,
    DROP CONSTRAINT link_candidate_resident_id_fkey,
    DROP CONSTRAINT link_candidate_feed_source_key_resident_id_key,
    ALTER COLUMN unit_id DROP NOT NULL,
    ADD COLUMN level smallint NOT NULL DEFAULT 1 CHECK (level BETWEEN 1 AND 3),
    -- the resident's record that it looks like
    ADD COLUMN other_feed text,
    ADD COLUMN other_key text,
    ADD COLUMN link_model_id bigint REFERENCES link_model,
    ADD COLUMN weight double precision,
    ADD COLUMN probability double precision,
    ADD COLUMN run_id uuid REFERENCES run,
    ADD COLUMN found_at timestamptz,
    ADD COLUMN state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'decided', 'gone')),
    ADD COLUMN decision_id bigint REFERENCES decision,
    ADD COLUMN closed_at timestamptz;
CREATE UNIQUE INDEX link_candidate_open ON link_candidate (feed, source_key, resident_id) WHERE state = 'open';
ALTER TABLE run DROP CONSTRAINT run_kind_check;
ALTER TABLE run ADD CONSTRAINT run_kind_check CHECK (kind IN ('sync_in', 'reconcile', 'report', 'refeed', 'link'));

-- Which record won each group of the golden record, and by which rules; the rules are the same for nearly all.
CREATE TABLE golden_rule (
    golden_rule_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- group → trust:juki>tax>welfare, or decision:17
    body jsonb NOT NULL UNIQUE
);
ALTER TABLE golden_version
    ADD COLUMN name_record bigint,
    ADD COLUMN sex_record bigint,
    ADD COLUMN birth_record bigint,
    ADD COLUMN status_record bigint,
    ADD COLUMN address_record bigint,
    ADD COLUMN household_record bigint,
    ADD COLUMN golden_rule_id bigint REFERENCES golden_rule;
INSERT INTO golden_rule (body)
SELECT DISTINCT jsonb_build_object(
    'name', provenance -> 'full_name' ->> 1, 'sex', provenance -> 'sex' ->> 1,
    'birth', provenance -> 'date_of_birth' ->> 1, 'status', provenance -> 'resident_status' ->> 1,
    'address', provenance -> 'address' ->> 1, 'household', provenance -> 'household_number' ->> 1)
FROM golden_version;
UPDATE golden_version SET
    name_record = (provenance -> 'full_name' ->> 0)::bigint,
    sex_record = (provenance -> 'sex' ->> 0)::bigint,
    birth_record = (provenance -> 'date_of_birth' ->> 0)::bigint,
    status_record = (provenance -> 'resident_status' ->> 0)::bigint,
    address_record = (provenance -> 'address' ->> 0)::bigint,
    household_record = (provenance -> 'household_number' ->> 0)::bigint,
    golden_rule_id = (
        SELECT golden_rule_id FROM golden_rule
        WHERE body = jsonb_build_object(
            'name', provenance -> 'full_name' ->> 1, 'sex', provenance -> 'sex' ->> 1,
            'birth', provenance -> 'date_of_birth' ->> 1, 'status', provenance -> 'resident_status' ->> 1,
            'address', provenance -> 'address' ->> 1, 'household', provenance -> 'household_number' ->> 1));
ALTER TABLE golden_version
    ALTER COLUMN golden_rule_id SET NOT NULL,
    DROP COLUMN provenance;
ALTER TABLE golden_version DROP CONSTRAINT golden_version_golden_rule_id_fkey;
CREATE INDEX golden_unknown ON golden_version (resident_id) WHERE known_to IS NULL AND protected IS NULL;

-- Who lives with whom is said by the records themselves, a version a change: nothing is kept twice.
DROP TABLE household_member;
DROP TABLE household;

-- Two sayings that cannot be of one person: births that cannot be one day, and no name in common. What is not
-- known contradicts nothing by itself.
CREATE FUNCTION contradicts(
    lo date, hi date, name text, kana text, common_name text,
    other_lo date, other_hi date, other_name text, other_kana text, other_common_name text
) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(lo > other_hi OR other_lo > hi, false)
       AND NOT coalesce(kana <> '' AND kana = other_kana, false)
       AND NOT coalesce(name <> '' AND name = other_name, false)
       AND NOT coalesce(name <> '' AND name = other_common_name, false)
       AND NOT coalesce(common_name <> '' AND common_name = other_name, false)
       AND NOT coalesce(common_name <> '' AND common_name = other_common_name, false)
$$;

-- Records that part from a resident part from each record that stays: decisions of one act, told by its first.
ALTER TABLE decision
    ADD COLUMN act_id bigint,
    ADD COLUMN withdrawn_at timestamptz;
CREATE INDEX decision_of_act ON decision (act_id) WHERE act_id IS NOT NULL;
-- what a decision joins or parts belongs to no unit
ALTER TABLE link ALTER COLUMN unit_id DROP NOT NULL;
ALTER TABLE golden_version ALTER COLUMN unit_id DROP NOT NULL;
