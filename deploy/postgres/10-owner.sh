#!/bin/sh
# Run once by the postgres image, as its superuser, when it has made its cluster: a login that owns the database and
# may make the roles and logins of Baywire, and nothing more. The superuser is used by nobody after that.
set -eu
psql --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\set password `cat "$OWNER_PASSWORD_FILE"`
create role baywire_owner login createrole password :'password';
create database parking owner baywire_owner;
SQL
