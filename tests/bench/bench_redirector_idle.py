#!/usr/bin/env python3
"""Memory of a connection that is idle after its handshake, the redirector against nginx: thousands are opened, each with
a certificate of its own, and held. What counts is the server's own memory (proportional set) with them and without."""
import json
import subprocess
import tempfile
import time

from tests.bench.rounds import BUILD, Bench, memory_kb, size
from tests.bench.storm import Fleet, Nginx, Ours

HELD = size("IDLE", 4000)


def hold(fleet, port, server):
    """Bytes a connection, once the server is done with all handshakes."""
    before = memory_kb(server)
    storm = subprocess.Popen([f"{BUILD}/bin/phonestorm", "--hold", "--fleet", fleet.folder, "--port", str(port),
                              "--requests", str(HELD)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    told = json.loads(storm.stdout.readline())
    time.sleep(1)
    grown = memory_kb(server) - before
    storm.communicate()
    assert told["served"] == HELD, told
    return {"bytes": round(1024 * grown / HELD), "held": HELD}


def main():
    bench = Bench(__file__, "Idle connections")
    with tempfile.TemporaryDirectory(prefix="firstring-fleet-", dir="/var/tmp") as folder:
        fleet = Fleet(folder, 500)
        # The first connections of a process make room that later ones find: every round has new processes.

        def ours():
            with Ours(fleet, limits={"idle": "10m", "head": "60s"}) as daemon:
                daemon.boots(requests=200)
                return hold(fleet, daemon.port, daemon.process.pid)

        def nginx():
            with Ours(fleet) as daemon, Nginx(daemon, "nginx") as peer:
                peer.boots(requests=200)
                return hold(fleet, peer.port, peer.process.pid)

        bench.rounds({"ours": ours, "nginx": nginx}, min(3, size("ROUNDS", 3)))
        bench.goal("S4", bench.ratios("bytes", "ours", "nginx"))
        bench.note(f"{HELD} connections held")
    bench.finish()


main()
