-- What this night found, and the rules it was found by; gone with the transaction.
DROP VIEW IF EXISTS standing_now, waiting_now;
DROP TABLE IF EXISTS found_now, rule_now, feed_now, again_now, gone_now, new_now, touched_now, closing_now, back_now;
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
    looked_at bigint NOT NULL,
    -- false: only of residents in again_now is it known what holds tonight
    whole boolean NOT NULL,
    missing_feeds text[] NOT NULL,
    seconds double precision NOT NULL,
    error_code text,
    error_facts jsonb
) ON COMMIT DROP;
-- The days that the feeds speak for, and the residents who were looked at again.
CREATE TEMP TABLE feed_now (feed text PRIMARY KEY, as_of date) ON COMMIT DROP;
CREATE TEMP TABLE again_now (resident_id bigint PRIMARY KEY) ON COMMIT DROP;
-- What stands so far, and what waits; both change while the night is settled.
CREATE TEMP VIEW standing_now AS SELECT * FROM mismatch WHERE gone_at IS NULL;
CREATE TEMP VIEW waiting_now AS SELECT * FROM transit WHERE ended_at IS NULL;
