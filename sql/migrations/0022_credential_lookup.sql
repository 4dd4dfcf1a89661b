-- Who is the phone: also by the credentials of one that has no certificate, and what became of a
-- certificate that is not live any more.

-- The name under which credentials are looked up, as a fingerprint is: whoever can compute it has
-- user name and password. So the redirector still cannot ask by MAC, an unknown user and a wrong
-- password are the same miss, and no secret is compared anywhere.
create function credential_key(credential_user text, credential_hash bytea) returns bytea
language sql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
  select sha256('firstring device credential v1'::bytea || '\x00'::bytea
    || convert_to($1, 'UTF8') || '\x00'::bytea || $2)
$$;
create unique index device_credential_key_idx
  on device (credential_key(credential_user, credential_hash)) where credential_user is not null;

-- The same columns as before. certificate_status is now how the phone is known:
-- live: the certificate, and it is the live one; credential: the credentials, and there is no
-- certificate on record; has_certificate: the credentials, of a phone that can do better; revoked,
-- superseded: a dead certificate. Of the last three no claim is told.
create or replace function device_lookup(fingerprints bytea[])
returns table (ordinal bigint, certificate_status text, mac macaddr, serial_number text,
  model text, format text, authentication text, encrypt_answers boolean, tls_floor text,
  password_alphabet text, admin_user text, claim_id uuid, claim_version integer,
  claim_state text, claimed_at timestamptz, itsp_id uuid, itsp_suspended boolean,
  profile_id uuid, provisioning_url text, fallback_urls text[], trust_anchors text,
  delivery text, redelivery text, window_hours integer, armed_at timestamptz,
  once_started_at timestamptz, delivered_at timestamptz, sealed_password bytea,
  sealed_key_id integer, password_version integer, pending_sealed_password bytea,
  pending_key_id integer, pending_version integer)
language plpgsql stable security definer set search_path = firstring, pg_temp
  set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
begin
  return query
  select i.ordinal, x.status, d.mac, d.serial_number,
    m.name, m.format, m.authentication, m.encrypt_answers, m.tls_floor, m.password_alphabet,
    m.admin_user, c.id, c.version, c.state, c.claimed_at, t.id, t.suspended,
    p.id, p.provisioning_url, p.fallback_urls, p.trust_anchors, p.delivery, p.redelivery,
    p.window_hours, c.armed_at, c.once_started_at, c.delivered_at, c.sealed_password,
    c.sealed_key_id, c.password_version, c.pending_sealed_password, c.pending_key_id,
    c.pending_version
  from unnest($1) with ordinality i (fingerprint, ordinal)
  cross join lateral (
    (select e.mac, e.status from certificate e where e.fingerprint = i.fingerprint limit 1)
    union all
    (select e.mac, case when exists (select from certificate f where f.mac = e.mac)
        then 'has_certificate' else 'credential' end
      from device e
      where credential_key(e.credential_user, e.credential_hash) = i.fingerprint
        and e.credential_user is not null
      limit 1)
    limit 1) x
  cross join lateral (select e.* from device e where e.mac = x.mac limit 1) d
  cross join lateral (select e.* from device_model e where e.name = d.model limit 1) m
  left join lateral (
    select e.* from claim e where e.mac = d.mac and e.state <> 'released'
      and x.status in ('live', 'credential') limit 1) c on true
  left join lateral (select e.* from itsp e where e.id = c.itsp_id limit 1) t on true
  left join lateral (
    select e.* from provisioning_profile e where e.id = c.profile_id limit 1) p on true;
end
$$;
