-- What was shown once with an import is made anew: a claim code that a transfer made void, or whose answer was lost
-- on its way; a password of a phone without a certificate. Codes of phones from the factory are the signer's.

-- The next code of an imported phone, in the next epoch: the one before opens nothing any more.
create function device_claim_code_renew(of_mac macaddr, claim_code text, actor_kind text,
  actor_id text, source_ip inet, request_id text)
returns table (outcome text, claim_code_epoch integer)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  known device;
begin
  select d.* into known from device d where d.mac = $1 for no key update;
  if not found or known.source <> 'import' then
    return query select case when known.mac is null then 'not_found' else 'not_imported' end,
      null::integer;
    return;
  end if;
  update device d
  set claim_code_epoch = known.claim_code_epoch + 1,
    claim_code_hash = claim_code_hash($1, known.claim_code_epoch + 1, $2)
  where d.mac = $1;
  perform audit_write('device.claim_code_renew', 'device', $1::text, null,
    jsonb_build_object('claim_code_epoch', known.claim_code_epoch,
      'had_code', known.claim_code_hash is not null),
    jsonb_build_object('claim_code_epoch', known.claim_code_epoch + 1), $3, $4, $5, $6);
  return query select 'renewed', known.claim_code_epoch + 1;
end
$$;

-- Another password for a phone that has user and password; the one before is no longer known.
create function device_credentials_renew(of_mac macaddr, credential_hash bytea, actor_kind text,
  actor_id text, source_ip inet, request_id text)
returns table (outcome text, credential_user text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  known device;
begin
  select d.* into known from device d where d.mac = $1 for no key update;
  if not found or known.credential_user is null then
    return query select case when known.mac is null then 'not_found' else 'no_credentials' end,
      null::text;
    return;
  end if;
  update device d set credential_hash = $2 where d.mac = $1;
  perform audit_write('device.credentials_renew', 'device', $1::text, null, null,
    jsonb_build_object('user', known.credential_user), $3, $4, $5, $6);
  return query select 'renewed', known.credential_user;
end
$$;
