#!/usr/bin/env bash
# sql/migrate: again changes nothing; altered, missing and misnumbered migrations are refused.
set -euo pipefail
fail() {
  printf '%s\n' "$*"
  exit 1
}
tree=$SQL_WORK/tree
cp -r "$SQL_ROOT/sql" "$tree"
url="postgresql:///$PGDATABASE?host=$PGHOST&user=$PGUSER"
unset FIRSTRING_DATABASE_URL
# expect CODE TEXT COMMAND...
expect() {
  local code=0 wanted=$1 text=$2 said
  shift 2
  said=$("$@" 2>&1) || code=$?
  [ "$code" = "$wanted" ] || fail "$*: exit $code, wanted $wanted: $said"
  [[ $said == *"$text"* ]] || fail "$*: does not say '$text': $said"
}
schema() { pg_dump -s -d "$PGDATABASE" | sed '/^\\\(un\)\?restrict/d' | sha256sum; }

before=$(schema)
[ -z "$("$tree/migrate" "$url" 2>&1)" ] || fail 'a second run does something'
[ "$(schema)" = "$before" ] || fail 'a second run changes the schema'
expect 0 'usage: sql/migrate' "$tree/migrate" --help
expect 64 'no database' "$tree/migrate"
expect 64 'unknown option --force' "$tree/migrate" --force "$url"
expect 69 'cannot connect' "$tree/migrate" "postgresql:///$PGDATABASE?host=/nowhere&user=postgres"
expect 0 '0001_ground' env FIRSTRING_DATABASE_URL="$url" "$tree/migrate" --status

echo '-- one more line' >>"$tree/migrations/0003_tenants.sql"
expect 65 '0003_tenants: was altered after it was applied' "$tree/migrate" "$url"
expect 65 '0003_tenants: was altered' "$tree/migrate" --status "$url"
cp "$SQL_ROOT/sql/migrations/0003_tenants.sql" "$tree/migrations/"

mv "$tree/migrations/0004_claims.sql" "$SQL_WORK/"
expect 65 '0004_claims: was applied on' "$tree/migrate" "$url"
mv "$SQL_WORK/0004_claims.sql" "$tree/migrations/"

echo 'select 1;' >"$tree/migrations/0000_early.sql"
expect 65 '0000_early: comes before' "$tree/migrate" "$url"
mv "$tree/migrations/0000_early.sql" "$tree/migrations/0003_twice.sql"
expect 65 'two migrations have the number 0003' "$tree/migrate" "$url"
mv "$tree/migrations/0003_twice.sql" "$tree/migrations/later.sql"
expect 65 'named NNNN_words.sql' "$tree/migrate" "$url"
rm "$tree/migrations/later.sql"

# A migration that fails half-way leaves nothing of itself, and the ones before it stay.
echo "create table good_one (id int); comment on table good_one is 'x';" >"$tree/migrations/9001_good.sql"
printf 'create table half_done (id int);\nselect 1 / 0;\n' >"$tree/migrations/9002_bad.sql"
expect 1 '9002_bad                                 waits' "$tree/migrate" --status "$url"
expect 70 'division by zero' "$tree/migrate" "$url"
[ "$(psql -X -Atc "select to_regclass('firstring.good_one') is not null, to_regclass('firstring.half_done') is not null")" = 't|f' ] ||
  fail 'the failed migration left something'
expect 1 '9002_bad                                 waits' "$tree/migrate" --status "$url"
echo 'create table half_done (id int);' >"$tree/migrations/9002_bad.sql"
expect 0 'applied 9002_bad' "$tree/migrate" "$url"
[ "$(psql -X -Atc "select relrowsecurity, pg_get_userbyid(relowner) from pg_class where relname = 'half_done'")" = 't|firstring_owner' ] ||
  fail 'a new table is the owner''s and closed'

# What somebody granted by hand is taken back when grants are applied.
psql -X -q -c 'grant all on firstring.certificate to firstring_portal' -c "delete from firstring.migration where name = 'grants'"
expect 0 'applied grants' "$tree/migrate" "$url"
[ "$(psql -X -Atc "select has_table_privilege('firstring_portal', 'firstring.certificate', 'select')")" = f ] || fail 'a stray grant stays'

# Four at once on an empty database.
psql -X -q -d postgres -c "create database ${PGDATABASE}_empty"
rm "$tree/migrations/"9*
pids=()
for n in 1 2 3 4; do
  "$tree/migrate" "postgresql:///${PGDATABASE}_empty?host=$PGHOST&user=$PGUSER" >"$SQL_WORK/at-once.$n" 2>&1 &
  pids+=($!)
done
for pid in "${pids[@]}"; do wait "$pid" || fail "at once: $(cat "$SQL_WORK"/at-once.*)"; done
[ "$(cat "$SQL_WORK"/at-once.* | grep -c '^applied 0')" = "$(find "$tree/migrations" -name '*.sql' | wc -l)" ] || fail "at once: $(cat "$SQL_WORK"/at-once.*)"
psql -X -q -d postgres -c "drop database ${PGDATABASE}_empty"
