-- An ITSP sees the security events that it caused, and those of phones while it held them; the
-- manufacturer sees how far the audit log is chained and signed.

alter table security_event add column holder_itsp_id uuid;
comment on column security_event.itsp_id is 'Whose doing it was, where an ITSP''s.';
comment on column security_event.holder_itsp_id is
  'Who held the phone at that time, where the phone or who passed for it was seen. Older rows have none.';
create index security_event_itsp_idx on security_event (itsp_id, id) where itsp_id is not null;
create index security_event_holder_idx on security_event (holder_itsp_id, id)
  where holder_itsp_id is not null;

-- As before, with the holder.
create or replace function security_events_insert(at timestamptz[], event_ids uuid[], kinds text[],
  macs macaddr[], fingerprints bytea[], source_ips text[], details text[])
returns table (inserted bigint)
language plpgsql security definer set search_path = firstring, pg_temp
  set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
begin
  -- In order of their ids, so that two batches that share events never wait crosswise.
  insert into security_event (at, event_id, kind, mac, fingerprint, source_ip, detail, holder_itsp_id)
  select e.at, e.event_id, e.kind, e.mac, e.fingerprint, e.source_ip::inet, e.detail::jsonb, held.itsp_id
  from unnest(security_events_insert.at, event_ids, kinds, macs, fingerprints, source_ips, details)
    as e (at, event_id, kind, mac, fingerprint, source_ip, detail)
  left join lateral (
    select c.itsp_id from claim c
    where c.mac = e.mac and c.claimed_at <= e.at and coalesce(c.released_at > e.at, true)
    order by c.claimed_at desc limit 1) held on true
  order by e.event_id
  on conflict (event_id) do nothing;
  get diagnostics inserted = row_count;
  return next;
end
$$;

-- The latest first. Of phones only what the redirector saw of them; what was done at the factory, by
-- another ITSP or to a network is not theirs. A certificate is told when it is the phone's.
create function security_events_of_tenant(before_id bigint, "limit" bigint, of_kind text, of_mac macaddr)
returns table (id bigint, at timestamptz, kind text, mac macaddr, itsp_id uuid, fingerprint bytea,
  source_ip inet, detail jsonb)
language plpgsql stable security definer set search_path = firstring, pg_temp
  set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  tenant uuid := required_itsp();
  before bigint := coalesce($1, 9223372036854775807);
begin
  return query
  select e.id, e.at, e.kind, e.mac, e.itsp_id,
    case when exists (
      select from certificate c where c.fingerprint = e.fingerprint and c.mac = e.mac)
      then e.fingerprint end,
    e.source_ip, e.detail
  from (
    (select s.* from security_event s
    where s.itsp_id = tenant and s.id < before
      and coalesce(s.kind = $3, true) and coalesce(s.mac = $4, $4 is null)
    order by s.id desc limit $2)
    union all
    (select s.* from security_event s
    where s.holder_itsp_id = tenant and s.itsp_id is null and s.id < before
      and s.kind in ('mac_mismatch', 'wrong_credentials', 'credential_guessing', 'certificate_unknown',
        'certificate_not_live', 'certificate_mac_differs', 'weak_listener', 'mac_scan',
        'certificate_banned', 'clone_suspected')
      and coalesce(s.kind = $3, true) and coalesce(s.mac = $4, $4 is null)
    order by s.id desc limit $2)) e
  order by e.id desc
  limit $2;
end
$$;

-- How far the audit log is chained, and which head was signed last. Whether chain and heads hold is for
-- who has the signer's certificate to say: `factory-ca audit verify`.
create function audit_state()
returns table (chained_to bigint, unchained bigint, oldest_unchained_at timestamptz, head_seq bigint,
  head_signed_at timestamptz, head_key text, head_stored_at timestamptz, head_text text,
  head_signature bytea)
language sql stable security definer set search_path = firstring, pg_temp
begin atomic
  select
    (select a.chain_seq from audit_log a where a.chain_seq is not null order by a.chain_seq desc limit 1),
    (select count(*) from (select from audit_log a where a.chain_seq is null limit 100000) u),
    (select a.at from audit_log a where a.chain_seq is null order by a.id limit 1),
    h.chain_seq, substring(h.text from ' at=([^ ]+)')::timestamptz,
    upper(substring(h.text from ' issuer=([0-9a-f]{64})')), h.stored_at, h.text, h.signature
  from (values (true)) one (row)
  left join lateral (
    select x.* from audit_head x order by x.chain_seq desc, x.stored_at desc limit 1) h on true;
end;
