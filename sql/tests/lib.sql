-- What the SQL cases share: comparisons that stop the case, and a small world to act in.
create schema t;
grant usage on schema t to public;

create function t.equal(what text, got text, wanted text) returns void
language plpgsql as $$
begin
  if got is distinct from wanted then
    raise exception '%: got %, wanted %', what, coalesce(got, '(null)'), coalesce(wanted, '(null)');
  end if;
end
$$;

-- Runs a statement that must fail, and compares its SQLSTATE.
create function t.fails(what text, statement text, wanted text) returns void
language plpgsql as $$
declare
  got text := 'no error';
begin
  begin
    execute statement;
  exception when others then
    get stacked diagnostics got = returned_sqlstate;
  end;
  if got <> wanted then
    raise exception '%: got SQLSTATE %, wanted %', what, got, wanted;
  end if;
end
$$;

create function t.mac(number bigint) returns macaddr language sql immutable as
$$ select (left(lpad(to_hex(number), 12, '0'), 12))::macaddr $$;

-- 32 bytes from any words.
create function t.digest(words text) returns bytea language sql immutable as
$$ select sha256(convert_to(words, 'UTF8')) $$;

create function t.id(words text) returns uuid language sql immutable as
$$ select md5(words)::uuid $$;

create function t.code_hash(mac macaddr, code text, epoch integer default 0) returns bytea
language sql immutable as
$$ select sha256('firstring claim code v1'::bytea || macaddr_send(mac) || int4send(epoch)
  || convert_to(code, 'UTF8')) $$;

-- One key id, a nonce, a ciphertext and a tag: the shape of a sealed password.
create function t.sealed(words text) returns bytea language sql immutable as
$$ select '\x0001'::bytea || t.digest(words) || t.digest('tag' || words) $$;

-- Model M, operator, stations line-1 and line-2, and an order of 1,000 MACs from 00:15:65:00:00:00.
create function t.world() returns void language plpgsql as $$
begin
  perform firstring.model_create('M', 'yealink', array['p256', 'rsa2048'], 'certificate', null,
    null, null, null, 'test', 'test', null, null);
  perform firstring.operator_upsert(t.digest('operator'), 'Olga', 'operator', 'der', 'test', 'test',
    null, null);
  perform firstring.station_upsert(t.digest(s), s, 'der', now() + interval '90 days', 'test',
    'test', null, null) from unnest(array['line-1', 'line-2']) s;
  perform firstring.order_insert('O', 'M', 'device-v1', array['p256'], '00:15:65:00:00:00', 1000,
    null, null, '{}', 'statement O', 'signatures', t.digest('operator'), 'test', 'test', null, null);
end
$$;

-- Phones number first .. first + count - 1 of order O, each with code 'CODE000000000'.
create function t.phones(first integer, count integer) returns void language plpgsql as $$
declare
  base bigint := firstring.mac_number('00:15:65:00:00:00');
begin
  perform firstring.certificates_store('O', t.digest('line-1'), array_agg(t.mac(base + n)),
    array_agg('SN' || n), array_agg(t.digest('key ' || n)),
    array_agg(substring(t.digest('serial ' || n) for 16)), array_agg(('der ' || n)::bytea),
    array_agg(t.digest('certificate ' || n)), array_agg(now()),
    array_agg(t.code_hash(t.mac(base + n), 'CODE000000000')), array_agg(0::bigint), 'station',
    'line-1', null, null)
  from generate_series(first, first + count - 1) n;
end
$$;

-- An ITSP by name, approved for itsp.example, with profile '<name> profile'.
create function t.tenant(name text) returns uuid language plpgsql as $$
begin
  perform firstring.itsp_create(t.id(name), name, 'test', 'test', null, null);
  perform firstring.itsp_domain_add(t.id(name), 'itsp.example', 'test', 'test', null, null);
  perform set_config('firstring.itsp', t.id(name)::text, true);
  perform firstring.profile_create(t.id(name || ' profile'), name || ' profile',
    'https://prov.itsp.example/{mac}.cfg', '{}', null, null, null, null, 'test', 'test', null, null);
  perform set_config('firstring.itsp', '', true);
  return t.id(name);
end
$$;
