-- What the factory records: models, operators, stations, orders, phones, certificates.

create table answer_format (
  name text primary key check (name ~ '^[a-z0-9-]{1,32}$')
);
comment on table answer_format is
  'Formats that redirector/formats knows. A new vendor is a file there and a row here.';
insert into answer_format (name) values ('yealink'), ('snom'), ('grandstream'), ('poly'),
  ('cisco-spa'), ('cisco-mpp'), ('fanvil'), ('gigaset'), ('mitel'), ('panasonic'), ('htek'),
  ('json');

create table device_model (
  name text primary key check (name ~ '^[A-Za-z0-9][A-Za-z0-9 ._()-]{0,63}$'),
  format text not null references answer_format (name),
  key_types text[] not null check (cardinality(key_types) > 0
    and key_types <@ array['p256', 'p384', 'rsa2048', 'rsa3072']),
  authentication text not null check (authentication in ('certificate', 'password')),
  encrypt_answers boolean not null default false,
  tls_floor text not null default 'modern' check (tls_floor in ('modern', 'compatible')),
  password_alphabet text check (password_alphabet ~ '^[A-Za-z0-9]{20,62}$'),
  admin_user text not null default 'admin' check (admin_user ~ '^[A-Za-z0-9._-]{1,32}$'),
  created_at timestamptz not null default clock_timestamp(),
  constraint encryption_needs_certificate
    check (authentication = 'certificate' or not encrypt_answers)
);
comment on table device_model is
  'A model of phone: how it is answered, how it authenticates, which keys it may have.';

create table operator (
  fingerprint bytea primary key check (octet_length(fingerprint) = 32),
  name text not null check (name ~ '^[!-~][ -~]{0,63}$'),
  role text not null check (role in ('operator', 'officer')),
  state text not null default 'live' check (state in ('live', 'revoked')),
  certificate bytea not null,
  created_at timestamptz not null default clock_timestamp(),
  revoked_at timestamptz,
  revoke_statement bytea,
  revoke_signatures bytea,
  constraint revoked_has_time check ((state = 'revoked') = (revoked_at is not null))
);
comment on table operator is
  'People who sign orders, by their certificate. The signer keeps its own list: this one is to '
  'look things up, not what it believes.';

create table station (
  fingerprint bytea primary key check (octet_length(fingerprint) = 32),
  name text not null check (name ~ '^[A-Za-z0-9._-]{1,64}$'),
  state text not null default 'live' check (state in ('live', 'revoked')),
  certificate bytea not null,
  not_after timestamptz not null,
  created_at timestamptz not null default clock_timestamp(),
  revoked_at timestamptz,
  revoke_reason text,
  constraint revoked_has_time check ((state = 'revoked') = (revoked_at is not null))
);
comment on table station is
  'A station''s certificate on the line. One name may have several live ones while it renews.';
create index station_name_idx on station (name);

create table production_order (
  id bigint generated always as identity primary key,
  reference text not null unique check (reference ~ '^[A-Za-z0-9._-]{1,64}$'),
  model text not null references device_model (name),
  certificate_profile text not null check (certificate_profile ~ '^[A-Za-z0-9._-]{1,64}$'),
  key_types text[] not null check (cardinality(key_types) > 0
    and key_types <@ array['p256', 'p384', 'rsa2048', 'rsa3072']),
  first_mac macaddr not null,
  quantity integer not null check (quantity between 1 and 16777216),
  mac_range int8range not null generated always as
    (int8range(mac_number(first_mac), mac_number(first_mac) + quantity)) stored,
  opens_at timestamptz,
  closes_at timestamptz,
  stations text[] not null default '{}' check (array_position(stations, null) is null),
  state text not null default 'open' check (state in ('open', 'closed')),
  statement bytea not null,
  signatures bytea not null,
  operator_fingerprint bytea not null references operator (fingerprint),
  created_at timestamptz not null default clock_timestamp(),
  closed_at timestamptz,
  close_statement bytea,
  close_signatures bytea,
  closed_by bytea references operator (fingerprint),
  constraint window_not_empty check (closes_at > opens_at),
  constraint range_within_macs check (mac_number(first_mac) + quantity <= 281474976710656),
  constraint closed_by_statement check ((state = 'closed')
    = (num_nulls(closed_at, close_statement, close_signatures, closed_by) = 0)),
  constraint orders_not_closed_never_overlap
    exclude using gist (mac_range with &&) where (state <> 'closed')
);
comment on table production_order is
  'A production order as operators signed it. Only its state ever changes, by another statement.';
create index production_order_open_idx on production_order (id) where state <> 'closed';

create table production_order_count (
  order_id bigint not null references production_order (id),
  shard smallint not null check (shard between 0 and 15),
  issued bigint not null check (issued > 0),
  primary key (order_id, shard)
) with (fillfactor = 50);
comment on table production_order_count is
  'How many MACs of an order have a certificate, in shards: one counter row would make the stores '
  'of a line wait for each other''s commit.';

create table device (
  mac macaddr primary key,
  serial_number text not null check (is_serial_number(serial_number)),
  model text not null references device_model (name),
  source text not null check (source in ('factory', 'import')),
  order_id bigint references production_order (id),
  claim_code_hash bytea check (octet_length(claim_code_hash) = 32),
  claim_code_epoch integer not null default 0 check (claim_code_epoch >= 0),
  credential_user text check (credential_user ~ '^[!-~]{1,64}$'),
  credential_hash bytea check (octet_length(credential_hash) = 32),
  manufactured_at timestamptz not null default clock_timestamp(),
  contacted_at timestamptz,
  unclaimed_contact_at timestamptz,
  constraint factory_has_order check ((source = 'factory') = (order_id is not null)),
  constraint credentials_whole check (num_nulls(credential_user, credential_hash) in (0, 2))
);
comment on table device is
  'One phone. claim_code_hash is SHA-256 of "firstring claim code v1", MAC, epoch and the code: '
  'the code itself is derived in the signer and stored nowhere.';
comment on column device.unclaimed_contact_at is
  'The last contact while nobody held the phone, since its last release: shown with the next claim.';
create index device_order_idx on device (order_id) where order_id is not null;
create unique index device_credential_user_key on device (credential_user)
  where credential_user is not null;

create table certificate (
  fingerprint bytea primary key check (octet_length(fingerprint) = 32),
  mac macaddr not null references device (mac),
  serial bytea unique check (octet_length(serial) = 16),
  spki_sha256 bytea check (octet_length(spki_sha256) = 32),
  der bytea check (octet_length(der) between 1 and 16384),
  order_id bigint references production_order (id),
  station_fingerprint bytea references station (fingerprint),
  not_before timestamptz,
  recorded_at timestamptz not null default clock_timestamp(),
  status text not null default 'live' check (status in ('live', 'revoked', 'superseded')),
  revoked_at timestamptz,
  revoke_reason text check (revoke_reason ~ '^[A-Za-z]{1,32}$'),
  revoke_statement bytea,
  revoke_signatures bytea,
  constraint issued_here_whole check (
    num_nulls(serial, spki_sha256, der, order_id, station_fingerprint, not_before) in (0, 6)),
  constraint dead_has_time check ((status <> 'live') = (revoked_at is not null))
);
comment on table certificate is
  'The ledger: each certificate ever issued here, or imported (then by its fingerprint alone).';
create unique index certificate_one_live_per_mac on certificate (mac) where status = 'live';
create index certificate_mac_idx on certificate (mac);

create table device_key (
  spki_sha256 bytea primary key check (octet_length(spki_sha256) = 32),
  mac macaddr not null references device (mac),
  first_seen_at timestamptz not null default clock_timestamp()
);
comment on table device_key is
  'One key, one phone, over the whole fleet and for ever: the same key under a second MAC is a '
  'clone.';

create table rekey_grant (
  id bigint generated always as identity primary key,
  mac macaddr not null references device (mac),
  operator_fingerprint bytea not null references operator (fingerprint),
  statement bytea not null unique,
  signatures bytea not null,
  created_at timestamptz not null default clock_timestamp(),
  used_at timestamptz,
  used_by bytea unique references certificate (fingerprint),
  constraint used_whole check (num_nulls(used_at, used_by) in (0, 2))
);
comment on table rekey_grant is 'An operator''s signed leave to re-key one MAC, used once.';
create unique index rekey_grant_one_unused_per_mac on rekey_grant (mac) where used_at is null;

create table pki_object (
  kind text not null check (kind in ('root_certificate', 'issuing_certificate', 'chain',
    'root_crl', 'issuing_crl', 'line_certificate', 'ocsp_certificate')),
  shard integer not null default 0 check (shard >= 0),
  content bytea not null check (octet_length(content) > 0),
  number bigint,
  next_update timestamptz,
  updated_at timestamptz not null default clock_timestamp(),
  primary key (kind, shard),
  constraint crl_has_number check ((kind like '%crl') = (number is not null))
);
comment on table pki_object is 'What the world may fetch: CA certificates, chain, CRLs.';
