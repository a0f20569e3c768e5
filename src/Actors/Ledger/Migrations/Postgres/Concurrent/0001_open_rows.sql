-- The database forgets how many rows are open as soon as it has counted them: statistics that were taken while nothing was
-- lent say that an index of open rows has none, and that to go through all of it is as good as to search it. So each of these
-- indexes is of use only to who asks for its own column: the second condition follows from a comparison with it, and from
-- nothing else. See docs/adr/0044-plans-do-not-depend-on-statistics.md.

-- What an earlier try left unfinished. Dropping it has to wait for everybody, and whoever comes next would have to wait as well:
-- shorter than any call, and then it is tried again.
do $$
declare
    unfinished regclass;
begin
    set local lock_timeout = '1s';
    for unfinished in
        select indexrelid::regclass from pg_index where indrelid = 'token_usages'::regclass and not indisvalid
    loop
        execute format('drop index %s', unfinished);
    end loop;
end
$$;

create unique index concurrently if not exists token_usages_one_per_user
    on token_usages (user_id) where ended_at is null and user_id is not null;
create unique index concurrently if not exists token_usages_one_per_token
    on token_usages (token_id) where ended_at is null and token_id is not null;
create index concurrently if not exists token_usages_due
    on token_usages (expires_at) where ended_at is null and expires_at is not null;

drop index concurrently if exists token_usages_open_user;
drop index concurrently if exists token_usages_open_token;
drop index concurrently if exists token_usages_open_expires_at;
