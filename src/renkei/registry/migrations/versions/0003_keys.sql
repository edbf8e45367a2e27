-- Loose keys (K2): equal where a search should find both; they propose and never link.
ALTER TABLE person_record ADD COLUMN name_loose_key text;
ALTER TABLE person_record ADD COLUMN kana_loose_key text;
