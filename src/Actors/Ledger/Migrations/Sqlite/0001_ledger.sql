-- Ids are lowercase uuids as text; times are microseconds since the Unix epoch.

create table pool (
    id integer primary key check (id = 1),
    size integer not null check (size > 0),
    app_version text not null,
    -- app_version as digits of fixed width, so that comparing texts compares versions.
    version_key text not null
) strict;

create table tokens (
    id text not null primary key,
    ordinal integer not null unique check (ordinal >= 0),
    created_at integer not null
) strict;

-- The open row is the grant. Rows are never deleted.
create table token_usages (
    id text not null primary key,
    token_id text not null references tokens (id),
    user_id text not null,
    fence integer not null check (fence > 0),
    started_at integer not null,
    expires_at integer not null,
    ended_at integer,
    end_reason text check (end_reason in ('expired', 'cleared', 'released', 'evicted')),
    unique (token_id, fence),
    check (expires_at > started_at),
    check (ended_at >= started_at),
    check ((ended_at is null) = (end_reason is null))
) strict;

create unique index token_usages_open_user on token_usages (user_id) where ended_at is null;
create unique index token_usages_open_token on token_usages (token_id) where ended_at is null;
create index token_usages_open_expires_at on token_usages (expires_at) where ended_at is null;
create index token_usages_user on token_usages (user_id, started_at);
