-- A role and a database for each of Airflow and Metabase, beside the warehouse. Run by psql at every
-- start: what is missing is made, and the passwords become those of the environment.

\set ON_ERROR_STOP on
\getenv airflow_password AIRFLOW_DB_PASSWORD
\getenv metabase_password METABASE_DB_PASSWORD

select format('create role %I login', wanted.name)
from (values ('airflow'), ('metabase')) as wanted (name)
where not exists (select from pg_roles where rolname = wanted.name)
\gexec

alter role airflow password :'airflow_password';
alter role metabase password :'metabase_password';

select format('create database %I owner %I encoding ''UTF8'' template template0', wanted.name, wanted.name)
from (values ('airflow'), ('metabase')) as wanted (name)
where not exists (select from pg_database where datname = wanted.name)
\gexec

revoke connect on database airflow, metabase from public;
