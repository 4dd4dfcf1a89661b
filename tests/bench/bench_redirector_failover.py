#!/usr/bin/env python3
"""First boots while the primary is killed and its standby promoted: none may fail, and every delivery must be written
down once."""
import json
import os
import subprocess
import tempfile
import time

from tests.bench.rounds import BUILD, Bench, size
from tests.bench.storm import Fleet, Ours
from tests.lib.redirector import eventually
from tests.lib.standby import Standby

SECONDS = size("FAILOVER_SECONDS", 12)


class Pair(Ours):
    """Our daemon with a standby of the fleet's database."""

    standby = None

    def write_config(self, **more):
        os.makedirs(self.path("spool"), exist_ok=True)
        if self.standby is None:
            self.standby = Standby(self.cluster("socket").strip()).__enter__()
        super().write_config(event_spool=self.path("spool"), **more)

    def databases(self):
        return [self.conninfo, self.standby.conninfo()]

    def __exit__(self, *failure):
        super().__exit__(*failure)
        if self.standby is not None:
            self.standby.__exit__(*failure)


def round_of(fleet, rate):
    with Pair(fleet) as ours:
        ours.standby.caught_up(ours.psql)
        storm = subprocess.Popen([f"{BUILD}/bin/phonestorm", "--fleet", fleet.folder, "--port", str(ours.port), "--rate",
                                  str(rate), "--requests", str(rate * SECONDS), "--path", "/v1/bootstrap"],
                                 stdout=subprocess.PIPE)
        time.sleep(SECONDS / 3)
        ours.crash()
        time.sleep(SECONDS / 6)
        begun = time.monotonic()
        ours.standby.promote()
        promoted_s = time.monotonic() - begun
        told = json.loads(storm.communicate()[0])
        failed = told["requests"] - told["statuses"].get("200", 0)

        def delivered():
            return int(ours.standby.psql(
                "select count(*) from firstring.device_event where kind = 'delivered'"))

        eventually(lambda: delivered() >= told["requests"] - failed, 60, "deliveries are missing")
        eventually(lambda: os.listdir(ours.path("spool")) == [], 60, "the spool is not written")
        return {"boots": told["requests"], "failed": failed, "written": delivered(), "p50_us": told["p50_us"],
                "p99_us": told["p99_us"], "max_us": told["max_us"], "promotion_s": round(promoted_s, 2)}


def main():
    bench = Bench(__file__, "The primary killed, the standby promoted")
    with tempfile.TemporaryDirectory(prefix="firstring-fleet-", dir="/var/tmp") as folder:
        fleet = Fleet(folder, 1000)
        bench.rounds({"ours": lambda: round_of(fleet, size("FAILOVER_RATE", 200))}, min(3, size("ROUNDS", 3)))
        bench.goal("S7", sum(bench.figures("ours", "failed")))
        lost = sum(boots - failed - written for boots, failed, written in zip(
            *(bench.figures("ours", name) for name in ("boots", "failed", "written")), strict=True))
        bench.note(f"deliveries that were answered and are not written, or written twice: {lost}")
    bench.finish()


main()
