#!/usr/bin/env bash
# The manual pages are right mdoc(7), and tell every key, option and command that the code has.
set -euo pipefail
cd "$(dirname "$0")/../../.."
make --no-print-directory man > /dev/null
build=${BUILD:-build/release}
failed=0

complain() {
  printf '%s\n' "$*"
  failed=1
}

# Plain text, one space between words.
text_of() {
  mandoc -T ascii "build/man/$1" | col -bx | tr -s ' \n' ' '
}

for page in build/man/*; do
  said=$(mandoc -T lint -W warning "$page") || complain "$said"
done

page=$(text_of factory-ca.1)
while read -r command; do
  grep -qF " $command " <<< "$page" || complain "factory-ca.1 does not tell $command"
  # Its own help needs no configuration, and is in the page.
  usage=$("$build/bin/factory-ca" "$command" --help 2>&1) || complain "$command --help fails: $usage"
  [[ $usage == "usage: factory-ca"*" $command"* ]] || complain "$command --help tells no usage: $usage"
  grep -qF "$(head -n 1 <<< "$usage" | tr -s ' ')" <<< "$page" || complain "factory-ca.1 has no usage of $command"
done < <("$build/bin/factory-ca" --help | awk '/^commands:/ { on = 1; next } on { print $1 }')
for words in 'station add' 'station revoke' 'operator add' 'operator remove X' 'key list' 'ca renew' 'order open'; do
  # shellcheck disable=SC2086 # words
  said=$("$build/bin/factory-ca" --config /nonexistent $words --help 2>&1) && [[ $said == *"usage:"*"${words%% *}"* ]] ||
    complain "$words --help: $said"
done
for verb in 'order open --reference' 'order close --reference' 'audit verify'; do
  grep -qF "$verb" <<< "$page" || complain "factory-ca.1 does not tell $verb"
done

page=$(text_of factory-line.1)
while read -r option; do
  grep -qF -- "$option" <<< "$page" || grep -qF -- "$(tr - _ <<< "${option#--}")" <<< "$page" ||
    complain "factory-line.1 does not tell $option"
done < <("$build/bin/factory-line" --help | grep -oE '^  --[a-z0-9-]+')

for key in pki.state_dir audit.head_file front.listen; do
  grep -qF "$key" <<< "$(text_of factory-ca.yaml.5)" || complain "factory-ca.yaml.5 does not tell $key"
done
exit "$failed"
