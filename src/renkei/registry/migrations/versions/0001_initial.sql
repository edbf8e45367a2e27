-- Control: who runs, what came, what became of it.
CREATE TABLE run (
    run_id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('sync_in', 'reconcile', 'report', 'refeed')),
    target text NOT NULL,
    as_of date NOT NULL,
    state text NOT NULL CHECK (state IN ('running', 'done', 'held', 'failed')),
    actor text NOT NULL,
    trigger text NOT NULL,
    project_digest text NOT NULL,
    code_version text NOT NULL,
    fence bigint,
    counts jsonb NOT NULL DEFAULT '{}',
    stages jsonb NOT NULL DEFAULT '[]',
    error_code text,
    error_facts jsonb,
    scheduler_run text,
    started_at timestamptz NOT NULL,
    finished_at timestamptz
);
CREATE INDEX run_recent ON run (started_at DESC);
CREATE INDEX run_of_target ON run (kind, target, as_of);

CREATE TABLE lease (
    resource text PRIMARY KEY,
    fence bigint NOT NULL,
    holder text NOT NULL,
    expires_at timestamptz NOT NULL
);

CREATE TABLE object (
    sha256 text PRIMARY KEY CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    bytes bigint NOT NULL,
    first_seen_at timestamptz NOT NULL
);

CREATE TABLE delivery (
    delivery_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    feed text NOT NULL,
    name text NOT NULL,
    sha256 text NOT NULL REFERENCES object,
    as_of date,
    stated_records bigint,
    remote_modified timestamptz,
    received_at timestamptz NOT NULL,
    run_id uuid NOT NULL REFERENCES run,
    verdict text NOT NULL CHECK (verdict IN ('landed', 'merged', 'duplicate', 'held', 'refused')),
    duplicate_of bigint REFERENCES delivery,
    error_code text,
    error_facts jsonb,
    UNIQUE (feed, name, sha256)
);

CREATE TABLE unit (
    unit_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    delivery_id bigint NOT NULL REFERENCES delivery,
    feed text NOT NULL,
    part text NOT NULL DEFAULT 'all',
    as_of date NOT NULL,
    run_id uuid NOT NULL REFERENCES run,
    mapping_digest text NOT NULL,
    fence bigint NOT NULL,
    records bigint NOT NULL,
    merged bigint NOT NULL,
    unchanged bigint NOT NULL,
    superseded bigint NOT NULL,
    rejected bigint NOT NULL,
    ended bigint NOT NULL,
    withheld bigint NOT NULL DEFAULT 0,
    dispositions text NOT NULL REFERENCES object,
    snapshot text NOT NULL REFERENCES object,
    done_at timestamptz NOT NULL,
    UNIQUE (delivery_id, part),
    CONSTRAINT unit_conserves_records CHECK (records = merged + unchanged + superseded + rejected)
);
CREATE INDEX unit_of_feed ON unit (feed, unit_id DESC);

CREATE TABLE reject (
    reject_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    unit_id bigint NOT NULL REFERENCES unit DEFERRABLE INITIALLY DEFERRED,
    delivery_id bigint NOT NULL REFERENCES delivery,
    feed text NOT NULL,
    rec_no bigint NOT NULL,
    byte_offset bigint,
    byte_length bigint,
    source_key text,
    field text NOT NULL,
    code text NOT NULL,
    detail text NOT NULL,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'refed', 'overtaken')),
    -- may be a resident who is missing under a damaged key: while it is open, nobody of the feed is ended
    suspect boolean NOT NULL DEFAULT false,
    closed_by_unit bigint REFERENCES unit DEFERRABLE INITIALLY DEFERRED,
    UNIQUE (unit_id, rec_no)
);
CREATE INDEX reject_open ON reject (feed) WHERE state = 'open';

CREATE TABLE cursor (
    feed text PRIMARY KEY,
    epoch integer NOT NULL DEFAULT 1,
    as_of date NOT NULL,
    position jsonb NOT NULL,
    snapshot text NOT NULL REFERENCES object,
    unit_id bigint NOT NULL REFERENCES unit,
    fence bigint NOT NULL,
    moved_at timestamptz NOT NULL
);

-- Identity: stable ids, and which record of which system belongs to whom.
CREATE TABLE resident (
    resident_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    founded_at timestamptz NOT NULL,
    founded_by_unit bigint NOT NULL REFERENCES unit DEFERRABLE INITIALLY DEFERRED
);

CREATE TABLE link (
    link_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    resident_id bigint NOT NULL REFERENCES resident,
    feed text NOT NULL,
    source_key text NOT NULL,
    numbering text,
    party_number text,
    rule text NOT NULL CHECK (rule IN ('strong_id', 'four_attributes', 'founder')),
    valid_from date NOT NULL,
    known_from timestamptz NOT NULL,
    known_to timestamptz,
    unit_id bigint NOT NULL REFERENCES unit DEFERRABLE INITIALLY DEFERRED,
    CHECK (known_to IS NULL OR known_to >= known_from)
);
CREATE UNIQUE INDEX link_open ON link (feed, source_key) WHERE known_to IS NULL;
CREATE INDEX link_of_resident ON link (resident_id) WHERE known_to IS NULL;
CREATE INDEX link_by_number ON link (numbering, party_number) WHERE known_to IS NULL;

CREATE TABLE link_candidate (
    link_candidate_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    feed text NOT NULL,
    source_key text NOT NULL,
    resident_id bigint NOT NULL REFERENCES resident,
    reason text NOT NULL,
    unit_id bigint NOT NULL REFERENCES unit DEFERRABLE INITIALLY DEFERRED,
    UNIQUE (feed, source_key, resident_id)
);

-- What each system says: one row a version, known_to null on the open one; a removed record leaves a tombstone.
CREATE TABLE person_record (
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
    numbering text,
    party_number text,
    household_number text,
    relationship text,
    is_household_head boolean,
    resident_kind text,
    resident_status text,
    full_name text,
    full_name_kana text,
    former_surname text,
    common_name text,
    name_key text,
    kana_key text,
    common_name_key text,
    sex text,
    date_of_birth date,
    date_of_birth_raw text,
    date_of_birth_lo date,
    date_of_birth_hi date,
    date_of_birth_precision text,
    date_of_death date,
    moved_out_on date,
    moved_in_on date,
    address text,
    address_building text,
    address_municipality_code text,
    address_town text,
    address_key text,
    postal_code text,
    address_since date,
    match_key text,
    protected text,
    content_hash text NOT NULL,
    removed boolean NOT NULL DEFAULT false,
    known_from timestamptz NOT NULL,
    known_to timestamptz,
    unit_id bigint NOT NULL REFERENCES unit DEFERRABLE INITIALLY DEFERRED,
    rec_no bigint,
    CHECK (known_to IS NULL OR known_to >= known_from),
    CHECK (removed OR rec_no IS NOT NULL),
    UNIQUE (feed, source_key, unit_id)
);
CREATE UNIQUE INDEX person_record_open ON person_record (feed, source_key) WHERE known_to IS NULL;
CREATE INDEX person_record_of_unit ON person_record (unit_id);
CREATE INDEX person_record_match ON person_record (match_key) WHERE known_to IS NULL AND match_key IS NOT NULL;
CREATE TABLE tax_record (
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
    tax_year bigint,
    levy text,
    mailing_designated boolean,
    mailing_address text,
    mailing_address_building text,
    mailing_address_key text,
    annual_amount bigint,
    content_hash text NOT NULL,
    removed boolean NOT NULL DEFAULT false,
    known_from timestamptz NOT NULL,
    known_to timestamptz,
    unit_id bigint NOT NULL REFERENCES unit DEFERRABLE INITIALLY DEFERRED,
    rec_no bigint,
    CHECK (known_to IS NULL OR known_to >= known_from),
    CHECK (removed OR rec_no IS NOT NULL),
    UNIQUE (feed, source_key, unit_id)
);
CREATE UNIQUE INDEX tax_record_open ON tax_record (feed, source_key) WHERE known_to IS NULL;
CREATE INDEX tax_record_of_unit ON tax_record (unit_id);
CREATE INDEX tax_record_of_person ON tax_record (person_key) WHERE known_to IS NULL;
CREATE TABLE benefit_record (
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
    payee_key text,
    benefit_kind text,
    status text,
    started_on date,
    ended_on date,
    end_reason text,
    monthly_amount bigint,
    content_hash text NOT NULL,
    removed boolean NOT NULL DEFAULT false,
    known_from timestamptz NOT NULL,
    known_to timestamptz,
    unit_id bigint NOT NULL REFERENCES unit DEFERRABLE INITIALLY DEFERRED,
    rec_no bigint,
    CHECK (known_to IS NULL OR known_to >= known_from),
    CHECK (removed OR rec_no IS NOT NULL),
    UNIQUE (feed, source_key, unit_id)
);
CREATE UNIQUE INDEX benefit_record_open ON benefit_record (feed, source_key) WHERE known_to IS NULL;
CREATE INDEX benefit_record_of_unit ON benefit_record (unit_id);
CREATE INDEX benefit_record_of_person ON benefit_record (person_key) WHERE known_to IS NULL;

-- Derived: the golden record (統合レコード), a version whenever a value changes; provenance names the winning record per field.
CREATE TABLE golden_version (
    golden_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    resident_id bigint NOT NULL REFERENCES resident,
    full_name text,
    full_name_kana text,
    former_surname text,
    common_name text,
    sex text,
    date_of_birth date,
    date_of_birth_raw text,
    date_of_birth_lo date,
    date_of_birth_hi date,
    date_of_birth_precision text,
    resident_kind text,
    resident_status text,
    date_of_death date,
    moved_out_on date,
    moved_in_on date,
    address text,
    address_building text,
    address_municipality_code text,
    address_town text,
    address_key text,
    postal_code text,
    address_since date,
    household_number text,
    relationship text,
    is_household_head boolean,
    protected text,
    provenance jsonb NOT NULL,
    valid_from date NOT NULL,
    known_from timestamptz NOT NULL,
    known_to timestamptz,
    unit_id bigint NOT NULL REFERENCES unit DEFERRABLE INITIALLY DEFERRED
);
CREATE UNIQUE INDEX golden_open ON golden_version (resident_id) WHERE known_to IS NULL;

-- Households as each system recognises them, with dated membership.
CREATE TABLE household (
    household_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    system text NOT NULL,
    household_number text NOT NULL,
    UNIQUE (system, household_number)
);
CREATE TABLE household_member (
    household_member_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    household_id bigint NOT NULL REFERENCES household,
    resident_id bigint NOT NULL REFERENCES resident,
    feed text NOT NULL,
    source_key text NOT NULL,
    relationship text,
    is_head boolean NOT NULL,
    valid_from date NOT NULL,
    known_from timestamptz NOT NULL,
    known_to timestamptz,
    unit_id bigint NOT NULL REFERENCES unit DEFERRABLE INITIALLY DEFERRED
);
CREATE UNIQUE INDEX household_member_open ON household_member (feed, source_key) WHERE known_to IS NULL;
CREATE INDEX household_member_of_household ON household_member (household_id) WHERE known_to IS NULL;

-- Reconciliation: what disagrees, and the case a person sees.
CREATE TABLE "case" (
    case_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject_kind text NOT NULL CHECK (subject_kind IN ('resident', 'delivery')),
    subject_id text NOT NULL,
    cause text NOT NULL,
    rule_id text NOT NULL,
    owner text NOT NULL,
    severity smallint NOT NULL,
    state text NOT NULL CHECK (state IN ('open', 'reviewing', 'waiting', 'held', 'dismissed', 'closed')),
    opened_at timestamptz NOT NULL,
    opened_as_of date NOT NULL,
    due_on date NOT NULL,
    closed_at timestamptz,
    closed_as_of date,
    reopened integer NOT NULL DEFAULT 0,
    UNIQUE (subject_kind, subject_id, cause)
);
CREATE INDEX case_open ON "case" (due_on, case_id) WHERE state NOT IN ('closed', 'dismissed');

CREATE TABLE case_event (
    case_event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    case_id bigint NOT NULL REFERENCES "case",
    happened_at timestamptz NOT NULL,
    as_of date NOT NULL,
    kind text NOT NULL CHECK (kind IN ('opened', 'joined', 'left', 'closed', 'reopened', 'decided')),
    actor text NOT NULL,
    run_id uuid REFERENCES run,
    detail jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX case_event_of_case ON case_event (case_id);

CREATE TABLE mismatch (
    mismatch_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rule_id text NOT NULL,
    rule_digest text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('mismatch', 'double_entry', 'delivery')),
    subject_kind text NOT NULL,
    subject_id text NOT NULL,
    resident_id bigint REFERENCES resident,
    cause text NOT NULL,
    field text NOT NULL,
    class text NOT NULL,
    left_feed text NOT NULL,
    left_key text NOT NULL,
    right_feed text NOT NULL,
    right_key text NOT NULL,
    since date,
    minutes integer,
    case_id bigint NOT NULL REFERENCES "case",
    first_as_of date NOT NULL,
    found_by_run uuid NOT NULL REFERENCES run,
    found_at timestamptz NOT NULL,
    gone_as_of date,
    gone_by_run uuid REFERENCES run,
    gone_at timestamptz
);
CREATE UNIQUE INDEX mismatch_open
    ON mismatch (rule_id, subject_kind, subject_id, field, left_feed, left_key, right_feed, right_key)
    WHERE gone_at IS NULL;
CREATE INDEX mismatch_of_case ON mismatch (case_id);

CREATE TABLE rule_result (
    run_id uuid NOT NULL REFERENCES run,
    rule_id text NOT NULL,
    rule_digest text NOT NULL,
    state text NOT NULL CHECK (state IN ('compared', 'not_compared', 'not_in_force')),
    compared bigint NOT NULL,
    found bigint NOT NULL,
    in_transit bigint NOT NULL,
    opened bigint NOT NULL,
    closed bigint NOT NULL,
    reopened bigint NOT NULL,
    missing_feeds text[] NOT NULL DEFAULT '{}',
    seconds double precision NOT NULL,
    PRIMARY KEY (run_id, rule_id)
);

-- Audit: an event in every writing transaction; seals and signed checkpoints over them.
CREATE TABLE audit_event (
    event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    occurred_at timestamptz NOT NULL,
    salt bytea NOT NULL CHECK (octet_length(salt) = 32),
    body text NOT NULL
);
CREATE TABLE audit_seal (
    seq bigint PRIMARY KEY CHECK (seq > 0),
    event_id bigint NOT NULL UNIQUE REFERENCES audit_event,
    leaf bytea NOT NULL CHECK (octet_length(leaf) = 32)
);
CREATE TABLE audit_checkpoint (
    size bigint PRIMARY KEY,
    root bytea NOT NULL CHECK (octet_length(root) = 32),
    note text NOT NULL,
    signed_at timestamptz NOT NULL
);

CREATE FUNCTION refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is append-only (% on %)', TG_OP, TG_TABLE_NAME USING ERRCODE = '42501';
END
$$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_event
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_seal
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
