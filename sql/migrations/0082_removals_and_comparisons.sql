-- Removing a person or a webhook heeds the version that was read, as every other change does.
-- `expected_version` null: any. It comes last, so that a daemon of the release before goes on.

drop function user_remove(uuid, text, text, inet, text);
drop function admin_user_remove(uuid, text, text, inet, text);
drop function user_end(uuid, uuid, boolean, text, text, inet, text);
drop function webhook_delete(uuid, text, text, inet, text);

-- Internal.
create function user_end(user_id uuid, only_itsp uuid, of_manufacturer boolean, actor_kind text,
  actor_id text, source_ip inet, request_id text, expected_version integer) returns text
language plpgsql set search_path = firstring, pg_temp
as $$
declare
  known portal_user := user_find($1, $2, $3);
begin
  if known.id is null then
    return 'not_found';
  end if;
  if $4 = 'user' and $5 = $1::text then
    return 'own_account';
  end if;
  if $8 <> known.version then
    return 'version_mismatch';
  end if;
  delete from portal_user u where u.id = $1;
  perform audit_write('user.remove', 'user', $1::text, known.itsp_id,
    jsonb_build_object('email', known.email, 'display_name', known.display_name,
      'role', known.role), null, $4, $5, $6, $7);
  return 'removed';
end
$$;

create function user_remove(user_id uuid, actor_kind text, actor_id text, source_ip inet,
  request_id text, expected_version integer default null) returns table (outcome text)
language sql security definer set search_path = firstring, pg_temp
as $$
  select user_end($1, required_itsp(), false, $2, $3, $4, $5, $6)
$$;

create function admin_user_remove(user_id uuid, actor_kind text, actor_id text, source_ip inet,
  request_id text, expected_version integer default null) returns table (outcome text)
language sql security definer set search_path = firstring, pg_temp
as $$
  select user_end($1, null, true, $2, $3, $4, $5, $6)
$$;

create function webhook_delete(webhook_id uuid, actor_kind text, actor_id text, source_ip inet,
  request_id text, expected_version integer default null)
returns table (outcome text)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  tenant uuid := required_itsp();
  known webhook;
begin
  select w.* into known from webhook w where w.id = $1 and w.itsp_id = tenant for update;
  if not found then
    return query select 'not_found';
    return;
  end if;
  if $6 <> known.version then
    return query select 'version_mismatch';
    return;
  end if;
  delete from webhook w where w.id = $1;
  perform audit_write('webhook.delete', 'webhook', $1::text, tenant, webhook_facts(known), null,
    $2, $3, $4, $5);
  return query select 'deleted';
end
$$;

-- The sealed passwords of one's own claim, for the portal to compare with one that was sent again (PUT
-- of what is held already). Nobody is shown them, so this needs no scope to reveal and is audited as
-- what it is. One row always; nulls where the phone is not held any more.
create function claim_compare(mac macaddr, actor_kind text, actor_id text, source_ip inet,
  request_id text)
returns table (claim_id uuid, sealed_password bytea, pending_sealed_password bytea)
language plpgsql security definer set search_path = firstring, pg_temp
as $$
#variable_conflict use_column
declare
  tenant uuid := required_itsp();
  held claim;
begin
  select c.* into held from claim c
  where c.mac = $1 and c.itsp_id = tenant and c.state <> 'released';
  if found then
    perform audit_write('claim.compare', 'claim', $1::text, tenant, null,
      jsonb_build_object('claim_id', held.id), $2, $3, $4, $5);
  end if;
  return query select held.id, held.sealed_password, held.pending_sealed_password;
end
$$;
