#!/usr/bin/env bash
# Two databases and two logins: the registry, and Airflow's own beside it. Runs once, when the cluster is made.
set -euo pipefail
secrets=${RENKEI_SECRETS:-/run/secrets}
export renkei_password airflow_password
renkei_password=$(<"$secrets/registry_password")
airflow_password=$(<"$secrets/airflow_password")
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres <<'SQL'
\getenv renkei_password renkei_password
\getenv airflow_password airflow_password
CREATE ROLE renkei LOGIN PASSWORD :'renkei_password';
CREATE ROLE airflow LOGIN PASSWORD :'airflow_password';
CREATE DATABASE renkei OWNER renkei TEMPLATE template0 ENCODING 'UTF8'
    LOCALE 'C' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8';
CREATE DATABASE airflow OWNER airflow TEMPLATE template0 ENCODING 'UTF8'
    LOCALE 'C' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8';
REVOKE CONNECT ON DATABASE renkei, airflow FROM PUBLIC;
SQL
