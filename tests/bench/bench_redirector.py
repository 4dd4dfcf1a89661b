#!/usr/bin/env python3
"""First boots, the redirector against nginx and haproxy: mutual TLS 1.3 with a P-256 key, a certificate of its own and
its issuer's from each phone, one small GET, close. Ours looks the phone up in PostgreSQL, opens its password, renders
its file, logs and records the contact; nginx serves a static file per MAC, haproxy an entry of a map. One worker each,
the client on the same cores; PostgreSQL's and the events' CPU counts as ours."""
import tempfile

from tests.bench.rounds import Bench, Spread, size
from tests.bench.storm import Fleet, Haproxy, Nginx, Ours, bound

PHONES = size("PHONES", 2000)
BOOTS = size("BOOTS", 4000)


def main():
    bench = Bench(__file__, "First boots")
    with tempfile.TemporaryDirectory(prefix="firstring-fleet-", dir="/var/tmp") as folder, \
            Ours(Fleet(folder, PHONES)) as ours, Nginx(ours, "nginx") as nginx, Haproxy(ours, "haproxy") as haproxy:
        for side in (ours, nginx, haproxy):
            side.boots(requests=300)
        bench.rounds({"ours": lambda: ours.boots(requests=BOOTS), "bound": bound,
                      "nginx": lambda: nginx.boots(requests=BOOTS),
                      "haproxy": lambda: haproxy.boots(requests=BOOTS)})
        bench.rounds({"ours": lambda: ours.boots("--leaf-only", requests=BOOTS)}, 2, phase="phones send their leaf only")
        bench.rounds({"ours": lambda: ours.boots(requests=BOOTS, tls="1.2"),
                      "nginx": lambda: nginx.boots(requests=BOOTS, tls="1.2")}, 2, phase="TLS 1.2")
        bench.goal("S1", bench.ratios("cpu_us", "ours", "nginx"))
        shares = zip(bench.figures("ours", "server_us"), bench.figures("bound", "lb3_us"), strict=True)
        bench.goal("S2", Spread([ours_us / bound_us for ours_us, bound_us in shares]))
        bench.goal("S3", bench.ratios("p99_us", "ours", "nginx"))
        bench.note(f"{BOOTS} boots a round, 64 at once, {PHONES} phones on record")
        bench.note(f"against haproxy: {bench.ratios('cpu_us', 'ours', 'haproxy')} of its CPU per boot")
        bench.note(f"TLS 1.2 against nginx: {bench.ratios('cpu_us', 'ours', 'nginx', 'TLS 1.2')} of its CPU per boot")
        with Ours(ours.fleet, workers=2) as two:
            two.boots(requests=300)
            bench.rounds({"one": lambda: ours.boots(requests=BOOTS), "two": lambda: two.boots(requests=BOOTS)},
                         phase="workers")
            bench.goal("S5", bench.ratios("cpu_us", "two", "one", "workers"))
    bench.finish()


main()
