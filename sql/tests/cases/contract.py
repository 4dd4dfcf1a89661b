#!/usr/bin/env python3
"""The heads of sql/queries are the contract with the daemons: what they say of parameters and
columns is what PostgreSQL says of the statement, each names its role, and no name is used twice."""
import os, pathlib, re, subprocess, sys

ROLES = {"firstring_factory", "firstring_redirector", "firstring_portal", "firstring_admin", "firstring_status",
         "firstring_courier", "firstring_auditor"}
ALIASES = {"timestamptz": "timestamp with time zone", "timestamptz[]": "timestamp with time zone[]"}
root = pathlib.Path(os.environ["SQL_ROOT"]) / "sql" / "queries"
problems, seen = [], {}
script, heads = [], []
for path in sorted(root.glob("*/*.sql")):
    name, text = path.stem, path.read_text()
    say = lambda what, file=f"{path.parent.name}/{path.name}": problems.append(f"{file}: {what}")
    if name in seen:
        say(f"the name is used in {seen[name]} too")
    seen[name] = path.parent.name
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        say("not snake_case")
    head = [line[3:] for line in text.splitlines() if line.startswith("-- ")]
    body = "\n".join(line for line in text.splitlines() if not line.startswith("--")).strip()
    if body.count(";") != 1 or not body.endswith(";"):
        say("not one statement that ends in a semicolon")
    params = [m for m in (re.match(r"\$(\d+) (\w+) ([a-z0-9]+(?:\[\])?)(?::|$)", line) for line in head) if m]
    columns = [m for m in (re.match(r"-> (\w+) ([a-z0-9]+(?:\[\])?)(?::|$)", line) for line in head) if m]
    if [int(m[1]) for m in params] != list(range(1, len(params) + 1)):
        say("parameters are not numbered from 1")
    for word in ("caller", "role", "plan"):
        if not any(line.startswith(word + ": ") for line in head):
            say(f"the head does not tell its {word}")
    roles = next((line[6:].split() for line in head if line.startswith("role: ")), [])
    if not set(roles) <= ROLES:
        say(f"unknown role in {roles}")
    if not columns:
        say("the head tells no columns")
    heads.append((say, [ALIASES.get(m[3], m[3]) for m in params],
                  [(m[1], ALIASES.get(m[2], m[2])) for m in columns]))
    script += [f"\\echo === {len(heads) - 1}", f"prepare q as {body}",
               "select unnest(parameter_types)::text from pg_prepared_statements where name = 'q';",
               "\\echo ---", body.rstrip(";") + " \\gdesc", "deallocate q;"]
done = subprocess.run(["psql", "-X", "-q", "-At", "-F", "\t", "-v", "ON_ERROR_STOP=1"], input="\n".join(script),
                      text=True, capture_output=True)
if done.returncode:
    sys.exit(done.stdout[-300:] + done.stderr)
for answer in done.stdout.split("=== ")[1:]:
    number, rest = answer.split("\n", 1)
    got_params, got_columns = rest.split("---\n")
    say, params, columns = heads[int(number)]
    if got_params.split("\n")[:-1] != params:
        say(f"parameters are {got_params.split()}, the head says {params}")
    got = [tuple(line.split("\t")) for line in got_columns.splitlines()]
    if got != columns:
        say(f"columns are {got}, the head says {columns}")
print("\n".join(problems))
sys.exit(1 if problems else 0)
