-- The night's mismatches that compare two values, and the records that they name; gone with the transaction.
DROP TABLE IF EXISTS why_asked, why_key;
CREATE TEMP TABLE why_asked (
    row bigint NOT NULL,
    field text NOT NULL,
    left_feed text NOT NULL,
    left_key text NOT NULL,
    right_feed text NOT NULL,
    right_key text NOT NULL
) ON COMMIT DROP;
CREATE TEMP TABLE why_key (
    feed text NOT NULL,
    source_key text NOT NULL,
    -- whether a value of this field may be another person's
    is_personal boolean NOT NULL
) ON COMMIT DROP;
