-- The vault: a schema of its own that the hub enters only as one of three roles. Where the hub's account may
-- not make roles, there is none until a database administrator has made them and this is run again, by the
-- hub's account (docs/my-number.md). A second time changes nothing.
DO $vault$
DECLARE
    name text;
    is_owner_lent boolean;
BEGIN
    IF EXISTS (SELECT FROM pg_namespace WHERE nspname = 'vault') THEN
        RETURN;
    END IF;
    FOREACH name IN ARRAY ARRAY['vault_owner', 'vault_writer', 'vault_reader', 'vault_keeper'] LOOP
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN', name);
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;  -- another database of the cluster did
        END;
    END LOOP;
    is_owner_lent := NOT pg_has_role(current_user, 'vault_owner', 'MEMBER');
    FOREACH name IN ARRAY ARRAY['vault_owner', 'vault_writer', 'vault_reader', 'vault_keeper'] LOOP
        IF NOT pg_has_role(current_user, name, 'MEMBER') THEN
            -- the hub has these rights only where it takes the role on, not beside its own
            EXECUTE format('GRANT %I TO CURRENT_USER', name) || CASE
                WHEN current_setting('server_version_num')::integer >= 160000
                    THEN ' WITH INHERIT FALSE, SET TRUE'
                ELSE ''
            END;
        END IF;
    END LOOP;
    EXECUTE 'CREATE SCHEMA vault AUTHORIZATION vault_owner';
    SET LOCAL ROLE vault_owner;
    CREATE TABLE vault.data_key (
        key_id text PRIMARY KEY,
        year integer NOT NULL UNIQUE,
        wrapped bytea NOT NULL CHECK (octet_length(wrapped) = 48),
        nonce bytea NOT NULL CHECK (octet_length(nonce) = 12),
        kek_id text NOT NULL,
        made_at timestamptz NOT NULL,
        wrapped_at timestamptz NOT NULL
    );
    CREATE TABLE vault.individual_number (
        token text NOT NULL CHECK (token ~ '^[0-9a-f]{32}$'),
        -- twelve figures and a tag of sixteen bytes; null once forgotten
        ciphertext bytea CHECK (octet_length(ciphertext) = 28),
        nonce bytea CHECK (octet_length(nonce) = 12),
        key_id text NOT NULL REFERENCES vault.data_key,
        -- the record that brought it first; who has it now is said by the records themselves
        feed text NOT NULL,
        source_key text NOT NULL,
        known_from timestamptz NOT NULL,
        known_to timestamptz,
        unit_id bigint NOT NULL,
        PRIMARY KEY (token, known_from),
        CHECK ((ciphertext IS NULL) = (known_to IS NOT NULL)),
        CHECK ((ciphertext IS NULL) = (nonce IS NULL))
    );
    CREATE UNIQUE INDEX individual_number_held ON vault.individual_number (token) WHERE known_to IS NULL;
    GRANT USAGE ON SCHEMA vault TO vault_writer, vault_reader, vault_keeper;
    GRANT INSERT ON vault.individual_number TO vault_writer;
    GRANT SELECT, INSERT ON vault.data_key TO vault_writer;
    GRANT SELECT ON vault.individual_number, vault.data_key TO vault_reader;
    GRANT SELECT, UPDATE (wrapped, nonce, kek_id, wrapped_at) ON vault.data_key TO vault_keeper;
    GRANT SELECT (token, key_id, known_from, known_to), UPDATE (ciphertext, nonce, known_to)
        ON vault.individual_number TO vault_keeper;
    RESET ROLE;
    IF is_owner_lent THEN
        REVOKE vault_owner FROM CURRENT_USER;
    END IF;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'no right to make the roles of the vault: it stays away';
END;
$vault$;
