"""The redirector and its peers before a storm of phones: a fleet with certificates, our daemon with the fleet on
record, nginx and haproxy with the same certificates. Standard library only."""
import collections
import json
import os
import subprocess
import time
import uuid

from tests.bench.rounds import BUILD, cpu_s, postmaster
from tests.lib.instance import free_ports, run
from tests.lib.redirector import PASSWORD, Redirector, read

Phone = collections.namedtuple("Phone", "mac fingerprint")


class Fleet:
    """Phones of a factory of our own, in a folder."""

    def __init__(self, folder, count, key="p256", first_mac="021565000000"):
        os.makedirs(folder, exist_ok=True)
        self.folder = folder
        run(f"{BUILD}/bin/fleet", "--folder", folder, "--count", str(count), "--key", key, "--first-mac", first_mac)
        self.root, self.issuing = f"{folder}/root.pem", f"{folder}/issuing.pem"
        self.phones = [Phone(*line.split()) for line in read(f"{folder}/fleet.txt").splitlines()]


def storm(fleet, port, *options, check=True, **more):
    """One storm; what it tells of itself, with the failures as one number."""
    words = [f"{BUILD}/bin/phonestorm", "--fleet", fleet.folder, "--port", str(port), *options]
    for name, value in more.items():
        words += ["--" + name.replace("_", "-"), str(value)]
    told = json.loads(run(*words, check=False).stdout)
    told["failed"] = sum(told[name] for name in told if name.startswith("failed_"))
    bad = told["failed"] + sum(count for status, count in told["statuses"].items() if status != "200")
    assert bad == 0 or not check, told
    return told


class Ours(Redirector):
    """Our daemon with a fleet on record, all of it claimed."""

    def __init__(self, fleet, **config):
        super().__init__(**{"workers": 1, **config})
        self.fleet = fleet

    def make_keys(self):
        super().make_keys()
        self.factory.cert = self.fleet.issuing

    def make_itsp(self, **more):
        super().make_itsp(**more)
        self.record(self.fleet.phones)

    def record(self, phones):
        model = self.model("json")
        claims = [str(uuid.uuid4()) for _ in phones]
        sealed = run(f"{BUILD}/bin/sealed", self.ring, stdin="".join(
            f"{phone.mac} {claim} {PASSWORD}\n" for phone, claim in zip(phones, claims)).encode()).stdout.decode().split()
        rows = "".join(f"{phone.mac}\t\\\\x{phone.fingerprint}\t{claim}\t\\\\x{secret}\n"
                       for phone, claim, secret in zip(phones, claims, sealed, strict=True))
        self.psql(f"""
            create temporary table fleet (mac macaddr, fingerprint bytea, claim uuid, sealed bytea);
            copy fleet from stdin;\n{rows}\\.
            insert into firstring.device (mac, serial_number, model, source)
              select mac, 'SN' || mac, '{model}', 'import' from fleet;
            insert into firstring.certificate (fingerprint, mac) select fingerprint, mac from fleet;
            insert into firstring.claim (id, mac, itsp_id, profile_id, proof, sealed_password)
              select claim, mac, '{self.itsp}', '{self.profile}', 'code', sealed from fleet;""")
        self.psql("vacuum analyze")

    def database_root(self):
        return postmaster(read(self.path("cluster/where")).strip() + "/data")

    def cpu(self):
        """(of our processes, of PostgreSQL)"""
        return cpu_s(self.process.pid), cpu_s(self.database_root())

    def settle(self):
        """Waits until what was asked is done: events written, PostgreSQL idle."""
        def written():
            return int(self.metrics()["firstring_redirector_events_written_total"])

        last = -1
        while last != written():
            last = written()
            time.sleep(0.6)

    def boots(self, *options, **more):
        """A storm, and what it cost here, events included."""
        before = self.cpu()
        told = storm(self.fleet, self.port, *options, path="/v1/bootstrap", **more)
        self.settle()
        after = self.cpu()
        return costs(told, (after[0] - before[0], after[1] - before[1]))


def costs(told, seconds):
    """The figures of a round: CPU a boot, in microseconds."""
    share = [1e6 * each / told["served"] for each in seconds]
    figures = {"cpu_us": round(sum(share), 1), "server_us": round(share[0], 1)}
    if len(share) > 1:
        figures["database_us"] = round(share[1], 1)
    return {**figures, **{name: told[name] for name in ("served", "failed", "per_s", "p50_us", "p99_us", "max_us")},
            "client_us": round(1e6 * told["client_cpu_s"] / told["served"], 1)}


class Peer:
    """Another server with the same certificates, in the folder of ours; use as a context manager."""

    def __init__(self, ours, name, workers=1):
        self.ours, self.workers = ours, workers
        self.folder = ours.path(name)
        os.makedirs(self.folder)
        (self.port,) = free_ports(1)
        self.configuration = os.path.join(self.folder, "conf")
        with open(self.configuration, "w") as file:
            file.write(self.configure())

    def __enter__(self):
        with open(os.path.join(self.folder, "log"), "w") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + 20
        while True:
            try:
                storm(self.ours.fleet, self.port, requests=2)
                return self
            except (AssertionError, ValueError) as failure:
                if time.monotonic() > end or self.process.poll() is not None:
                    self.__exit__()
                    raise AssertionError(read(os.path.join(self.folder, "log"))) from failure
                time.sleep(0.2)

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(20)

    def boots(self, *options, **more):
        before = cpu_s(self.process.pid)
        told = storm(self.ours.fleet, self.port, *options, **more)
        return costs(told, [cpu_s(self.process.pid) - before])

    def answer(self):
        """As many bytes as our answer has."""
        return '{"admin_password": "' + PASSWORD + '", "provisioning_urls": ["https://prov.itsp.example/' + "p" * 180 + '"]}\n'


class Nginx(Peer):
    """A static file per MAC. Tuned: neither tickets nor a session cache, which cost a third."""

    def configure(self):
        cert, key = self.ours.pairs[0]
        files = os.path.join(self.folder, "files")
        os.makedirs(files)
        for phone in self.ours.fleet.phones:
            with open(os.path.join(files, phone.mac.lower() + ".cfg"), "w") as file:
                file.write(self.answer())
        return f"""
            daemon off; worker_processes {self.workers}; pid {self.folder}/pid; error_log {self.folder}/error.log;
            events {{ worker_connections 16000; }}
            http {{
              access_log {self.folder}/access.log; default_type text/plain; server_tokens off;
              client_header_timeout 600; client_body_temp_path {self.folder}/body; proxy_temp_path {self.folder}/proxy;
              fastcgi_temp_path {self.folder}/fastcgi; uwsgi_temp_path {self.folder}/uwsgi;
              scgi_temp_path {self.folder}/scgi; sendfile on; open_file_cache max=10000;
              server {{
                listen 127.0.0.1:{self.port} ssl backlog=4096 reuseport; root {files};
                ssl_certificate {cert}; ssl_certificate_key {key};
                ssl_client_certificate {self.ours.fleet.root}; ssl_verify_client on; ssl_verify_depth 2;
                ssl_protocols TLSv1.2 TLSv1.3; ssl_ecdh_curve X25519:prime256v1:secp384r1;
                ssl_session_cache off; ssl_session_tickets off;
              }}
            }}\n"""

    def command(self):
        return ["nginx", "-e", f"{self.folder}/error.log", "-c", self.configuration]


class Haproxy(Peer):
    """A map from the certificate's CN to the answer."""

    def configure(self):
        cert, key = self.ours.pairs[0]
        with open(os.path.join(self.folder, "pair.pem"), "w") as file:
            os.chmod(file.name, 0o600)
            file.write(read(cert) + read(key))
        with open(os.path.join(self.folder, "map"), "w") as file:
            text = self.answer().strip().replace(" ", "")
            file.write("".join(f"{phone.mac} {text}\n" for phone in self.ours.fleet.phones))
        return f"""
global
  nbthread {self.workers}
  tune.ssl.cachesize 0
  ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets
defaults
  mode http
  timeout client 600s
  timeout connect 5s
  timeout server 5s
  timeout http-request 600s
frontend phones
  bind 127.0.0.1:{self.port} ssl crt {self.folder}/pair.pem ca-file {self.ours.fleet.root} verify required curves X25519:P-256 backlog 4096
  http-request return status 200 content-type text/plain lf-string "%[ssl_c_s_dn(CN),map({self.folder}/map)]"\n"""

    def command(self):
        return ["haproxy", "-db", "-f", self.configuration]


def bound():
    """Microseconds of the bare public-key work of a first boot."""
    return json.loads(run(f"{BUILD}/bin/bound").stdout)


