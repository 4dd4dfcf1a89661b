#!/usr/bin/env python3
"""How fast the signer issues with its keys in a PKCS#11 token (SoftHSM), against sealed files: the same requests over
the same socket, proof of possession, ledger, lint, self-verify and claim codes on both sides."""
import json
import os
import subprocess

from tests.bench.rounds import Bench, Spread, size
from tests.lib.instance import BUILD

PHONES = size("KEYSTORE_PHONES", 10_000)
GOAL = 0.5

done = subprocess.run([os.path.join(BUILD, "bin/keystores"), str(PHONES)], stdout=subprocess.PIPE, text=True, check=True,
                      env={**os.environ, "BUILD": os.path.relpath(BUILD)})
rounds = [json.loads(line) for line in done.stdout.splitlines()]
bench = Bench(__file__, "Key stores")
rates = {side: [line["certificates_per_s"] for line in rounds if line["side"] == side] for side in ("files", "token")}
ratios = Spread([token / files for token, files in zip(rates["token"], rates["files"], strict=True)])
bench.note(f"token / files {ratios}, wanted at least {GOAL}: {'reached' if ratios.median >= GOAL else 'missed'}")
bench.note(f"certificates a second: files {Spread(rates['files'])}, token {Spread(rates['token'])}; {PHONES} a round, "
           f"one signer, one thread")
bench.finish()
