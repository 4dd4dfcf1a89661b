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
