-- Per feed and bucket of keys: how many records the feed's state has, and the sum of their digests (256 bits).
-- Written with the unit that moved the state, and not from these tables: so a change past the hub shows.
CREATE TABLE bucket (
    feed text NOT NULL,
    bucket smallint NOT NULL CHECK (bucket BETWEEN 0 AND 1023),
    records bigint NOT NULL CHECK (records >= 0),
    digest bytea NOT NULL CHECK (octet_length(digest) = 32),
    unit_id bigint NOT NULL REFERENCES unit DEFERRABLE INITIALLY DEFERRED,
    PRIMARY KEY (feed, bucket)
);
