create table pool (
    id int primary key check (id = 1),
    size int not null check (size > 0),
    app_version text not null,
    -- app_version as digits of fixed width, so that comparing texts compares versions in any collation.
    version_key text not null
);

create table tokens (
    id uuid primary key,
    ordinal int not null unique check (ordinal >= 0),
    created_at timestamptz not null
);

-- The open row is the grant. Rows are never deleted.
create table token_usages (
    id uuid primary key,
    token_id uuid not null references tokens (id),
    user_id uuid not null,
    fence bigint not null check (fence > 0),
    started_at timestamptz not null,
    expires_at timestamptz not null,
    ended_at timestamptz,
    end_reason text check (end_reason in ('expired', 'cleared', 'released', 'evicted')),
    unique (token_id, fence),
    check (expires_at > started_at),
    check (ended_at >= started_at),
    check ((ended_at is null) = (end_reason is null))
);

create unique index token_usages_open_user on token_usages (user_id) where ended_at is null;
create unique index token_usages_open_token on token_usages (token_id) where ended_at is null;
create index token_usages_open_expires_at on token_usages (expires_at) where ended_at is null;
create index token_usages_user on token_usages (user_id, started_at);
