-- Why the two values of a mismatch differ, of twelve reasons; null where a rule compares no two values.
-- why_detail holds places and kinds (column, kind, side, also, left_marks, right_marks), never a value.
ALTER TABLE mismatch
    ADD COLUMN why text CHECK (why IN (
        'missing', 'notation', 'glyph', 'reading', 'delay', 'cancelled', 'other_person', 'truncated', 'garbled',
        'era', 'transposed', 'real')),
    ADD COLUMN why_detail jsonb,
    ADD CHECK ((why IS NULL) = (why_detail IS NULL));
