-- How nodes find each other, and which cluster is the one. SQLite serves one node and has none of this.

create table cluster (
    id int primary key check (id = 1),
    -- Counts the clusters that were ever formed. A node of an older one is out.
    epoch bigint not null,
    -- Some member of the present one was alive at least until then.
    alive_until timestamptz not null
);

insert into cluster (id, epoch, alive_until) values (1, 0, '-infinity');

create table cluster_nodes (
    address text primary key,
    -- Tells the node from one that ran at the same address before.
    uid bigint not null,
    epoch bigint not null,
    -- False while the node that forms a cluster has not joined it yet.
    joined boolean not null,
    alive_until timestamptz not null
);

create table coordination_leases (
    name text primary key,
    owner text not null,
    -- Counts the owners.
    fence bigint not null,
    held_until timestamptz not null
);
