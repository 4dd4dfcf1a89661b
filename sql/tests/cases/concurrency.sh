#!/usr/bin/env bash
# Races, by real clients in parallel: one MAC claimed, one MAC stored, one range opened, and a feed
# whose cursor skips nothing while transactions commit out of order.
set -euo pipefail
work=$SQL_WORK/concurrency
mkdir -p "$work"
db() { psql -X -q -At -v ON_ERROR_STOP=1 "$@"; }
fail() {
  printf '%s\n' "$*"
  exit 1
}
# together N COMMAND: N at once, each with its number; their outputs in $work/out.N
together() {
  local n=$1 i pids=()
  shift
  rm -f "$work"/out.*
  for ((i = 1; i <= n; i++)); do
    "$@" "$i" >"$work/out.$i" 2>&1 &
    pids+=($!)
  done
  for i in "${pids[@]}"; do wait "$i" || true; done
}
tally() { cat "$work"/out.* | sort | uniq -c | awk '{$1=$1; print}' | paste -sd,; }

db -f "$SQL_ROOT/sql/tests/lib.sql" -o /dev/null -c 'select t.world(), t.phones(0, 10)' \
  -c "select t.tenant('ITSP ' || n) from generate_series(1, 16) n"

# Sixteen ITSPs with the right code; all wait for one lock, then go.
claim() {
  psql -X -q -At -U firstring_portal -v n="$1" <<'SQL' | tail -n 1
begin;
select pg_advisory_xact_lock_shared(1);
select set_config('firstring.itsp', md5('ITSP ' || :n)::uuid::text, true);
select outcome from firstring.claim_put(gen_random_uuid(), '00:15:65:00:00:00', 'CODE000000000',
  md5('ITSP ' || :n || ' profile')::uuid, decode(repeat('01', 60), 'hex'), 10, 'token', 'T', null, null);
commit;
SQL
}
gate() {
  echo "begin; select pg_advisory_xact_lock(1), pg_sleep($1); commit;" | psql -X -q -o /dev/null &
  sleep 0.2
}
gate 1
together 16 claim
wait
[ "$(tally)" = '15 claimed_elsewhere,1 created' ] || fail "sixteen claims: $(tally)"
[ "$(db -c "select count(*) from firstring.audit_log where action = 'claim.create'")" = 1 ] || fail 'audit of one claim'

# A profile is deleted meanwhile: who only checks waits for nobody and writes nothing; who takes waits and is told.
db -o /dev/null -c "select t.tenant('Late')"
as_late() { db -U firstring_portal -c 'begin' -c "select set_config('firstring.itsp', md5('Late')::uuid::text, true)" "$@" -c commit; }
as_late -c "select outcome, pg_sleep(2) from firstring.profile_delete(md5('Late profile')::uuid, null, 'token', 'T', null, null)" \
  >/dev/null &
for ((i = 0; i < 100; i++)); do
  [ "$(db -c "select count(*) from pg_stat_activity where query like '%profile_delete%' and wait_event = 'PgSleep'")" = 0 ] || break
  sleep 0.02
done
checked=$(as_late -c "select outcome from firstring.claim_check('00:15:65:00:00:09', 'CODE000000000', md5('Late profile')::uuid,
  10, 'token', 'T', null, null)" -c 'select coalesce(pg_current_xact_id_if_assigned()::text, $$wrote nothing$$)' | tail -n 2 | paste -sd,)
taken=$(as_late -c "select outcome from firstring.claim_put(gen_random_uuid(), '00:15:65:00:00:09', 'CODE000000000',
  md5('Late profile')::uuid, decode(repeat('01', 60), 'hex'), 10, 'token', 'T', null, null)" | tail -n 1)
wait
[ "$checked $taken" = 'possible,wrote nothing unknown_profile' ] || fail "a profile that is deleted meanwhile: $checked $taken"

# Somebody has one phone in hand: of claims that go together the others wait for nobody, and that one is told as busy;
# alone it waits. Who has proven nothing makes nobody wait and is told nothing.
db -o /dev/null -c "select t.tenant('Together')"
coproc hand { psql -X -q -At; }
printf '%s\n' 'begin;' "select 'locked' from firstring.device where mac = '00:15:65:00:00:07' for update;" >&"${hand[1]}"
read -r -t 20 _ <&"${hand[0]}"
together_as() { db -U firstring_portal -c 'begin' -c "select set_config('firstring.itsp', md5('Together')::uuid::text, true)" "$@" -c commit | tail -n 1; }
put() {
  together_as -c "select string_agg(outcome, ' ' order by ordinal) from firstring.claims_put(
    array(select gen_random_uuid() from generate_series(1, 3)), array['00:15:65:00:00:06', '00:15:65:00:00:07', '00:15:65:00:00:08']::macaddr[],
    '$1', array(select md5('Together profile')::uuid from generate_series(1, 3)),
    array(select decode(repeat('01', 60), 'hex') from generate_series(1, 3)), 10, '{token,token,token}', '{T,T,T}',
    array[null, null, null]::inet[], '{r,s,t}')"
}
unproven=$(put '{null,null,null}')
proven=$(put '{CODE000000000,CODE000000000,CODE000000000}')
printf 'rollback;\n\\q\n' >&"${hand[1]}"
wait
again=$(put '{CODE000000000,CODE000000000,CODE000000000}')
[ "$unproven, $proven, $again" = 'possession_not_proven possession_not_proven possession_not_proven, created busy created, same created same' ] ||
  fail "claims that go together: $unproven, $proven, $again"

# Twelve fronts store the same three MACs and one of their own; keys are the same, signatures differ.
store() {
  psql -X -q -At -U firstring_factory -v n="$1" <<'SQL' | tail -n 1
begin;
select pg_advisory_xact_lock_shared(1);
select string_agg(outcome || coalesce(':' || convert_from(certificate, 'UTF8'), ''), ' ' order by ordinal)
from (select array_agg(firstring_mac order by k) m, array_agg('SN' || k order by k) s,
    array_agg(sha256(('race key ' || k)::bytea) order by k) spki,
    array_agg(substring(sha256((:n || ' serial ' || k)::bytea) for 16) order by k) serials,
    array_agg((:n || '-' || k)::bytea order by k) ders,
    array_agg(sha256((:n || '-' || k)::bytea) order by k) prints, array_agg(now() order by k) nb,
    array_agg(sha256('code') order by k) codes, array_agg(0::bigint order by k) epochs
  from (select k, ('00:15:65:00:01:' || lpad(to_hex(k), 2, '0'))::macaddr as firstring_mac
    from unnest(case when :n % 2 = 0 then array[1, 2, 3, 100 + :n] else array[3, 2, 1, 100 + :n] end) k) x) a,
  firstring.certificates_store('O', sha256('line-1'), m, s, spki, serials, ders, prints, nb, codes, epochs,
    'station', 'line-1', null, null);
commit;
SQL
}
gate 1
together 12 store
wait
each='(stored|existing:[0-9]+-1) (stored|existing:[0-9]+-2) (stored|existing:[0-9]+-3) stored'
[ "$(cat "$work"/out.* | grep -c -x -E "$each")" = 12 ] || fail "twelve stores: $(cat "$work"/out.*)"
[ "$(grep -c '^stored' "$work"/out.* | awk -F: '{n += $2} END {print n}')" = 1 ] || fail "more than one stored: $(cat "$work"/out.*)"
for k in 1 2 3; do
  winner=$(db -c "select convert_from(der, 'UTF8') from firstring.certificate where mac = '00:15:65:00:01:0$k'")
  [ "$(cat "$work"/out.* | cut -d' ' -f$k | grep -v stored | sort -u)" = "existing:$winner" ] || fail "MAC $k: $winner is on record; $(cat "$work"/out.*)"
done
[ "$(db -c "select issued from firstring.order_get('O')")" = 25 ] || fail "issued: $(db -c "select issued from firstring.order_get('O')")"

# Two orders for one range.
open_order() {
  psql -X -q -At -U firstring_factory <<SQL | tail -n 1
begin;
select pg_advisory_xact_lock_shared(1);
select outcome from firstring.order_insert('P$1', 'M', 'device-v1', array['p256'], '00:15:70:00:00:0$1', 100, null, null,
  '{}', 'statement P$1', 'sig', sha256('operator'), 'operator', 'Olga', null, null);
commit;
SQL
}
gate 0.5
together 8 open_order
wait
[ "$(tally)" = '1 created,7 overlap' ] || fail "eight orders: $(tally)"

# Batches that share phones, in opposite orders: no deadlock, nothing lost.
report() {
  local i
  for ((i = 0; i < 10; i++)); do
    psql -X -q -At -U firstring_redirector -v "backwards=$(($1 % 2))" <<'SQL'
select inserted from (select array_agg(m order by k) macs, array_agg(clock_timestamp()) at, array_agg(gen_random_uuid()) ids,
    array_agg('delivered'::text) kinds, array_agg(null::uuid) claims, array_agg(null::bigint) versions,
    array_agg(null::text) nothing
  from (select ('00:15:65:00:00:0' || n)::macaddr m, case :backwards when 1 then -n else n end k
    from generate_series(0, 9) n) x) a, firstring.events_insert(at, ids, macs, kinds, claims, versions, nothing, nothing);
SQL
  done
}
together 6 report
[ "$(tally)" = '60 10' ] || fail "batches of events: $(tally)"
[ "$(db -c 'select count(*) from firstring.device_event where kind <> '\''claimed'\''')" = 600 ] || fail 'an event is missing'

# The feed: a transaction that began first commits last, and is not skipped.
holder=$(db -c "select itsp_id from firstring.claim where mac = '00:15:65:00:00:00'")
feed() {
  psql -X -q -At -F ' ' -U firstring_portal <<SQL
select set_config('firstring.itsp', '$holder', false) \g /dev/null
select xid, seq, id, kind from firstring.events_list($1, $2, 1000);
SQL
}
event() { echo "select firstring.events_insert(array[clock_timestamp()], array['$1'::uuid], array['00:15:65:00:00:00'::macaddr], array['contacted'], array[null::uuid], array[null::bigint], array[null], array[null]) \\g /dev/null"; }
read -r xid seq _ <<<"$(feed 0 0 | tail -n 1)"
early=00000000-0000-0000-0000-000000000001 late=00000000-0000-0000-0000-000000000002
# Its transaction id is taken before it writes; the row lock on the phone is not what is tested.
{ printf 'begin;\nselect pg_current_xact_id() \\g /dev/null\n'; sleep 1; event "$early"; echo 'commit;'; } | psql -X -q &
sleep 0.4
event "$late" | psql -X -q
[ -z "$(feed "$xid" "$seq")" ] || fail 'the feed shows an event that one in flight precedes'
wait
[ "$(feed "$xid" "$seq" | cut -d' ' -f3 | paste -sd' ')" = "$early $late" ] || fail "the feed: $(feed "$xid" "$seq")"
[ "$(feed 0 0 | grep -vc ' claimed$')" = 62 ] || fail "the feed from its beginning: $(feed 0 0 | wc -l)"

# One that has said whose events it writes is waited for by that one alone, be it as long as it likes.
read -r xid seq _ <<<"$(feed 0 0 | tail -n 1)"
next=00000000-0000-0000-0000-000000000003
coproc claims { psql -X -q -At; }
printf '%s\n' 'begin;' 'select pg_current_xact_id() \g /dev/null' "select 'begun';" >&"${claims[1]}"
read -r -t 20 _ <&"${claims[0]}"
event "$next" | psql -X -q
[ -z "$(feed "$xid" "$seq")" ] || fail 'the feed does not wait for a transaction that may write events'
printf '%s\n' "select firstring.events_only_of('00000000-0000-0000-0000-00000000000a') \\g /dev/null" "select 'said';" >&"${claims[1]}"
read -r -t 20 _ <&"${claims[0]}"
[ "$(feed "$xid" "$seq" | cut -d' ' -f3)" = "$next" ] || fail 'the feed waits for a transaction that writes events of another ITSP'
printf '%s\n' 'commit;' 'begin;' "select firstring.events_only_of('$holder') \\g /dev/null" "select 'said';" >&"${claims[1]}"
read -r -t 20 _ <&"${claims[0]}"
event 00000000-0000-0000-0000-000000000004 | psql -X -q
[ "$(feed "$xid" "$seq" | wc -l)" = 1 ] || fail 'the feed does not wait for a transaction that writes its own events'
hook=$(db -c "insert into firstring.webhook (id, itsp_id, url, secret_sealed, after_xid, after_seq)
  values (gen_random_uuid(), '$holder', 'https://itsp.example/', sha256('secret'), '$xid', $(feed "$xid" "$seq" | cut -d' ' -f2)) returning id")
db -c "update firstring.webhook set after_xid = '$(feed "$xid" "$seq" | cut -d' ' -f1)'" >/dev/null
take() { psql -X -q -At -U firstring_courier -c "select webhook_id from firstring.webhooks_take('w', 0, 10)"; }
[ -z "$(take)" ] || fail 'a webhook does not wait for a transaction that writes its own events'
printf 'commit;\n\\q\n' >&"${claims[1]}"
wait
[ "$(feed "$xid" "$seq" | wc -l)" = 2 ] || fail 'the feed still waits'
[ "$(take)" = "$hook" ] || fail 'a webhook still waits'
