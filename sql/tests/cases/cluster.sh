#!/usr/bin/env bash
# deploy/dev/cluster: keeps data, says what is wrong, leaves nothing of what was thrown away.
set -euo pipefail
cluster=$SQL_ROOT/deploy/dev/cluster
work=$SQL_WORK/clusters
mkdir -p "$work"
unset PGHOST PGDATABASE PGPORT
fail() {
  printf '%s\n' "$*"
  exit 1
}
finish() {
  local dir
  for dir in "$work"/*/; do "$cluster" stop "$dir" >/dev/null 2>&1 || true; done
}
trap finish EXIT
# expect CODE TEXT COMMAND...
expect() {
  local code=0 wanted=$1 text=$2 said
  shift 2
  said=$("$@" 2>&1) || code=$?
  [ "$code" = "$wanted" ] || fail "$*: exit $code, wanted $wanted: $said"
  [[ $said == *"$text"* ]] || fail "$*: does not say '$text': $said"
}

expect 0 'usage: cluster start DIR' "$cluster" --help
expect 64 'nothing to do' "$cluster"
expect 64 'unknown action run' "$cluster" run
expect 64 'start needs a folder' "$cluster" start
expect 64 'number from 1 to 65535' "$cluster" start "$work/a" --port 70000
expect 4 'no cluster' "$cluster" status "$work/a"
expect 1 'no cluster' "$cluster" url "$work/a"

# A folder with a space in its name, deep enough that a socket does not fit.
deep="$work/a deep $(printf 'x%.0s' {1..100})"
url=$("$cluster" start "$deep" --throwaway)
[ "$(psql -X -Atc 'select current_database()' "$url")" = firstring ] || fail "no database at $url"
socket=$("$cluster" socket "$deep")
[ "$(stat -c %a "$socket")" = 700 ] || fail "$socket is open to others"
psql -X -q "$url" -c 'create role firstring_factory login'
[ "$(psql -X -Atc 'select current_user' "host=$socket user=firstring_factory dbname=firstring")" = firstring_factory ] ||
  fail 'a daemon cannot connect'
[ "$(psql -X -Atc 'show listen_addresses' "$url")" = '' ] || fail 'it listens on TCP'
[ "$("$cluster" start "$deep")" = "$url" ] || fail 'a second start says another URL'
expect 0 running "$cluster" status "$deep"
"$cluster" stop "$deep"
if [ -e "$deep" ] || [ -e "$socket" ]; then fail 'something stays of a throw-away cluster'; fi

# Two starts at once make one cluster; its data outlives stop, start and kill -9.
"$cluster" start "$work/b" >"$work/b.1" &
"$cluster" start "$work/b" >"$work/b.2"
wait
cmp "$work/b.1" "$work/b.2" || fail 'two starts, two clusters'
url=$(<"$work/b.1")
psql -X -q "$url" -c 'create table kept (n int)'
"$cluster" stop "$work/b"
expect 3 stopped "$cluster" status "$work/b"
"$cluster" stop "$work/b"
"$cluster" start "$work/b" >/dev/null
read -r pid <"$(<"$work/b/where")/data/postmaster.pid"
kill -9 "$pid"
# A busy machine takes a moment to end it.
while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
"$cluster" start "$work/b" >/dev/null
[ "$(psql -X -Atc 'select count(*) from kept' "$url")" = 0 ] || fail 'the data is gone'

# A port on request, and a clear word when it is taken.
"$cluster" stop "$work/b"
coproc HOLDER { exec python3 -uc '
import random, socket, sys
s = socket.socket(); s.bind(("127.0.0.1", random.randrange(10240, 32000))); s.listen(); print(s.getsockname()[1]); sys.stdin.read()'; }
holder=$HOLDER_PID # unset by bash as soon as it ends
read -r port <&"${HOLDER[0]}"
expect 1 "port $port of 127.0.0.1 is taken" "$cluster" start "$work/b" --port "$port"
kill "$holder"
wait "$holder" 2>/dev/null || true
url=$("$cluster" start "$work/b" --port "$port")
[[ $url == *"port=$port"* ]] || fail "$url does not name the port"
[ "$(psql -X -Atc 'select 1' "$url")" = 1 ] || fail 'the socket does not answer'
expect 2 'password' env PGPASSWORD= psql -X -w -h 127.0.0.1 -p "$port" -U postgres -d firstring -c 'select 1'
expect 1 'it runs without port' "$cluster" start "$work/b" --port 1

# As root: a folder that the server's user cannot reach.
if [ "$(id -u)" = 0 ]; then
  mkdir -m 0700 "$work/closed"
  "$cluster" start "$work/closed/c" --throwaway >/dev/null
  base=$(<"$work/closed/c/where")
  [[ $base == /var/tmp/firstring-* ]] || fail "the data went to $base"
  "$cluster" stop "$work/closed/c"
  [ ! -e "$base" ] || fail "$base stays"
  # And as a plain user, who may not see the folder that this script is in.
  mkdir "$work/plain"
  cp "$cluster" "$work/plain/cluster"
  chown nobody "$work/plain"
  chmod 0755 "$work"
  setpriv --reuid=nobody --regid=nogroup --clear-groups env HOME=/ "$work/plain/cluster" start "$work/plain/c" --throwaway >"$work/plain.url"
  [ "$(psql -X -Atc 'select 1' "$(<"$work/plain.url")")" = 1 ] || fail 'not as a plain user'
  setpriv --reuid=nobody --regid=nogroup --clear-groups "$work/plain/cluster" stop "$work/plain/c"
fi
