-- What everything else stands on: the helpers that constraints use, the audit log, security events.

-- A MAC as a number, for ranges.
create function mac_number(mac macaddr) returns bigint
language sql immutable strict parallel safe
return ('x' || encode(macaddr_send(mac), 'hex'))::bit(48)::bigint;

-- The tenant of this transaction; null when none was named, which then matches no row.
create function current_itsp() returns uuid
language sql stable parallel safe
return nullif(current_setting('firstring.itsp', true), '')::uuid;

-- The same for functions that must not go on without one.
create function required_itsp() returns uuid
language plpgsql stable
as $$
declare
  itsp uuid := firstring.current_itsp();
begin
  if itsp is null then
    raise exception 'no tenant is set' using errcode = 'insufficient_privilege';
  end if;
  return itsp;
end
$$;

-- What may be stored as a provisioning URL. The portal's own check (common/answer/url_policy.h) is
-- stricter and speaks to people; this one is the wall behind it.
create function is_https_url(url text) returns boolean
language sql immutable parallel safe
return coalesce(
  length(url) <= 1024
  and url ~ '^https://[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?([/?][!-~]*)?$', false);

create function are_https_urls(urls text[]) returns boolean
language sql immutable parallel safe
return cardinality(urls) <= 8
  and not exists (select from unnest(urls) url where not firstring.is_https_url(url));

create function url_host(url text) returns text
language sql immutable strict parallel safe
return lower(substring(url from '^https://([^/:?#@]+)'));

-- What a certificate's subject can hold without breaking those who parse it as one line.
create function is_serial_number(serial_number text) returns boolean
language sql immutable parallel safe
return coalesce(serial_number ~ '^[A-Za-z0-9 ().:=?''-]{1,64}$', false);

create table audit_log (
  id bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  actor_kind text not null check (actor_kind ~ '^[a-z_]{1,32}$'),
  actor_id text not null check (length(actor_id) between 1 and 256),
  source_ip inet,
  request_id text check (length(request_id) <= 128),
  action text not null check (action ~ '^[a-z_.]{1,64}$'),
  object_kind text not null check (object_kind ~ '^[a-z_]{1,32}$'),
  object_id text not null check (length(object_id) <= 256),
  itsp_id uuid,
  before jsonb,
  after jsonb,
  chain_seq bigint unique check (chain_seq > 0),
  prev_hash bytea check (octet_length(prev_hash) = 32),
  row_hash bytea check (octet_length(row_hash) = 32),
  constraint audit_chained_whole
    check (num_nulls(chain_seq, prev_hash, row_hash) in (0, 3))
);
comment on table audit_log is
  'Who did what to which object. Append-only; before and after hold no secret. One job fills '
  'chain_seq, prev_hash and row_hash, once; nothing else ever changes a row.';
create index audit_log_object_idx on audit_log (object_kind, object_id, id);
create index audit_log_unchained_idx on audit_log (id) where chain_seq is null;

create function audit_refuse_change() returns trigger
language plpgsql
as $$
begin
  if tg_op = 'UPDATE' and old.chain_seq is null and new.chain_seq is not null
    and (to_jsonb(new) - array['chain_seq', 'prev_hash', 'row_hash'])
      = (to_jsonb(old) - array['chain_seq', 'prev_hash', 'row_hash']) then
    return new;
  end if;
  raise exception 'the audit log is append-only' using errcode = 'insufficient_privilege';
end
$$;
create trigger audit_append_only before update or delete on audit_log
  for each row execute function audit_refuse_change();
create trigger audit_never_truncated before truncate on audit_log
  for each statement execute function audit_refuse_change();

-- Writes the audit row of a change, in its transaction. It also leaves the object's name in the
-- transaction, where idempotency_effect finds it: what is audited is what had an effect.
create function audit_write(action text, object_kind text, object_id text, itsp_id uuid,
  before jsonb, after jsonb, actor_kind text, actor_id text, source_ip inet, request_id text)
returns bigint
language plpgsql
as $$
declare
  row_id bigint;
begin
  insert into firstring.audit_log (action, object_kind, object_id, itsp_id, before, after,
    actor_kind, actor_id, source_ip, request_id)
  values (audit_write.action, audit_write.object_kind, audit_write.object_id, audit_write.itsp_id,
    audit_write.before, audit_write.after, audit_write.actor_kind, audit_write.actor_id,
    audit_write.source_ip, audit_write.request_id)
  returning id into row_id;
  perform set_config('firstring.effect', audit_write.object_id, true);
  return row_id;
end
$$;

-- For daemons: an audit row of what changes no other row.
create function audit_append(action text, object_kind text, object_id text, detail text,
  actor_kind text, actor_id text, source_ip inet, request_id text) returns bigint
language plpgsql security definer set search_path = firstring, pg_temp
as $$
begin
  return audit_write(action, object_kind, object_id, current_itsp(), null, detail::jsonb,
    actor_kind, actor_id, source_ip, request_id);
end
$$;

create table security_event (
  id bigint generated always as identity primary key,
  event_id uuid not null unique,
  at timestamptz not null,
  kind text not null check (kind ~ '^[a-z_]{1,32}$'),
  mac macaddr,
  itsp_id uuid,
  fingerprint bytea check (octet_length(fingerprint) = 32),
  source_ip inet,
  detail jsonb
);
comment on table security_event is
  'What somebody should look at: MAC mismatch, scan, clone suspicion, wrong claim codes, a dead '
  'certificate used. event_id is made by the writer, so that a replay is exactly-once.';
create index security_event_mac_idx on security_event (mac, id) where mac is not null;
create index security_event_kind_idx on security_event (kind, id);

create function security_events_insert(at timestamptz[], event_ids uuid[], kinds text[],
  macs macaddr[], fingerprints bytea[], source_ips text[], details text[])
returns table (inserted bigint)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
begin
  -- In order of their ids, so that two batches that share events never wait crosswise.
  insert into security_event (at, event_id, kind, mac, fingerprint, source_ip, detail)
  select e.at, e.event_id, e.kind, e.mac, e.fingerprint, e.source_ip::inet, e.detail::jsonb
  from unnest(security_events_insert.at, event_ids, kinds, macs, fingerprints, source_ips, details)
    as e (at, event_id, kind, mac, fingerprint, source_ip, detail)
  order by e.event_id
  on conflict (event_id) do nothing;
  get diagnostics inserted = row_count;
  return next;
end
$$;
