-- Record of builds and publishes: what ran, how it ended, and what the target shows now.

create table if not exists ops.builds (
    build_id bigint generated always as identity primary key,
    target text not null,
    fingerprint text not null,
    finished_at timestamptz,
    is_current boolean not null default false
);
alter table ops.builds
    add column if not exists kind text not null default 'build',
    add column if not exists arguments text not null default '',
    add column if not exists started_at timestamptz,
    add column if not exists outcome text not null default 'succeeded',
    add column if not exists message text,
    add column if not exists is_current boolean not null default false,
    alter column finished_at drop not null,
    alter column finished_at drop default,
    alter column is_current set default false;

comment on table ops.builds is
    'One row per run of `o2r build` or `o2r publish`, written when it starts and when it ends.';
comment on column ops.builds.build_id is 'Number of the run.';
comment on column ops.builds.target is 'dbt target: prod, dev, ci or personal.';
comment on column ops.builds.fingerprint is
    'SHA-256 over the dbt project, its arguments and the batches loaded.';
comment on column ops.builds.finished_at is
    'When it ended, as far as known; null while it runs and after it was killed.';
comment on column ops.builds.is_current is
    'True for a success until anything is run on the target again through o2r, even if that fails.';
comment on column ops.builds.kind is 'build or publish.';
comment on column ops.builds.arguments is 'Arguments of `dbt build`; empty for everything.';
comment on column ops.builds.started_at is 'When it began; null for runs before this was noted.';
comment on column ops.builds.outcome is
    'running, succeeded, failed, or killed: ended without a word, as the next run found.';
comment on column ops.builds.message is 'Why it failed, in a line.';
