-- The outbox of {name}: run once by the table's owner (or a superuser). Running it again changes nothing.
-- To take it away: DROP SCHEMA renkei_outbox CASCADE.
BEGIN;

CREATE SCHEMA IF NOT EXISTS renkei_outbox;

CREATE TABLE IF NOT EXISTS renkei_outbox.source (
    source text PRIMARY KEY,
    born uuid NOT NULL DEFAULT gen_random_uuid(),
    pruned pg_snapshot
);

-- seq has no cache: its order within a row's history is the order of the commits
CREATE TABLE IF NOT EXISTS renkei_outbox.change (
    seq bigint GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    source text NOT NULL,
    op "char" NOT NULL,
    key text[] NOT NULL,
    row json
);
CREATE INDEX IF NOT EXISTS change_source_xid ON renkei_outbox.change (source, xid);

-- Writes every key that a statement touched, with the row as it stands now: a trigger of the application may
-- have changed it again since the statement did.
CREATE OR REPLACE FUNCTION renkei_outbox.write() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET datestyle = 'ISO, YMD'
SET timezone = 'Asia/Tokyo'
SET intervalstyle = 'postgres'
SET bytea_output = 'hex'
SET extra_float_digits = '1'
AS $renkei$
DECLARE
    keys text[] := TG_ARGV[1:];
    names text;
    texts text;
    touched text;
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        INSERT INTO renkei_outbox.change (source, op, key) VALUES (TG_ARGV[0], 'T', '{{}}');
    ELSE
        -- char(n) keeps its padding, as it does over ODBC
        SELECT string_agg(quote_literal(a.attname), ', ' ORDER BY a.attnum),
               string_agg(
                   CASE WHEN coalesce(nullif(t.typbasetype, 0), t.oid) = 'bpchar'::regtype
                        THEN format('CASE WHEN t.%1$I IS NOT NULL THEN concat(t.%1$I) END', a.attname)
                        ELSE format('t.%I::text', a.attname) END, ', ' ORDER BY a.attnum)
        INTO names, texts
        FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
        WHERE a.attrelid = TG_RELID AND a.attnum > 0 AND NOT a.attisdropped;

        SELECT string_agg(format('SELECT %s FROM %s', columns, side), ' UNION ')
        INTO touched
        FROM (SELECT string_agg(format('%I', k), ', ') AS columns FROM unnest(keys) AS k) AS c,
             unnest(CASE TG_OP WHEN 'INSERT' THEN ARRAY['renkei_new'] WHEN 'DELETE' THEN ARRAY['renkei_old']
                         ELSE ARRAY['renkei_old', 'renkei_new'] END) AS side;

        EXECUTE format(
            'INSERT INTO renkei_outbox.change (source, op, key, row)'
            ' SELECT %L, %L, ARRAY[%s],'
            ' CASE WHEN t.tableoid IS NOT NULL THEN json_object(ARRAY[%s], ARRAY[%s]) END'
            ' FROM (%s) AS k LEFT JOIN ONLY %I.%I AS t ON (%s) ORDER BY %s',
            TG_ARGV[0], left(TG_OP, 1),
            (SELECT string_agg(CASE WHEN a.atttypid = 'bpchar'::regtype THEN format('concat(k.%I)', a.attname)
                                    ELSE format('k.%I::text', a.attname) END, ', ' ORDER BY n)
             FROM unnest(keys) WITH ORDINALITY AS u (name, n)
             JOIN pg_attribute AS a ON a.attrelid = TG_RELID AND a.attname = u.name),
            names, texts, touched, TG_TABLE_SCHEMA, TG_TABLE_NAME,
            (SELECT string_agg(format('t.%1$I = k.%1$I', name), ' AND ') FROM unnest(keys) AS name),
            (SELECT string_agg(format('k.%I', name), ', ') FROM unnest(keys) AS name));
    END IF;
    PERFORM pg_notify('renkei_outbox', TG_ARGV[0]);
    RETURN NULL;
END
$renkei$;

-- Rows leave the outbox by prune() only, which notes how far: nobody else can lose a change unseen.
CREATE OR REPLACE FUNCTION renkei_outbox.keep() RETURNS trigger
LANGUAGE plpgsql
AS $renkei$
BEGIN
    IF coalesce(current_setting('renkei_outbox.pruning', true), '') <> 'yes' THEN
        RAISE EXCEPTION 'rows leave renkei_outbox.change by renkei_outbox.prune() only';
    END IF;
    RETURN NULL;
END
$renkei$;

CREATE OR REPLACE FUNCTION renkei_outbox.prune(wanted text, merged pg_snapshot) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $renkei$
DECLARE
    gone bigint;
BEGIN
    UPDATE renkei_outbox.source SET pruned = merged
    WHERE source = wanted AND (pruned IS NULL OR pg_snapshot_xmax(pruned) <= pg_snapshot_xmax(merged))
      AND pg_snapshot_xmax(merged) <= pg_snapshot_xmax(pg_current_snapshot());
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    PERFORM set_config('renkei_outbox.pruning', 'yes', true);
    DELETE FROM renkei_outbox.change
    WHERE source = wanted AND xid < pg_snapshot_xmax(merged) AND pg_visible_in_snapshot(xid, merged);
    GET DIAGNOSTICS gone = ROW_COUNT;
    PERFORM set_config('renkei_outbox.pruning', '', true);
    RETURN gone;
END
$renkei$;

DO $renkei$
DECLARE
    wanted regclass := {literal}::regclass;
    rel pg_class;
BEGIN
    SELECT * INTO rel FROM pg_class WHERE oid = wanted;
    IF rel.relkind <> 'r' OR EXISTS (SELECT FROM pg_inherits WHERE wanted IN (inhrelid, inhparent)) THEN
        RAISE EXCEPTION '% is not an ordinary table: statements on another table may change its rows', wanted;
    END IF;
    IF rel.relforcerowsecurity THEN
        RAISE EXCEPTION '% hides rows from its owner, and so from the outbox', wanted;
    END IF;
    IF EXISTS (SELECT FROM pg_subscription_rel WHERE srrelid = wanted) THEN
        RAISE EXCEPTION '% is filled by a subscription, which fires no statement trigger', wanted;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = 'renkei_outbox.change'::regclass AND tgname = 'keep') THEN
        CREATE TRIGGER keep BEFORE DELETE OR UPDATE ON renkei_outbox.change
            FOR EACH STATEMENT EXECUTE FUNCTION renkei_outbox.keep();
        CREATE TRIGGER keep_all BEFORE TRUNCATE ON renkei_outbox.change
            FOR EACH STATEMENT EXECUTE FUNCTION renkei_outbox.keep();
    END IF;
    -- triggers that stand are left alone: making one anew would end every position
    IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = wanted AND tgname = 'renkei_outbox_insert') THEN
        CREATE TRIGGER renkei_outbox_insert AFTER INSERT ON {table} REFERENCING NEW TABLE AS renkei_new
            FOR EACH STATEMENT EXECUTE FUNCTION renkei_outbox.write({arguments});
        CREATE TRIGGER renkei_outbox_update AFTER UPDATE ON {table}
            REFERENCING OLD TABLE AS renkei_old NEW TABLE AS renkei_new
            FOR EACH STATEMENT EXECUTE FUNCTION renkei_outbox.write({arguments});
        CREATE TRIGGER renkei_outbox_delete AFTER DELETE ON {table} REFERENCING OLD TABLE AS renkei_old
            FOR EACH STATEMENT EXECUTE FUNCTION renkei_outbox.write({arguments});
        CREATE TRIGGER renkei_outbox_truncate AFTER TRUNCATE ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION renkei_outbox.write({arguments});
        -- ALWAYS: also for a session that switches ordinary triggers off
        ALTER TABLE {table} ENABLE ALWAYS TRIGGER renkei_outbox_insert;
        ALTER TABLE {table} ENABLE ALWAYS TRIGGER renkei_outbox_update;
        ALTER TABLE {table} ENABLE ALWAYS TRIGGER renkei_outbox_delete;
        ALTER TABLE {table} ENABLE ALWAYS TRIGGER renkei_outbox_truncate;
    END IF;
END
$renkei$;
INSERT INTO renkei_outbox.source (source) VALUES ({name}) ON CONFLICT DO NOTHING;

-- The one that pulls: reads, and prunes what it has merged.
REVOKE ALL ON FUNCTION renkei_outbox.prune(text, pg_snapshot), renkei_outbox.write() FROM PUBLIC;
GRANT USAGE ON SCHEMA {schema}, renkei_outbox TO {role};
GRANT SELECT ON {table}, renkei_outbox.source, renkei_outbox.change TO {role};
GRANT EXECUTE ON FUNCTION renkei_outbox.prune(text, pg_snapshot) TO {role};

COMMIT;
