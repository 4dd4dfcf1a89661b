# What up, down and run share: where things are, ports, daemons. Sourced by bash, not run.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
var=${FIRSTRING_VAR:-$root/var}
[[ $var = /* ]] || var=$PWD/$var
build=$root/build/${MODE:-release}

: "${FIRSTRING_REDIRECTOR_PORT:=8443}" "${FIRSTRING_PORTAL_PORT:=8444}" "${FIRSTRING_FACTORY_PORT:=8445}"
: "${FIRSTRING_STATUS_PORT:=8080}" "${FIRSTRING_REDIRECTOR_HEALTH_PORT:=9443}"
: "${FIRSTRING_PORTAL_HEALTH_PORT:=9444}" "${FIRSTRING_FACTORY_HEALTH_PORT:=9445}"

say() { printf '%s\n' "$*"; }

die() {
  printf '%s\n' "$*" >&2
  exit 1
}

pid_of() { cat "$var/run/$1.pid" 2> /dev/null; }

# Whether the process that the pid file names is that daemon of this instance, and alive.
is_running() {
  local pid
  pid=$(pid_of "$1") && [ -n "$pid" ] && [ -e "/proc/$pid/cmdline" ] \
    && tr '\0' ' ' < "/proc/$pid/cmdline" | grep -qF "$var/etc/$1.yaml"
}

port_is_free() { ! (: < "/dev/tcp/127.0.0.1/$1") 2> /dev/null; }

# Before anything starts: a taken port is told with the setting that moves it.
check_ports() {
  local name port
  for name in "$@"; do
    port=FIRSTRING_${name}_PORT
    port_is_free "${!port}" \
      || die "Port ${!port} (FIRSTRING_${name}_PORT) is taken by another program. Stop that program, or choose another port:" \
        "FIRSTRING_${name}_PORT=… make up"
  done
}

# One start or stop of an instance at a time. Daemons must not inherit the lock (9>&-).
take_lock() {
  mkdir -p "$var/run"
  exec 9> "$var/run/lock"
  flock -w 120 9 || die "Another start or stop of $var is under way."
}

# start NAME HEALTH-PORT WORDS…: in the background, its log in var/log/NAME.log; waits until it is ready.
start() {
  local name=$1 health=$2 log=$var/log/$1.log tries
  shift 2
  if ! is_running "$name"; then
    setsid nohup "$@" >> "$log" 2>&1 < /dev/null 9>&- &
    printf '%s\n' $! > "$var/run/$name.pid"
  fi
  for ((tries = 0; tries < 300; tries++)); do
    if curl -fs --max-time 1 "http://127.0.0.1:$health/readyz" > /dev/null 2>&1; then
      return
    fi
    # Not is_running: on a busy machine it may not have become the daemon yet.
    [ -e "/proc/$(pid_of "$name")" ] || break
    sleep 0.1
  done
  tail -n 15 "$log" >&2
  die "$name does not come up; the end of its log ($log) is above."
}

# stop NAME: drains it; by force after 35 seconds.
stop() {
  local name=$1 pid tries
  is_running "$name" || {
    rm -f "$var/run/$name.pid"
    return 0
  }
  pid=$(pid_of "$name")
  kill -TERM "$pid" 2> /dev/null || true
  for ((tries = 0; tries < 350; tries++)); do
    # Not is_running: on a busy machine it may not have become the daemon yet.
    [ -e "/proc/$(pid_of "$name")" ] || break
    sleep 0.1
  done
  # What a daemon that would not drain leaves behind, workers included.
  kill -KILL -- "-$pid" 2> /dev/null || true
  rm -f "$var/run/$name.pid"
}

stop_everything() {
  stop portal-api
  stop redirector
  stop factory-ca
  "$root/deploy/dev/cluster" stop "$var/postgres"
}
