#!/usr/bin/env python3
"""What it costs to start the signer with the ledger of a long life: ten million phones of a thousand orders, one of
them open. The reading is held against sha256sum over the same file: every byte has to be hashed in any case."""
import json
import os
import subprocess
import tempfile
import time

from tests.bench.rounds import Bench, size
from tests.lib.instance import BUILD

RECORDS = size("LEDGER_RECORDS", 10_000_000)
ORDERS = size("LEDGER_ORDERS", 1000)
ROUNDS = size("ROUNDS", 3)

with tempfile.TemporaryDirectory(prefix="firstring-ledger-", dir="/var/tmp") as folder:
    done = subprocess.run([os.path.join(BUILD, "bin/ledgerfill"), folder, str(RECORDS), str(ORDERS), str(ROUNDS)],
                          stdout=subprocess.PIPE, text=True, check=True)
    filled, *starts = [json.loads(line) for line in done.stdout.splitlines()]
    begin = time.monotonic()
    subprocess.run(["sha256sum", os.path.join(folder, "ledger")], stdout=subprocess.DEVNULL, check=True)
    hashed_s = time.monotonic() - begin
    size_mb = os.path.getsize(os.path.join(folder, "ledger")) / 1e6

bench = Bench(__file__, "Starting with a large ledger")
times = sorted(start["start_s"] for start in starts)
bench.note(f"{RECORDS:,} records of {ORDERS:,} orders, {size_mb:,.0f} MB; start {times[0]} to {times[-1]} s, "
           f"sha256sum of the file {hashed_s:.2f} s")
bench.note(f"memory after the start {starts[-1]['resident_kib'] / 1024:.0f} MiB; filled in {filled['filled_s']} s, "
           f"{filled['resident_kib'] / 1024:.0f} MiB then")
bench.finish()
