-- What Akka.Persistence.Sql makes by itself, names included. It would race when two nodes meet an empty database.

create table journal (
    ordering bigint generated always as identity,
    created bigint not null,
    deleted boolean not null,
    persistence_id text not null,
    sequence_number bigint not null,
    message bytea not null,
    manifest text,
    identifier int,
    writer_uuid text,
    constraint "PK_journal" primary key (ordering),
    constraint journal_uq unique (persistence_id, sequence_number)
);

create index journal_sequence_number_idx on journal (sequence_number);
create index journal_created_idx on journal (created);

create table tags (
    ordering_id bigint not null,
    tag text not null,
    sequence_nr bigint not null,
    persistence_id text not null,
    constraint "PK_tags" primary key (ordering_id, tag)
);

create index tags_persistence_id_sequence_nr_idx on tags (persistence_id, sequence_nr);
create index tags_tag_idx on tags (tag);

create table snapshot (
    persistence_id text not null,
    sequence_number bigint not null,
    created bigint not null,
    snapshot bytea,
    manifest text,
    serializer_id int,
    constraint "PK_snapshot" primary key (persistence_id, sequence_number)
);

create index snapshot_sequence_number_idx on snapshot (sequence_number);
create index snapshot_created_idx on snapshot (created);
