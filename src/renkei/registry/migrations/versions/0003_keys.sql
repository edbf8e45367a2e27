-- Loose keys (K2): equal where a search should find both; they propose and never link.
ALTER TABLE person_record ADD COLUMN name_loose_key text;
ALTER TABLE person_record ADD COLUMN kana_loose_key text;
-- The other names of a person, each with a key of its own.
ALTER TABLE person_record ADD COLUMN former_surname_key text;
ALTER TABLE person_record ADD COLUMN roman_name text;
ALTER TABLE person_record ADD COLUMN roman_name_key text;
-- The parts that an address's key is made of, and how far the address was understood.
ALTER TABLE person_record ADD COLUMN address_key_town text;
ALTER TABLE person_record ADD COLUMN address_key_town_id text;
ALTER TABLE person_record ADD COLUMN address_key_block text;
ALTER TABLE person_record ADD COLUMN address_key_number text;
ALTER TABLE person_record ADD COLUMN address_key_branch text;
ALTER TABLE person_record ADD COLUMN address_key_level text;
