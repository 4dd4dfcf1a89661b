#!/usr/bin/env python3
"""Certificates for phones, factory-ca against `cfssl serve`. Both take P-256 CSRs, verify them and sign with a P-256 CA,
on the same cores as the client. Ours speaks mutual TLS and has everything on: possession, weak keys, the profile's lint,
verification of its own signature, a ledger with fsync before signing, a durable record in PostgreSQL (fsync on) before
the answer, claim codes, audit rows chained and signed. cfssl speaks plain HTTP and records nothing."""
import json
import os
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration", "factory-ca-front"))

from line import Line  # noqa: E402
from tests.bench.rounds import Bench, cpu_s, memory_kb, size  # noqa: E402
from tests.lib.instance import BUILD, free_ports, run  # noqa: E402
from tests.lib.redirector import eventually  # noqa: E402

ROWS = size("FACTORY_ROWS", 10000)  # of a round, in batches of 1,000
SINGLES = size("FACTORY_SINGLES", 3000)  # of a round, one request each
MEMORY_ROWS = size("FACTORY_MEMORY_ROWS", 0)  # more than 0: issues so many and looks at memory
STORM = os.path.join(BUILD, "bin/enrolstorm")


def storm(mode, *words):
    done = subprocess.run([STORM, mode, *words], stdout=subprocess.PIPE, check=False)
    figures = json.loads(done.stdout)
    assert done.returncode == 0 and figures["failed"] == 0, figures
    return figures


class Cfssl:
    """`cfssl serve` with a P-256 CA and a profile for clients, as a context manager."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="firstring-cfssl-", dir="/var/tmp")
        here = self.folder.name
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650",
            "-subj", "/O=Example Phones/CN=Peer CA", "-keyout", f"{here}/ca.key", "-out", f"{here}/ca.pem")
        with open(f"{here}/config.json", "w") as file:
            json.dump({"signing": {"default": {"expiry": "87600h", "usages": ["digital signature", "client auth"]}}}, file)
        self.port, = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = subprocess.Popen(
            ["cfssl", "serve", "-address", "127.0.0.1", "-port", str(self.port), "-ca", f"{here}/ca.pem", "-ca-key",
             f"{here}/ca.key", "-config", f"{here}/config.json", "-loglevel", "5"],
            cwd=here, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually(lambda: subprocess.run(["curl", "-s", "-o", "/dev/null", self.url], check=False).returncode == 0, 20)
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        self.folder.cleanup()

    def sign(self, rows, connections):
        before = cpu_s(self.process.pid)
        figures = storm("cfssl", "--url", self.url, "--rows", rows, "--connections", str(connections))
        return told(figures, cpu_s(self.process.pid) - before)


class Ours:
    """A factory, and rows that are new in each round."""

    def __init__(self, line):
        self.line = line
        self.roots = line.process.pid, line.postmaster()
        self.identity = ["--url", f"https://localhost:{line.port}", "--ca", line.path("server-ca.pem"), "--cert",
                         line.station_cert, "--key", line.station_key]

    def order(self, count):
        macs = self.line.macs(count)
        return self.line.order(macs), self.rows(macs)

    def rows(self, macs):
        """CSRs of new keys, made before the clock starts."""
        path = self.line.path(f"rows-{macs[0]}.ndjson")
        with open(path, "w") as file:
            subprocess.run([os.path.join(BUILD, "bin/csrs"), "--first-mac", macs[0], "--count", str(len(macs))],
                           stdout=file, check=True)
        return path

    def sign(self, mode, count, connections, *words):
        order, rows = self.order(count)
        before = cpu_s(*self.roots)
        figures = storm(mode, *self.identity, "--rows", rows, "--order", order, "--connections", str(connections), *words)
        os.unlink(rows)
        assert figures["done"] == count, figures
        return told(figures, cpu_s(*self.roots) - before)


def told(figures, cpu):
    return {"certificates_per_s": figures["done"] / figures["seconds"], "cpu_us": 1e6 * cpu / figures["done"],
            "p50_us": figures["p50_us"], "p99_us": figures["p99_us"]}


def memory(bench, ours):
    """Issues many certificates and looks at memory on the way."""
    step = max(MEMORY_ROWS // 10, 1000)
    seen = []
    for _ in range(0, MEMORY_ROWS, step):
        figures = ours.sign("batch", step, 2)
        seen.append(memory_kb(ours.line.process.pid) // 1024)
        print(json.dumps({"bench": bench.name, "phase": "memory", "issued": (len(seen)) * step, "memory_mb": seen[-1],
                          "certificates_per_s": figures["certificates_per_s"]}), flush=True)
    bench.note(f"memory of signer and front over {len(seen) * step:,} certificates, after each tenth: "
               f"{', '.join(map(str, seen))} MiB (the signer holds an open order's phones in memory)")


def main():
    bench = Bench(__file__, "Certificates for phones")
    with Line() as line, Cfssl() as cfssl:
        ours = Ours(line)
        _, rows = ours.order(max(ROWS, SINGLES))
        ours.sign("batch", 2000, 2)
        cfssl.sign(rows_head(rows, line, 2000), 4)
        many, few = rows_head(rows, line, ROWS), rows_head(rows, line, SINGLES)
        bench.rounds({"ours": lambda: ours.sign("batch", ROWS, 2, "--batch", "1000"),
                      "cfssl": lambda: cfssl.sign(many, 4)}, phase="batches")
        bench.goal("S9", bench.ratios("certificates_per_s", "ours", "cfssl", "batches"))
        bench.goal("S9b", bench.ratios("cpu_us", "ours", "cfssl", "batches"))
        bench.rounds({"ours": lambda: ours.sign("est", SINGLES, 32),
                      "cfssl": lambda: cfssl.sign(few, 32)}, phase="single")
        bench.goal("S10", bench.ratios("certificates_per_s", "ours", "cfssl", "single"))
        bench.note(f"batches: {ROWS} CSRs a round, 1,000 a request on 2 connections, one request each on 4 for cfssl;"
                   f" single: {SINGLES} on 32 kept connections, by EST and by cfssl's API")
        if MEMORY_ROWS:
            memory(bench, ours)
        status = line.factory_ca("audit", "verify", check=False, operator=False)
        bench.note("audit verify afterwards: " + status.stdout.decode().strip().splitlines()[-1])
    bench.finish()


def rows_head(rows, line, count):
    """The first rows, in a file of their own."""
    path = line.path(f"rows-{count}.ndjson")
    with open(rows) as file, open(path, "w") as head:
        for _, text in zip(range(count), file):
            head.write(text)
    return path


main()
