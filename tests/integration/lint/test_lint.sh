#!/usr/bin/env bash
# Each rule of `make lint` is able to fail: a small tree that breaks it is refused with file and
# line, and one that keeps all of them passes.
set -euo pipefail
root=$(cd "$(dirname "$0")/../../.." && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failed=0

# Puts a file into the tree: its path, then its lines.
put() {
  mkdir -p "$tree/$(dirname "$1")"
  printf '%s\n' "${@:2}" > "$tree/$1"
}

# The rule must say this of the tree; then the tree is as before.
refuses() {
  local rule=$1 expected=$2 said
  if said=$(cd "$tree" && "$root/tests/lint/$rule" 2>&1); then
    printf '%s: passes what it must refuse: %s\n' "$rule" "$expected"
    failed=1
  elif ! grep -qF -- "$expected" <<< "$said"; then
    printf '%s: expected "%s", said:\n%s\n' "$rule" "$expected" "$said"
    failed=1
  fi
  begin
}

passes() {
  local said
  said=$(cd "$tree" && "$root/tests/lint/$1" 2>&1) || {
    printf '%s: refuses a good tree:\n%s\n' "$1" "$said"
    failed=1
  }
}

# A good tree.
begin() {
  rm -rf "${tree:?}"/*
  cp "$root/.clang-format" "$tree"
  put common/base/mac.h '/* Addresses. Pure. */' '#ifndef FIRSTRING_BASE_MAC_H' \
    '#define FIRSTRING_BASE_MAC_H' '#include <stdint.h>' '#endif'
  put common/net/server.h '/* A server. */' '#ifndef FIRSTRING_NET_SERVER_H' \
    '#define FIRSTRING_NET_SERVER_H' '#include <event2/event.h>' '' '#include "common/base/mac.h"' '#endif'
  put redirector/decide.c '/* What is answered. Pure. */' '#include "common/base/mac.h"'
  put sql/queries/redirector/lookup.sql '-- One phone.' '-- caller: worker' '-- role: r' '-- $1 mac' \
    '-- plan: index' 'select 1 where $1 = 2;'
  put sql/migrations/0001_ground.sql '-- The ground.' 'select 1;'
  put tests/tool.py '"""A tool."""'
  put tests/run '#!/usr/bin/env bash' '# Runs.' 'true'
  chmod +x "$tree/tests/run"
}

begin
for rule in "$root"/tests/lint/*; do
  passes "${rule##*/}"
done

put common/base/mac.c '/* x */' '#include "common/net/server.h"'
refuses layers 'common/base/mac.c:2: "common/net/server.h" is no layer below common/base'
put common/pki/x.c '/* x */' '#  include "common/conf/conf.h"'
refuses layers 'common/pki/x.c:2: '
put redirector/x.c '/* x */' '#include "portal-api/x.h"'
refuses layers 'redirector/x.c:2: '
put factory-ca/signer/x.c '/* x */' '#include "common/db/pg.h"'
refuses layers 'factory-ca/signer/x.c:2: "common/db/pg.h" is behind a wall for factory-ca/signer'
put factory-ca/front/x.c '/* x */' '#include "factory-ca/signer/keystore.h"'
refuses layers 'factory-ca/front/x.c:2: '

put redirector/x.c '/* x */' '#include <libpq-fe.h>'
refuses libraries 'redirector/x.c:2: libpq is used in common/db alone'
put redirector/x.c '/* x */' '#include <event2/http.h>'
refuses libraries 'redirector/x.c:2: evhttp'
put common/net/x.c '/* x */' '#include <event2/http.h>'
refuses libraries 'common/net/x.c:2: evhttp'
put factory-ca/signer/x.c '/* x */' '#include <p11-kit/pkcs11.h>'
refuses libraries 'factory-ca/signer/x.c:2: PKCS#11'
put common/base/x.c '/* x */' '#include <openssl/evp.h>'
refuses libraries 'common/base/x.c:2: common/base is libc only'

put redirector/decide.c '/* What is answered. Pure. */' '#include <unistd.h>'
refuses pure 'redirector/decide.c:2: a pure file includes <unistd.h>'
put redirector/handler.h '/* x */' '#include "common/net/server.h"'
put redirector/decide.c '/* What is answered. Pure. */' '#include "redirector/handler.h"'
refuses pure 'redirector/decide.c:1: a pure file sees common/net/server.h'

put redirector/x.c '/* x */' 'const char *x = "SELECT mac FROM device";'
refuses sql_in_c 'redirector/x.c:2: SQL text in C'
put redirector/x.c '/* x */' 'f("update claim set state = 1");'
refuses sql_in_c 'redirector/x.c:2: '

put sql/queries/redirector/x.sql '-- One phone.' 'select 1;'
refuses queries 'sql/queries/redirector/x.sql:1: the head has no "-- caller: …"'
put sql/queries/redirector/lookup.sql '-- caller: w' '-- role: r' '-- plan: p' 'select $1;'
refuses queries 'lookup.sql:1: the head does not name $1'
put sql/queries/redirector/lookup.sql '-- caller: w' '-- role: r' '-- plan: p' 'select 1;' 'select 2;'
refuses queries 'lookup.sql:1: more than one statement'
put sql/migrations/0001_later.sql '-- The same number.'
refuses queries 'sql/migrations/0001_later.sql:1: another migration has the number 0001'

put common/base/x.c '#include <stdint.h>'
refuses heads 'common/base/x.c:1: no header comment'
put common/base/x.h '/* x */'
refuses heads 'common/base/x.h:1: no include guard'
put tests/run '#!/usr/bin/env bash' 'true'
refuses heads 'tests/run:1: the second line does not say what it does'
chmod -x "$tree/tests/run"
refuses heads 'tests/run:1: a script that cannot be run'

# The words are put together here, so that this file does not hold them.
put common/base/x.c '/* x */' "/* TO""DO: later */"
refuses words 'common/base/x.c:2: something is left for later'
put common/base/x.c '/* x */' "f(\"/ro""ot/key\");"
refuses words 'common/base/x.c:2: a path of one machine'
put common/base/x.c '/* x */ '
refuses words 'common/base/x.c:1: white space at the end of the line'
put common/base/x.c $'/* x */\r'
refuses words 'common/base/x.c:1: a carriage return'

put tests/run '#!/usr/bin/env bash' '# Runs.' 'rm $1'
chmod +x "$tree/tests/run"
refuses shell 'tests/run:3:'
put common/base/x.c '/* x */' 'int  f( void );'
refuses format 'common/base/x.c:2:'
put tests/tool.py 'import os'
refuses python 'tests/tool.py:1: no text'
put tests/tool.py '"""A tool."""' 'def ('
refuses python 'tests/tool.py:2:'
put portal-api/web/x.js '// A page.' 'const = 1;'
refuses javascript 'portal-api/web/x.js:2: SyntaxError'
put portal-api/web/x.js 'export const x = 1;'
refuses javascript 'portal-api/web/x.js:1: no comment'
put portal-api/web/x.js '// A page.' "x.inner""HTML = name;"
refuses javascript 'portal-api/web/x.js:2: a page makes HTML'
put portal-api/web/x.js '// A page.' "h('p', {}, 'Words that people read');"
refuses javascript 'portal-api/web/x.js:2: words of a page'

exit "$failed"
