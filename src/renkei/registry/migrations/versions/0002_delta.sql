-- Deltas: how far a delivery brings its feed, whether it is the whole state, and what it says is gone.
ALTER TABLE delivery ADD COLUMN position jsonb NOT NULL DEFAULT '{}';
ALTER TABLE delivery ADD COLUMN is_whole boolean NOT NULL DEFAULT true;
-- the files that it was made of, as their connector knows them again; null: the row itself says it
ALTER TABLE delivery ADD COLUMN seen jsonb;
ALTER TABLE unit ADD COLUMN gone bigint NOT NULL DEFAULT 0 CHECK (gone BETWEEN 0 AND merged);

-- Every kind of character that a conversion could not carry over unchanged (文字の変換報告).
CREATE TABLE loss (
    unit_id bigint NOT NULL REFERENCES unit DEFERRABLE INITIALLY DEFERRED,
    feed text NOT NULL,
    encoding text NOT NULL,
    "character" text NOT NULL,
    code text NOT NULL,
    became text NOT NULL,
    count bigint NOT NULL CHECK (count > 0),
    records bigint[] NOT NULL
);
CREATE INDEX loss_of_unit ON loss (unit_id);
