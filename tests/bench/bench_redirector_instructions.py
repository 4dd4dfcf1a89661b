#!/usr/bin/env python3
"""Instructions in user space per first boot, counted by callgrind: a figure without noise, to hold one release against
the one before it. Two runs that differ only in how many phones come; their difference is the phones'."""
import glob
import os
import re
import tempfile

from tests.bench.rounds import Bench, size
from tests.bench.storm import Fleet, Ours, storm
from tests.lib.redirector import read

FEW, MANY = size("INSTRUCTIONS_FEW", 100), size("INSTRUCTIONS_MANY", 400)


class Counted(Ours):
    """Our daemon under callgrind."""

    def command(self):
        return ["valgrind", "-q", "--tool=callgrind", "--trace-children=yes", f"--callgrind-out-file={self.folder}/out.%p",
                *super().command()]

    def instructions(self):
        """Of the process that worked most: the worker."""
        totals = []
        for path in glob.glob(self.path("out.*")):
            totals += [int(number) for number in re.findall(r"^(?:summary|totals): (\d+)", read(path), re.M)[:1]]
            os.rename(path, path.replace("/out.", "/counted."))
        return max(totals)

    def count(self, boots):
        self.start()
        told = storm(self.fleet, self.port, path="/v1/bootstrap", requests=boots, connections=16, deadline=300)
        assert told["served"] == boots, told
        self.settle()
        assert self.stop() == 0
        return self.instructions()


def main():
    bench = Bench(__file__, "Instructions of a first boot")
    with tempfile.TemporaryDirectory(prefix="firstring-fleet-", dir="/var/tmp") as folder, \
            Counted(Fleet(folder, MANY)) as ours:
        ours.stop()
        ours.instructions()
        few, many = ours.count(FEW), ours.count(MANY)
    bench.goal("S13", (many - few) / (MANY - FEW) / 1000, f"from {FEW} and {MANY} phones")
    bench.finish()


main()
