-- What twelve more rules read: accounts, property, dependants, returned mail, double entitlements, representation;
-- each kept as the other records are, one row a version. A null means that the source has no such column.
ALTER TABLE person_record
    ADD COLUMN residence_qualification text,
    ADD COLUMN residence_until date,
    ADD COLUMN moving_out_planned_on date,
    ADD COLUMN arrival_notified_on date;
ALTER TABLE tax_record
    ADD COLUMN exempt boolean,
    ADD COLUMN disability_deduction boolean,
    ADD COLUMN not_registered_levy boolean;
ALTER TABLE benefit_record
    ADD COLUMN facility_exception boolean,
    ADD COLUMN facility_entered_on date;

CREATE TABLE account_record (
    record_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    feed text NOT NULL,
    source_key text NOT NULL,
    source_version text NOT NULL,
    valid_from date NOT NULL,
    changed_at timestamptz,
    change_kind text,
    operator text,
    operator_kind text,
    terminal text,
    person_key text,
    account_use text,
    -- bank, branch, kind and number as one keyed digest, never the number itself
    account_token text,
    holder_kana text,
    holder_kana_key text,
    account_changed_on date,
    scheduled_on date,
    status text,
    content_hash text NOT NULL,
    removed boolean NOT NULL DEFAULT false,
    superseded boolean NOT NULL DEFAULT false,
    doubted boolean NOT NULL DEFAULT false,
    known_from timestamptz NOT NULL,
    known_to timestamptz,
    unit_id bigint NOT NULL,
    rec_no bigint,
    CHECK (known_to IS NULL OR known_to >= known_from),
    CHECK (removed OR rec_no IS NOT NULL),
    UNIQUE (feed, source_key, unit_id)
);
CREATE UNIQUE INDEX account_record_open ON account_record (feed, source_key) WHERE known_to IS NULL;
CREATE INDEX account_record_of_unit ON account_record USING brin (unit_id);
CREATE INDEX account_record_of_person ON account_record (person_key) WHERE known_to IS NULL;

CREATE TABLE property_record (
    record_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    feed text NOT NULL,
    source_key text NOT NULL,
    source_version text NOT NULL,
    valid_from date NOT NULL,
    changed_at timestamptz,
    change_kind text,
    operator text,
    operator_kind text,
    terminal text,
    person_key text,
    representative_key text,
    representative_since date,
    property_kind text,
    status text,
    content_hash text NOT NULL,
    removed boolean NOT NULL DEFAULT false,
    superseded boolean NOT NULL DEFAULT false,
    doubted boolean NOT NULL DEFAULT false,
    known_from timestamptz NOT NULL,
    known_to timestamptz,
    unit_id bigint NOT NULL,
    rec_no bigint,
    CHECK (known_to IS NULL OR known_to >= known_from),
    CHECK (removed OR rec_no IS NOT NULL),
    UNIQUE (feed, source_key, unit_id)
);
CREATE UNIQUE INDEX property_record_open ON property_record (feed, source_key) WHERE known_to IS NULL;
CREATE INDEX property_record_of_unit ON property_record USING brin (unit_id);
CREATE INDEX property_record_of_person ON property_record (person_key) WHERE known_to IS NULL;

CREATE TABLE dependant_record (
    record_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    feed text NOT NULL,
    source_key text NOT NULL,
    source_version text NOT NULL,
    valid_from date NOT NULL,
    changed_at timestamptz,
    change_kind text,
    operator text,
    operator_kind text,
    terminal text,
    person_key text,
    dependant_key text,
    tax_year bigint,
    dependant_income bigint,
    content_hash text NOT NULL,
    removed boolean NOT NULL DEFAULT false,
    superseded boolean NOT NULL DEFAULT false,
    doubted boolean NOT NULL DEFAULT false,
    known_from timestamptz NOT NULL,
    known_to timestamptz,
    unit_id bigint NOT NULL,
    rec_no bigint,
    CHECK (known_to IS NULL OR known_to >= known_from),
    CHECK (removed OR rec_no IS NOT NULL),
    UNIQUE (feed, source_key, unit_id)
);
CREATE UNIQUE INDEX dependant_record_open ON dependant_record (feed, source_key) WHERE known_to IS NULL;
CREATE INDEX dependant_record_of_unit ON dependant_record USING brin (unit_id);
CREATE INDEX dependant_record_of_person ON dependant_record (person_key) WHERE known_to IS NULL;

CREATE TABLE returned_mail_record (
    record_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    feed text NOT NULL,
    source_key text NOT NULL,
    source_version text NOT NULL,
    valid_from date NOT NULL,
    changed_at timestamptz,
    change_kind text,
    operator text,
    operator_kind text,
    terminal text,
    person_key text,
    sent_on date,
    returned_on date,
    return_reason text,
    published_on date,
    resolved_on date,
    content_hash text NOT NULL,
    removed boolean NOT NULL DEFAULT false,
    superseded boolean NOT NULL DEFAULT false,
    doubted boolean NOT NULL DEFAULT false,
    known_from timestamptz NOT NULL,
    known_to timestamptz,
    unit_id bigint NOT NULL,
    rec_no bigint,
    CHECK (known_to IS NULL OR known_to >= known_from),
    CHECK (removed OR rec_no IS NOT NULL),
    UNIQUE (feed, source_key, unit_id)
);
CREATE UNIQUE INDEX returned_mail_record_open ON returned_mail_record (feed, source_key) WHERE known_to IS NULL;
CREATE INDEX returned_mail_record_of_unit ON returned_mail_record USING brin (unit_id);
CREATE INDEX returned_mail_record_of_person ON returned_mail_record (person_key) WHERE known_to IS NULL;

CREATE TABLE double_entitlement_record (
    record_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    feed text NOT NULL,
    source_key text NOT NULL,
    source_version text NOT NULL,
    valid_from date NOT NULL,
    changed_at timestamptz,
    change_kind text,
    operator text,
    operator_kind text,
    terminal text,
    person_key text,
    listed_on date,
    other_insurer text,
    entitled_from date,
    content_hash text NOT NULL,
    removed boolean NOT NULL DEFAULT false,
    superseded boolean NOT NULL DEFAULT false,
    doubted boolean NOT NULL DEFAULT false,
    known_from timestamptz NOT NULL,
    known_to timestamptz,
    unit_id bigint NOT NULL,
    rec_no bigint,
    CHECK (known_to IS NULL OR known_to >= known_from),
    CHECK (removed OR rec_no IS NOT NULL),
    UNIQUE (feed, source_key, unit_id)
);
CREATE UNIQUE INDEX double_entitlement_record_open ON double_entitlement_record (feed, source_key) WHERE known_to IS NULL;
CREATE INDEX double_entitlement_record_of_unit ON double_entitlement_record USING brin (unit_id);
CREATE INDEX double_entitlement_record_of_person ON double_entitlement_record (person_key) WHERE known_to IS NULL;

CREATE TABLE representation_record (
    record_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    feed text NOT NULL,
    source_key text NOT NULL,
    source_version text NOT NULL,
    valid_from date NOT NULL,
    changed_at timestamptz,
    change_kind text,
    operator text,
    operator_kind text,
    terminal text,
    person_key text,
    agent_key text,
    agent_kind text,
    started_on date,
    ended_on date,
    content_hash text NOT NULL,
    removed boolean NOT NULL DEFAULT false,
    superseded boolean NOT NULL DEFAULT false,
    doubted boolean NOT NULL DEFAULT false,
    known_from timestamptz NOT NULL,
    known_to timestamptz,
    unit_id bigint NOT NULL,
    rec_no bigint,
    CHECK (known_to IS NULL OR known_to >= known_from),
    CHECK (removed OR rec_no IS NOT NULL),
    UNIQUE (feed, source_key, unit_id)
);
CREATE UNIQUE INDEX representation_record_open ON representation_record (feed, source_key) WHERE known_to IS NULL;
CREATE INDEX representation_record_of_unit ON representation_record USING brin (unit_id);
CREATE INDEX representation_record_of_person ON representation_record (person_key) WHERE known_to IS NULL;

-- As before, and of the new records the content of the whole.
CREATE OR REPLACE FUNCTION said_of_field(asked_feed text, asked_key text, field text)
RETURNS jsonb LANGUAGE sql STABLE AS $$
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
    UNION ALL
    SELECT jsonb_build_array(removed, content_hash)
    FROM account_record
    WHERE feed = asked_feed AND source_key = asked_key AND known_to IS NULL
    UNION ALL
    SELECT jsonb_build_array(removed, content_hash)
    FROM property_record
    WHERE feed = asked_feed AND source_key = asked_key AND known_to IS NULL
    UNION ALL
    SELECT jsonb_build_array(removed, content_hash)
    FROM dependant_record
    WHERE feed = asked_feed AND source_key = asked_key AND known_to IS NULL
    UNION ALL
    SELECT jsonb_build_array(removed, content_hash)
    FROM returned_mail_record
    WHERE feed = asked_feed AND source_key = asked_key AND known_to IS NULL
    UNION ALL
    SELECT jsonb_build_array(removed, content_hash)
    FROM double_entitlement_record
    WHERE feed = asked_feed AND source_key = asked_key AND known_to IS NULL
    UNION ALL
    SELECT jsonb_build_array(removed, content_hash)
    FROM representation_record
    WHERE feed = asked_feed AND source_key = asked_key AND known_to IS NULL
    LIMIT 1
$$;
