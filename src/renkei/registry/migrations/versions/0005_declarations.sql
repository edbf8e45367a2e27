-- The text that is in force (適用中の定義): proposed by one person, approved by another.
CREATE TABLE plan (
    plan_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    author text NOT NULL,
    reason text NOT NULL DEFAULT '',
    made_at timestamptz NOT NULL,
    as_of date NOT NULL,
    base_digest text NOT NULL,
    digest text NOT NULL,
    object text NOT NULL REFERENCES object,
    -- feed and the unit that its present state comes from, when the plan was made
    data jsonb NOT NULL,
    data_digest text NOT NULL,
    is_over boolean NOT NULL,
    result jsonb NOT NULL,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'applied', 'expired', 'refused')),
    settled_at timestamptz,
    settled_by text,
    CHECK ((state = 'open') = (settled_at IS NULL))
);
CREATE INDEX plan_open ON plan (plan_id) WHERE state = 'open';

CREATE TABLE declaration (
    declaration_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest text NOT NULL,
    object text NOT NULL REFERENCES object,
    author text NOT NULL,
    -- null: the folder as it stood at the first run
    approved_by text,
    reason text NOT NULL,
    -- why more may change than the limit allows
    over_limit text,
    plan_id bigint UNIQUE REFERENCES plan,
    in_force_from timestamptz NOT NULL,
    in_force_until timestamptz,
    CHECK (in_force_until IS NULL OR in_force_until >= in_force_from),
    CHECK ((plan_id IS NULL) = (approved_by IS NULL))
);
CREATE UNIQUE INDEX declaration_in_force ON declaration ((true)) WHERE in_force_until IS NULL;
