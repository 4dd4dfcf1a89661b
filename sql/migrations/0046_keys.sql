-- Keys and codes: claim codes of imported phones, tokens that are rotated and used, sealed values that
-- move to a new key, phones given back in bulk.

-- Imported phones get a random claim code: the portal shows it once, here is its hash.
drop function devices_import(macaddr[], text[], text[], bytea[], text[], bytea[], text, text, inet,
  text);
create function devices_import(macs macaddr[], serial_numbers text[], models text[],
  fingerprints bytea[], credential_users text[], credential_hashes bytea[],
  claim_code_hashes bytea[], actor_kind text, actor_id text, source_ip inet, request_id text)
returns table (ordinal bigint, mac macaddr, outcome text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  outcomes text[];
  attempts integer := 0;
begin
  if cardinality($1) > 10000 then
    raise exception 'up to 10,000 phones at once' using errcode = 'data_exception';
  end if;
  loop
    select array_agg(r.outcome order by r.ordinal) into outcomes
    from (
      select g.ordinal,
        case
          when row_number() over (partition by g.mac order by g.ordinal) > 1
            or g.fingerprint is not null
              and row_number() over (partition by g.fingerprint order by g.ordinal) > 1
            then 'duplicate'
          when m.name is null then 'unknown_model'
          -- Some models are made with certificates and without (ITSPA rule R4): a phone that has one
          -- is known by it, whatever its model; only a model of old may come without.
          when m.authentication = 'certificate' and g.fingerprint is null
            then 'wrong_authentication'
          when not is_serial_number(g.serial_number) then 'bad_serial_number'
          when d.mac is not null then
            case when d.source = 'import' and d.model = g.model
                and d.serial_number = g.serial_number
                and (g.fingerprint is not distinct from c.fingerprint)
              then 'existing' else 'differs' end
          when exists (select from certificate f where f.fingerprint = g.fingerprint)
            then 'fingerprint_in_use'
          else 'created'
        end as outcome
      from unnest($1, $2, $3, $4) with ordinality
        g (mac, serial_number, model, fingerprint, ordinal)
      left join device_model m on m.name = g.model
      left join device d on d.mac = g.mac
      left join certificate c on c.mac = g.mac and c.status = 'live'
    ) r;
    begin
      insert into device (mac, serial_number, model, source, credential_user, credential_hash,
        claim_code_hash)
      select g.mac, g.serial_number, g.model, 'import',
        case when g.fingerprint is null then g.credential_user end,
        case when g.fingerprint is null then g.credential_hash end, g.claim_code_hash
      from unnest(outcomes, $1, $2, $3, $4, $5, $6, $7) g (outcome, mac, serial_number, model,
        fingerprint, credential_user, credential_hash, claim_code_hash)
      where g.outcome = 'created'
      order by g.mac;
      insert into certificate (fingerprint, mac)
      select g.fingerprint, g.mac
      from unnest(outcomes, $4, $1) g (outcome, fingerprint, mac)
      where g.outcome = 'created' and g.fingerprint is not null
      order by g.mac;
      exit;
    exception when unique_violation then
      -- Another import was first with one of these; look again.
      attempts := attempts + 1;
      if attempts >= 5 then
        raise;
      end if;
    end;
  end loop;
  if outcomes && array['created'] then
    perform audit_write('device.import', 'device', 'import', null, null,
      jsonb_build_object('macs', (
        select jsonb_agg(g.mac order by g.ordinal)
        from unnest($1, outcomes) with ordinality g (mac, outcome, ordinal)
        where g.outcome = 'created')), $8, $9, $10, $11);
  end if;
  return query
  select g.ordinal, g.mac, g.outcome
  from unnest($1, outcomes) with ordinality g (mac, outcome, ordinal)
  order by g.ordinal;
end
$$;

-- --- Tokens ---

alter table api_token
  add column last_used_at timestamptz,
  add column replaced_by uuid references api_token (id);
comment on column api_token.last_used_at is 'To the minute: a use writes when the last one is older.';
comment on column api_token.replaced_by is 'It was rotated: the new one. Both hold until expires_at.';

create or replace function token_authenticate(token_hash bytea)
returns table (token_id uuid, kind text, itsp_id uuid, scopes text[], itsp_suspended boolean,
  name text, expires_at timestamptz)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
declare
  known api_token;
begin
  select t.* into known from api_token t
  where t.token_hash = $1 and t.revoked_at is null
    and (t.expires_at is null or t.expires_at > clock_timestamp());
  if not found then
    return;
  end if;
  if known.last_used_at is null
    or known.last_used_at < clock_timestamp() - interval '1 minute' then
    -- Nobody waits for another one that notes the same.
    update api_token t set last_used_at = clock_timestamp()
    where t.id = (select u.id from api_token u where u.id = known.id for no key update skip locked);
  end if;
  return query
  select known.id, known.kind, known.itsp_id, known.scopes, coalesce(i.suspended, false),
    known.name, known.expires_at
  from (values (1)) always left join itsp i on i.id = known.itsp_id;
end
$$;

-- Internal. `only_itsp` null: any token. The new one has the name, the scopes and the length of life
-- of the old one, which holds `overlap_s` longer, and no longer than it would have.
create function token_replace(token_id uuid, only_itsp uuid, new_id uuid, new_hash bytea,
  overlap_s integer, actor_kind text, actor_id text, source_ip inet, request_id text,
  out outcome text, out expires_at timestamptz, out old_expires_at timestamptz,
  out name text, out scopes text[], out created_at timestamptz)
language plpgsql set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  known api_token;
begin
  select t.* into known from api_token t
  where t.id = $1 and ($2 is null or t.itsp_id = $2) and t.revoked_at is null
    and (t.expires_at is null or t.expires_at > clock_timestamp()) for update;
  if not found then
    outcome := 'not_found';
    return;
  end if;
  if known.replaced_by is not null then
    outcome := 'already_rotated';
    return;
  end if;
  name := known.name;
  scopes := known.scopes;
  created_at := clock_timestamp();
  expires_at := created_at + (known.expires_at - known.created_at);
  old_expires_at := least(known.expires_at, created_at + make_interval(secs => $5));
  update api_token t
  set name = left(known.name, 90) || ' (until ' || to_char(old_expires_at, 'YYYY-MM-DD HH24:MI:SS')
    || ')', expires_at = old_expires_at
  where t.id = $1;
  insert into api_token (id, kind, itsp_id, name, token_hash, scopes, created_at, expires_at)
  values ($3, known.kind, known.itsp_id, known.name, $4, known.scopes, created_at, expires_at);
  update api_token t set replaced_by = $3 where t.id = $1;
  perform audit_write('token.rotate', 'token', $3::text, known.itsp_id,
    jsonb_build_object('id', $1, 'expires_at', known.expires_at),
    jsonb_build_object('id', $3, 'name', known.name, 'scopes', known.scopes, 'expires_at',
      expires_at, 'old_expires_at', old_expires_at), $6, $7, $8, $9);
  outcome := 'rotated';
end
$$;

create function token_rotate(token_id uuid, new_id uuid, new_hash bytea, overlap_s integer,
  actor_kind text, actor_id text, source_ip inet, request_id text)
returns table (outcome text, expires_at timestamptz, old_expires_at timestamptz, name text,
  scopes text[], created_at timestamptz)
language sql security definer set search_path = firstring, pg_temp
as $$
  select * from token_replace($1, required_itsp(), $2, $3, $4, $5, $6, $7, $8)
$$;

create function admin_token_rotate(token_id uuid, new_id uuid, new_hash bytea, overlap_s integer,
  actor_kind text, actor_id text, source_ip inet, request_id text)
returns table (outcome text, expires_at timestamptz, old_expires_at timestamptz, name text,
  scopes text[], created_at timestamptz)
language sql security definer set search_path = firstring, pg_temp
as $$
  select * from token_replace($1, null, $2, $3, $4, $5, $6, $7, $8)
$$;

-- --- Giving back in bulk ---

create function claims_release(macs macaddr[], actor_kind text, actor_id text, source_ip inet,
  request_id text)
returns table (ordinal bigint, mac macaddr, outcome text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  one record;
begin
  if cardinality($1) > 10000 then
    raise exception 'up to 10,000 MACs at once' using errcode = 'data_exception';
  end if;
  -- In the order of their MACs, as all that locks phones.
  for one in
    select g.mac, g.ordinal from unnest($1) with ordinality g (mac, ordinal)
    order by g.mac, g.ordinal
  loop
    return query
    select one.ordinal, one.mac, r.outcome
    from claim_release(one.mac, null, $2, $3, $4, $5) r;
  end loop;
end
$$;

-- --- Moving sealed values to the present key ---

create index claim_pending_key_idx on claim (pending_key_id)
  where pending_sealed_password is not null;

-- Values that are sealed under another key than `key_id`, of every kind there is. What they are
-- bound to: MAC and id of a claim, or the id of a webhook or a person.
create function sealed_elsewhere(key_id integer, "limit" bigint)
returns table (kind text, id uuid, version integer, mac macaddr, sealed bytea)
language plpgsql stable security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
begin
  return query
  select * from (
    (select 'claim', c.id, 0, c.mac, c.sealed_password from claim c
      where c.sealed_key_id < $1 and c.sealed_password is not null limit $2)
    union all
    (select 'claim', c.id, 0, c.mac, c.sealed_password from claim c
      where c.sealed_key_id > $1 and c.sealed_password is not null limit $2)
    union all
    (select 'claim_pending', c.id, c.pending_version, c.mac, c.pending_sealed_password from claim c
      where c.pending_key_id < $1 and c.pending_sealed_password is not null limit $2)
    union all
    (select 'claim_pending', c.id, c.pending_version, c.mac, c.pending_sealed_password from claim c
      where c.pending_key_id > $1 and c.pending_sealed_password is not null limit $2)
    union all
    (select 'claim_replaced', r.claim_id, r.version, c.mac, r.sealed_password
      from claim_password_replaced r join claim c on c.id = r.claim_id
      where get_byte(r.sealed_password, 0) * 256 + get_byte(r.sealed_password, 1) <> $1 limit $2)
    union all
    (select 'transfer', t.new_claim_id, 0, t.mac, t.sealed_password from transfer t
      where t.decided_at is null and t.sealed_key_id <> $1 limit $2)
    union all
    (select 'webhook', w.id, 0, null, w.secret_sealed from webhook w
      where w.secret_key_id <> $1 limit $2)
    union all
    (select 'webhook_old', w.id, 0, null, w.old_secret_sealed from webhook w
      where w.old_secret_until > clock_timestamp()
        and get_byte(w.old_secret_sealed, 0) * 256 + get_byte(w.old_secret_sealed, 1) <> $1
      limit $2)
    union all
    (select 'second_factor', u.id, 0, null, u.second_factor_sealed from portal_user u
      where u.second_factor_sealed is not null
        and get_byte(u.second_factor_sealed, 0) * 256 + get_byte(u.second_factor_sealed, 1) <> $1
      limit $2)
    union all
    (select 'second_factor_proposed', u.id, 0, null, u.proposed_second_factor_sealed
      from portal_user u
      where u.proposed_second_factor_sealed is not null
        and get_byte(u.proposed_second_factor_sealed, 0) * 256
          + get_byte(u.proposed_second_factor_sealed, 1) <> $1
      limit $2)
  ) s (kind, id, version, mac, sealed)
  limit $2;
end
$$;

-- Puts the same values back under the new key, each only where the old one still stands.
create function sealed_replace(kinds text[], ids uuid[], versions bigint[], old_sealed bytea[],
  new_sealed bytea[])
returns table (replaced bigint)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  one record;
  total bigint := 0;
  done bigint;
begin
  for one in
    select g.* from unnest($1, $2, $3, $4, $5) g (kind, id, version, old_sealed, new_sealed)
    order by g.kind, g.id, g.version
  loop
    case one.kind
      when 'claim' then
        update claim c set sealed_password = one.new_sealed
        where c.id = one.id and c.sealed_password = one.old_sealed;
      when 'claim_pending' then
        update claim c set pending_sealed_password = one.new_sealed
        where c.id = one.id and c.pending_sealed_password = one.old_sealed;
      when 'claim_replaced' then
        update claim_password_replaced r set sealed_password = one.new_sealed
        where r.claim_id = one.id and r.version = one.version
          and r.sealed_password = one.old_sealed;
      when 'transfer' then
        update transfer t set sealed_password = one.new_sealed
        where t.new_claim_id = one.id and t.sealed_password = one.old_sealed;
      when 'webhook' then
        update webhook w set secret_sealed = one.new_sealed
        where w.id = one.id and w.secret_sealed = one.old_sealed;
      when 'webhook_old' then
        update webhook w set old_secret_sealed = one.new_sealed
        where w.id = one.id and w.old_secret_sealed = one.old_sealed;
      when 'second_factor' then
        update portal_user u set second_factor_sealed = one.new_sealed
        where u.id = one.id and u.second_factor_sealed = one.old_sealed;
      when 'second_factor_proposed' then
        update portal_user u set proposed_second_factor_sealed = one.new_sealed
        where u.id = one.id and u.proposed_second_factor_sealed = one.old_sealed;
    end case;
    get diagnostics done = row_count;
    total := total + done;
  end loop;
  return query select total;
end
$$;
