-- The audit log grows at its end, and only the chain may be filled in, once.
begin;
select firstring.audit_append('test.one', 'test', '1', '{"a":1}', 'user', 'U', '192.0.2.1', 'r1');
select firstring.audit_append('test.two', 'test', '2', null, 'user', 'U', null, null);
select t.fails('even its owner changes nothing', 'update firstring.audit_log set actor_id = ''other''', '42501');
select t.fails('nor deletes', 'delete from firstring.audit_log', '42501');
select t.fails('nor truncates', 'truncate firstring.audit_log', '42501');
select t.fails('chaining changes nothing else', $$update firstring.audit_log set chain_seq = id,
  prev_hash = t.digest('0'), row_hash = t.digest('1'), actor_id = 'other'$$, '42501');
select t.fails('nor half of it', 'update firstring.audit_log set chain_seq = id', '23514');
update firstring.audit_log set chain_seq = id, prev_hash = t.digest('0'), row_hash = t.digest('1');
select t.fails('nor twice', $$update firstring.audit_log set row_hash = t.digest('2')$$, '42501');
select t.fails('a secret-looking action name', $$select firstring.audit_append('Test One', 'test', '1', null, 'user', 'U',
  null, null)$$, '23514');
rollback;

-- The chain: each row once, from 1, each on the one before it, in one defined encoding.
begin;
select firstring.audit_append('test.one', 'test', '1', '{"b":1, "a":"é"}', 'user', 'U', '192.0.2.1', 'r1');
select firstring.audit_append('test.two', 'test', '2', null, 'user', 'U', null, null);
select firstring.audit_append('test.three', 'test', '3', null, 'user', 'U', null, null);
select t.equal('a batch', (select outcome || ' ' || chained || ' ' || unchained || ' ' || head_seq
  from firstring.audit_chain(2)), 'chained 2 1 2');
select t.equal('the rest', (select outcome || ' ' || chained || ' ' || unchained || ' ' || head_seq
  from firstring.audit_chain(2)), 'chained 1 0 3');
select t.equal('nothing more', (select chained || ' ' || head_seq || ' ' || (head_hash = (select row_hash
  from firstring.audit_log where chain_seq = 3)) from firstring.audit_chain(2)), '0 3 true');
select t.equal('linked', (select string_agg((a.prev_hash = coalesce(b.row_hash, decode(repeat('00', 32), 'hex')))::text, ' ')
  from firstring.audit_log a left join firstring.audit_log b on b.chain_seq = a.chain_seq - 1), 'true true true');
select t.equal('the encoding, spelled out', (select (row_hash = sha256('firstring audit row v1'::bytea || prev_hash
  || int8send(chain_seq) || int8send(id) || int8send((extract(epoch from at) * 1000000)::bigint)
  || '\x0100000004'::bytea || 'user'::bytea || '\x0100000001'::bytea || 'U'::bytea
  || '\x010000000c'::bytea || '192.0.2.1/32'::bytea || '\x0100000002'::bytea || 'r1'::bytea
  || '\x0100000008'::bytea || 'test.one'::bytea || '\x0100000004'::bytea || 'test'::bytea
  || '\x0100000001'::bytea || '1'::bytea || '\x00'::bytea || '\x00'::bytea
  || '\x0100000013'::bytea || convert_to('{"a": "é", "b": 1}', 'UTF8')))::text
  from firstring.audit_log where chain_seq = 1), 'true');
select t.equal('head kept', (select outcome from firstring.audit_head_put('firstring audit head v1 x', '\x3006020101020101', 3)), 'stored');
select t.equal('once', (select outcome from firstring.audit_head_put('firstring audit head v1 x', '\x3006020101020101', 3)), 'existing');
select t.fails('no other text', $$select firstring.audit_head_put('anything', '\x3006020101020101', 3)$$, '23514');
select t.fails('a head does not change', 'update firstring.audit_head set chain_seq = 4', '42501');
select t.fails('nor goes', 'delete from firstring.audit_head', '42501');
rollback;
