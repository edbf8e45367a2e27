-- An outcome for many cases at once (a cluster), asked for by one person: nothing happens until another approves it.
-- Numbered with the suppressions, so that what waits for approval has one row of numbers.
CREATE TABLE asked_act (
    asked_act_id bigint PRIMARY KEY DEFAULT nextval('suppression_suppression_id_seq'),
    -- exactly these cases as they stood
    cluster text NOT NULL,
    cases integer NOT NULL CHECK (cases > 0),
    outcome text NOT NULL CHECK (outcome IN ('correct', 'withdraw', 'confirm')),
    right_feed text,
    wrong_feed text,
    days integer NOT NULL CHECK (days > 0),
    reason text CHECK (reason <> ''),
    asked_by text NOT NULL,
    asked_at timestamptz NOT NULL,
    approved_by text,
    approved_at timestamptz,
    -- what it became
    act_id bigint,
    refused_by text,
    refused_at timestamptz,
    refused_reason text CHECK (refused_reason <> ''),
    -- nobody brings it into force alone
    CHECK (approved_by <> asked_by),
    CHECK ((approved_by IS NULL) = (approved_at IS NULL) AND (approved_by IS NULL) = (act_id IS NULL)),
    CHECK ((refused_by IS NULL) = (refused_at IS NULL) AND (refused_by IS NULL) = (refused_reason IS NULL)),
    CHECK (approved_by IS NULL OR refused_by IS NULL),
    CHECK ((outcome = 'correct') = (right_feed IS NOT NULL) AND (right_feed IS NULL) = (wrong_feed IS NULL))
);
CREATE UNIQUE INDEX asked_act_waiting ON asked_act (cluster) WHERE approved_by IS NULL AND refused_by IS NULL;
