-- Who holds which phone, and what stands around a claim.

create table shipment (
  id bigint generated always as identity primary key,
  mac macaddr not null references device (mac),
  itsp_id uuid not null references itsp (id),
  state text not null default 'live' check (state in ('live', 'consumed', 'cancelled')),
  created_at timestamptz not null default clock_timestamp(),
  ended_at timestamptz,
  claim_id uuid,
  constraint ended_has_time check ((state <> 'live') = (ended_at is not null)),
  constraint consumed_by_claim check ((state = 'consumed') = (claim_id is not null))
);
comment on table shipment is
  'Ship notice: a MAC sold to an ITSP, which may claim it without a code. Consumed by the claim; '
  'cancelled by its release, a transfer or a later notice.';
create unique index shipment_one_live_per_mac on shipment (mac) where state = 'live';
create index shipment_mac_idx on shipment (mac, id);

create table claim (
  id uuid primary key,
  mac macaddr not null references device (mac),
  itsp_id uuid not null references itsp (id),
  profile_id uuid not null,
  state text not null default 'live' check (state in ('live', 'suspended', 'released')),
  proof text not null check (proof in ('code', 'shipment', 'transfer')),
  version integer not null default 1,
  claimed_at timestamptz not null default clock_timestamp(),
  released_at timestamptz,
  sealed_password bytea check (octet_length(sealed_password) between 31 and 512),
  sealed_key_id integer generated always as
    (get_byte(sealed_password, 0) * 256 + get_byte(sealed_password, 1)) stored,
  password_version integer not null default 1,
  password_delivered_at timestamptz,
  pending_sealed_password bytea check (octet_length(pending_sealed_password) between 31 and 512),
  pending_key_id integer generated always as
    (get_byte(pending_sealed_password, 0) * 256 + get_byte(pending_sealed_password, 1)) stored,
  pending_version integer,
  pending_since timestamptz,
  password_purged_at timestamptz,
  armed_at timestamptz not null default clock_timestamp(),
  once_started_at timestamptz,
  contacted_at timestamptz,
  contacted_before_at timestamptz,
  delivered_at timestamptz,
  foreign key (itsp_id, profile_id) references provisioning_profile (itsp_id, id),
  constraint released_has_time check ((state = 'released') = (released_at is not null)),
  constraint password_or_purged
    check ((sealed_password is null) = (password_purged_at is not null)),
  constraint released_keeps_no_password
    check (state <> 'released' or num_nonnulls(sealed_password, pending_sealed_password) = 0),
  constraint pending_whole
    check (num_nulls(pending_sealed_password, pending_version, pending_since) in (0, 3)),
  constraint pending_is_newer check (pending_version > password_version)
);
comment on table claim is
  'One ITSP''s hold on one phone. sealed_password is the one delivered (or to be delivered first), '
  'pending_sealed_password the one that the next answer delivers.';
comment on column claim.version is 'Moves with each change by the ITSP; deliveries do not move it.';
comment on column claim.contacted_before_at is 'A contact before the claim, when nobody held the phone.';
comment on column claim.once_started_at is 'First answer since armed_at under redelivery once.';
create unique index claim_one_live_per_mac on claim (mac) where state <> 'released';
create index claim_mac_idx on claim (mac, claimed_at);
create index claim_itsp_mac_idx on claim (itsp_id, mac) where state <> 'released';
create index claim_profile_idx on claim (profile_id) where state <> 'released';
create index claim_key_idx on claim (sealed_key_id) where sealed_password is not null;
alter table shipment add foreign key (claim_id) references claim (id);

create table claim_password_replaced (
  claim_id uuid not null references claim (id),
  version integer not null,
  sealed_password bytea not null,
  primary key (claim_id, version)
);
comment on table claim_password_replaced is
  'Pending passwords that a newer one replaced. A phone may have got one in the moment before: '
  'when its delivery is reported it must still become the delivered one.';

create table claim_failure (
  itsp_id uuid not null references itsp (id),
  minute timestamptz not null,
  failures integer not null check (failures > 0),
  primary key (itsp_id, minute)
);
comment on table claim_failure is
  'Wrong claim codes by ITSP and minute; never by MAC, which would let anyone lock an owner out.';

create table claim_job (
  id uuid primary key,
  itsp_id uuid not null references itsp (id),
  state text not null default 'receiving'
    check (state in ('receiving', 'queued', 'running', 'done', 'failed')),
  dry_run boolean not null,
  atomic boolean not null,
  actor_kind text not null,
  actor_id text not null,
  total bigint not null default 0,
  done bigint not null default 0,
  failed bigint not null default 0,
  detail text,
  worker text,
  lease_until timestamptz,
  created_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  check (done between 0 and total and failed between 0 and done),
  check ((state in ('done', 'failed')) = (finished_at is not null))
);
comment on table claim_job is 'A bulk claim. The worker that runs it renews its lease.';
create index claim_job_waiting_idx on claim_job (created_at) where state in ('queued', 'running');
create index claim_job_itsp_idx on claim_job (itsp_id, created_at);

create table claim_job_row (
  job_id uuid not null references claim_job (id) on delete cascade,
  line bigint not null check (line > 0),
  mac text not null,
  claim_code text,
  profile text not null,
  status text check (status in ('ok', 'error')),
  code text,
  detail text,
  primary key (job_id, line),
  constraint done_keeps_no_code check (status is null or claim_code is null)
);
comment on table claim_job_row is 'One line of a bulk claim, as given, and its result.';
create index claim_job_row_waiting_idx on claim_job_row (job_id, line) where status is null;

create table transfer (
  id uuid primary key,
  mac macaddr not null references device (mac),
  from_claim_id uuid not null references claim (id),
  to_itsp_id uuid not null references itsp (id),
  profile_id uuid not null,
  state text not null default 'requested' check (state in ('requested', 'seen_reset', 'objected',
    'done', 'refused', 'withdrawn')),
  requested_at timestamptz not null default clock_timestamp(),
  reset_seen_at timestamptz,
  owner_answered_at timestamptz,
  decided_at timestamptz,
  foreign key (to_itsp_id, profile_id) references provisioning_profile (itsp_id, id),
  check ((state in ('done', 'refused', 'withdrawn')) = (decided_at is not null))
);
comment on table transfer is 'A contested change of holder; the owner is served meanwhile.';
create unique index transfer_one_open_per_mac on transfer (mac) where decided_at is null;

create table idempotency (
  principal uuid not null,
  route text not null check (length(route) <= 256),
  key text not null check (length(key) between 1 and 255),
  request_hash bytea not null check (octet_length(request_hash) = 32),
  state text not null default 'in_progress' check (state in ('in_progress', 'effect', 'done')),
  object_id text,
  status integer,
  response text,
  had_secret boolean not null default false,
  created_at timestamptz not null default clock_timestamp(),
  primary key (principal, route, key),
  constraint no_secret_kept check (not had_secret or response is null)
);
comment on table idempotency is
  'What an Idempotency-Key stands for, 24 hours. Marked in the effect''s transaction.';
create index idempotency_created_idx on idempotency (created_at);

create table webhook (
  id uuid primary key,
  itsp_id uuid not null references itsp (id),
  url text not null constraint webhook_is_https check (is_https_url(url)),
  secret_sealed bytea not null,
  kinds text[] not null default '{}',
  state text not null default 'live' check (state in ('live', 'paused')),
  after_xid xid8 not null,
  after_seq bigint not null,
  created_at timestamptz not null default clock_timestamp()
);
comment on table webhook is 'Where an ITSP wants its events; (after_xid, after_seq) is how far it got.';
create index webhook_itsp_idx on webhook (itsp_id);

create table webhook_delivery (
  id bigint generated always as identity primary key,
  webhook_id uuid not null references webhook (id) on delete cascade,
  event_at timestamptz not null,
  event_id uuid not null,
  attempts integer not null default 0,
  next_attempt_at timestamptz not null default clock_timestamp(),
  delivered_at timestamptz,
  last_error text,
  unique (webhook_id, event_id)
);
comment on table webhook_delivery is 'One event on its way to one webhook.';
create index webhook_delivery_waiting_idx on webhook_delivery (next_attempt_at)
  where delivered_at is null;
