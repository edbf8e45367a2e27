-- A difference in transit (反映待ち): it has been seen and is not yet a mismatch. It ends by arriving, or by being
-- raised, or it is dropped with its rule; how long arrivals take is what is learned of a pair of feeds.
CREATE TABLE transit (
    transit_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rule_id text NOT NULL,
    rule_digest text NOT NULL,
    subject_kind text NOT NULL,
    subject_id text NOT NULL,
    resident_id bigint REFERENCES resident,
    field text NOT NULL,
    class text NOT NULL,
    left_feed text NOT NULL,
    left_key text NOT NULL,
    right_feed text NOT NULL,
    right_key text NOT NULL,
    since date,
    -- the days that the two feeds spoke for when it was first seen
    left_as_of date,
    right_as_of date,
    first_as_of date NOT NULL,
    found_by_run uuid NOT NULL REFERENCES run,
    found_at timestamptz NOT NULL,
    became text CHECK (became IN ('arrived', 'raised', 'dropped')),
    ended_as_of date,
    ended_by_run uuid REFERENCES run,
    ended_at timestamptz,
    CHECK ((became IS NULL) = (ended_at IS NULL))
);
CREATE UNIQUE INDEX transit_open
    ON transit (rule_id, subject_kind, subject_id, field, left_feed, left_key, right_feed, right_key)
    WHERE ended_at IS NULL;
CREATE INDEX transit_arrived ON transit (ended_as_of, left_feed, right_feed) WHERE became = 'arrived';

-- The states that a comparison compared: a later one knows by them which residents have changed since.
CREATE TABLE compared_state (
    compared_id bigint GENERATED ALWAYS AS IDENTITY,
    run_id uuid NOT NULL REFERENCES run,
    -- 'hub.link': whose record is whose
    feed text NOT NULL,
    as_of date,
    snapshot text NOT NULL,
    PRIMARY KEY (run_id, feed)
);

ALTER TABLE rule_result
    DROP CONSTRAINT rule_result_state_check,
    ADD CONSTRAINT rule_result_state_check
        CHECK (state IN ('compared', 'not_compared', 'not_in_force', 'held', 'refused')),
    -- how many subjects were looked at again; all that were compared, unless only what had changed was
    ADD COLUMN looked_at bigint,
    -- why it was held, refused, or compared nothing
    ADD COLUMN error_code text,
    ADD COLUMN error_facts jsonb;
UPDATE rule_result SET looked_at = compared;
ALTER TABLE rule_result ALTER COLUMN looked_at SET NOT NULL;
