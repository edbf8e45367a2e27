-- Under which key the tokens of this registry were made: tokens of two keys never meet.
CREATE TABLE token_key (
    is_one boolean PRIMARY KEY DEFAULT true CHECK (is_one),
    key_id text NOT NULL CHECK (key_id ~ '^[0-9a-f]{16}$'),
    known_from timestamptz NOT NULL
);
