#!/usr/bin/env bash
# The OpenAPI document as others read it: an npm linter finds nothing in it, and finds what is broken.
set -euo pipefail
root=$(cd "$(dirname "$0")/../../.." && pwd)
modules=$root/build/openapi-lint
work=$(mktemp -d "${TMPDIR:-/tmp}/firstring-openapi-XXXXXX")
trap 'rm -rf "$work"' EXIT

fail() {
  printf '%s\n' "$@" >&2
  exit 1
}

command -v node > /dev/null || fail 'node is not installed: deploy/dev/install-packages test'
# Other makers' packages of Node.js bring npm; Debian's does not, and theirs refuse Debian's npm.
command -v npm > /dev/null || "$root/deploy/dev/install-packages" npm || fail 'npm is needed to get the linter.'
if ! cmp -s "$root/tests/openapi/package-lock.json" "$modules/package-lock.json" || [ ! -e "$modules/.complete" ]; then
  rm -rf "$modules"
  mkdir -p "$modules"
  cp "$root"/tests/openapi/{package.json,package-lock.json} "$modules"
  (cd "$modules" && npm ci --no-audit --no-fund --ignore-scripts > npm.log 2>&1) || {
    tail -n 15 "$modules/npm.log" >&2
    fail 'npm cannot get the packages of tests/openapi/package-lock.json; the reason is above.'
  }
  touch "$modules/.complete"
fi
cp "$root/tests/openapi/lint.mjs" "$modules"

node "$modules/lint.mjs" "$root/portal-api/openapi.json" || fail 'The linter finds this in portal-api/openapi.json.'

# That it can find something: a reference to nowhere.
sed 's|#/components/schemas/Claim"|#/components/schemas/Clame"|' "$root/portal-api/openapi.json" > "$work/openapi.json"
if node "$modules/lint.mjs" "$work/openapi.json" > "$work/found"; then
  fail 'The linter does not see a reference that leads nowhere.'
fi
grep -q 'no-unresolved-refs' "$work/found" || fail "$(cat "$work/found")"
echo ok
