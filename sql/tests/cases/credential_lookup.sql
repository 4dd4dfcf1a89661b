-- How the redirector finds a phone: by certificate, by credentials, and what it learns of the dead.
select t.world(), t.phones(0, 4), t.tenant('Alpha');
insert into firstring.device_model (name, format, key_types, authentication)
values ('Old', 'json', '{p256}', 'password');
insert into firstring.device (mac, serial_number, model, source, credential_user, credential_hash)
values ('00:15:65:0f:00:01', 'O1', 'Old', 'import', '0015650F0001', sha256('one')),
  ('00:15:65:0f:00:02', 'O2', 'Old', 'import', '0015650F0002', sha256('two')),
  ('00:15:65:0f:00:03', 'O3', 'Old', 'import', 'back\slash''s', sha256('three'));
insert into firstring.certificate (fingerprint, mac, status, revoked_at)
values (t.digest('old'), '00:15:65:0f:00:02', 'revoked', now());

create function t.key(credential_user text, password text) returns bytea language sql as
$$ select firstring.credential_key($1, sha256($2::bytea)) $$;
create function t.status(key bytea) returns text language sql as
$$ select coalesce((select certificate_status || ' ' || mac from firstring.device_lookup(array[key])), 'none') $$;

-- The redirector computes the same: redirector/credentials.c has this very example.
select t.equal('the key', encode(t.key('0015650F0001', 'one'), 'hex'),
  encode(sha256('firstring device credential v1'::bytea || '\x00'::bytea || '0015650F0001'::bytea || '\x00'::bytea
    || sha256('one')), 'hex'));
select t.equal('right credentials', t.status(t.key('0015650F0001', 'one')), 'credential 00:15:65:0f:00:01');
select t.equal('odd user names', t.status(t.key('back\slash''s', 'three')), 'credential 00:15:65:0f:00:03');
select t.equal('a wrong password', t.status(t.key('0015650F0001', 'two')), 'none');
select t.equal('an unknown user', t.status(t.key('0015650F0009', 'one')), 'none');
select t.equal('another''s password', t.status(t.key('0015650F0002', 'one')), 'none');
select t.equal('it has had a certificate', t.status(t.key('0015650F0002', 'two')),
  'has_certificate 00:15:65:0f:00:02');
select t.equal('a dead certificate', t.status(t.digest('old')), 'revoked 00:15:65:0f:00:02');
select t.equal('an unknown certificate', t.status(t.digest('unheard of')), 'none');
select t.equal('a hash is no key', t.status(sha256('one')), 'none');
