#!/usr/bin/env python3
"""Thousands of phones switched on within a second behind one address, as after a power cut: all are served, by two
workers on the cores that the phones' own cryptography runs on too. The goal holds the time against the CPU that the
handshakes cost on both ends, spread over the cores."""
import os
import tempfile

from tests.bench.rounds import Bench, size
from tests.bench.storm import Fleet, Ours, costs, storm

PHONES = size("STORM", 5000)


def main():
    bench = Bench(__file__, "A storm of phones behind one address")
    with tempfile.TemporaryDirectory(prefix="firstring-fleet-", dir="/var/tmp") as folder, \
            Ours(Fleet(folder, PHONES)) as ours:
        ours.stop()
        # Five thousand phones are one process here, with a part of two cores: it is slow to answer, as no phone is.
        ours.write_config(workers=2, abuse={"exempt": []}, limits={"handshake": "60s", "request": "60s"})
        ours.start()

        def round_of():
            before = ours.cpu()
            told = storm(ours.fleet, ours.port, rate=PHONES, requests=PHONES, path="/v1/bootstrap", deadline=60,
                         check=False)
            ours.settle()
            after = ours.cpu()
            figures = costs(told, (after[0] - before[0], after[1] - before[1]))
            boot_us = figures["cpu_us"] + figures["client_us"]
            floor_s = PHONES * boot_us / 1e6 / len(os.sched_getaffinity(0))
            other = told["failed"] + sum(count for status, count in told["statuses"].items()
                                         if status not in ("200", "503"))
            return {**figures, "seconds": told["seconds"], "most_open": told["most_open"], "errors": other,
                    "later": told["statuses"].get("503", 0), "of_floor": round(told["seconds"] / floor_s, 3)}

        bench.rounds({"ours": round_of}, min(3, size("ROUNDS", 3)))
        bench.goal("S8", max(bench.figures("ours", "of_floor")),
                   f"{sum(bench.figures('ours', 'errors'))} errors, {sum(bench.figures('ours', 'later'))} told to come later, "
                   f"of {PHONES} phones a round")
    bench.finish()


main()
