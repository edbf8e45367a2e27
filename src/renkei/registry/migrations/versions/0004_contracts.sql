-- What each delivery looked like (取込の特徴): per column, by counts and shapes, never a person's value.
CREATE TABLE profile (
    unit_id bigint PRIMARY KEY REFERENCES unit DEFERRABLE INITIALLY DEFERRED,
    feed text NOT NULL,
    is_whole boolean NOT NULL,
    -- a person accepted that deliveries look otherwise from here on: what came before is no measure any more
    is_start boolean NOT NULL DEFAULT false,
    -- the same for the number of records
    is_volume_start boolean NOT NULL DEFAULT false,
    body jsonb NOT NULL,
    CONSTRAINT profile_is_small CHECK (octet_length(body::text) <= 1048576)
);
CREATE INDEX profile_of_feed ON profile (feed, unit_id DESC) WHERE is_whole;
-- which records an office still has to close, by age
CREATE INDEX reject_closed_by ON reject (closed_by_unit) WHERE closed_by_unit IS NOT NULL;
