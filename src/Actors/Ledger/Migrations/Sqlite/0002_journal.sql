-- What Akka.Persistence.Sql makes by itself, types and names included.

create table journal (
    ordering INTEGER not null primary key autoincrement,
    created INTEGER not null,
    deleted Bit not null,
    persistence_id NVarChar(255) not null,
    sequence_number INTEGER not null,
    message VarBinary not null,
    manifest NVarChar(500),
    identifier INTEGER,
    writer_uuid NVarChar(128)
);

create unique index journal_uq on journal (persistence_id, sequence_number);
create index journal_sequence_number_idx on journal (sequence_number);
create index journal_created_idx on journal (created);

create table tags (
    ordering_id INTEGER not null,
    tag NVarChar(64) not null,
    sequence_nr INTEGER not null,
    persistence_id NVarChar(255) not null,
    constraint PK_tags primary key (ordering_id, tag)
);

create index tags_persistence_id_sequence_nr_idx on tags (persistence_id, sequence_nr);
create index tags_tag_idx on tags (tag);

create table snapshot (
    persistence_id NVarChar(255) not null,
    sequence_number INTEGER not null,
    created INTEGER not null,
    snapshot VarBinary,
    manifest NVarChar(500),
    serializer_id INTEGER,
    constraint PK_snapshot primary key (persistence_id, sequence_number)
);

create index snapshot_sequence_number_idx on snapshot (sequence_number);
create index snapshot_created_idx on snapshot (created);
