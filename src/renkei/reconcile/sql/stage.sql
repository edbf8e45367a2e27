-- What this night found, and the rules it was found by; gone with the transaction.
DROP TABLE IF EXISTS found_now, rule_now, gone_now, new_now, touched_now, closing_now, back_now;
CREATE TEMP TABLE found_now (
    rule_id text NOT NULL,
    subject_kind text NOT NULL,
    subject_id text NOT NULL,
    resident_id bigint,
    cause text NOT NULL,
    field text NOT NULL,
    class text NOT NULL,
    left_feed text NOT NULL,
    left_key text NOT NULL,
    right_feed text NOT NULL,
    right_key text NOT NULL,
    since date,
    minutes integer,
    in_transit boolean NOT NULL
) ON COMMIT DROP;
CREATE TEMP TABLE rule_now (
    rule_id text PRIMARY KEY,
    rule_digest text NOT NULL,
    kind text NOT NULL,
    owner text NOT NULL,
    severity smallint NOT NULL,
    due_on date NOT NULL,
    lasting boolean NOT NULL,
    state text NOT NULL,
    compared bigint NOT NULL,
    found bigint NOT NULL,
    in_transit bigint NOT NULL,
    missing_feeds text[] NOT NULL,
    seconds double precision NOT NULL
) ON COMMIT DROP;
