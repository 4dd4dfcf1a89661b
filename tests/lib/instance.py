"""A Firstring instance for end-to-end tests, and the people and phones that talk to it.

The instance is the one of `make up`, in a folder and on ports of its own; tests know of it only what
var/env.sh tells any client. Standard library only; `openssl` makes keys and CSRs.
"""
import base64
import contextlib
import http.client
import json
import os
import random
import shlex
import socket
import ssl
import subprocess
import tempfile
import urllib.parse

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build/release"))


def run(*words, stdin=None, check=True):
    """Runs a program; its output on failure is in the exception's text."""
    done = subprocess.run(words, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if check and done.returncode != 0:
        raise AssertionError(f"{shlex.join(words)} exited {done.returncode}:\n"
                             f"{done.stdout.decode()}{done.stderr.decode()}")
    return done


def free_ports(count):
    """Ports that nobody listens on now, below those that the kernel hands out to clients: one of these would be
    taken by a connection of another test before it is used."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            while True:
                with contextlib.suppress(OSError):
                    each.bind(("127.0.0.1", random.randrange(10240, 32000)))
                    break
        return [each.getsockname()[1] for each in sockets]


class Answer:
    """One HTTP answer, read whole."""

    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    def json(self):
        return json.loads(self.body)

    def rows(self):
        return [json.loads(line) for line in self.body.splitlines()]

    def same_bytes(self):
        """What "the same bytes" compares: status, headers but for Date, body."""
        return self.status, sorted((k, v) for k, v in self.headers.items() if k != "Date"), self.body

    def __repr__(self):
        return f"{self.status} {self.body[:400]!r}"


class Client:
    """Somebody who speaks https to one of the daemons; one connection a request."""

    def __init__(self, url, server_ca, cert=None, key=None, token=None, tls=None):
        self.url = urllib.parse.urlsplit(url)
        self.token = token
        self.source = None  # an address of ours to ask from
        self.context = ssl.create_default_context(cafile=server_ca)
        if cert:
            self.context.load_cert_chain(cert, key)
        if tls:
            self.context.minimum_version = self.context.maximum_version = tls

    def request(self, method, path, body=None, content_type=None, headers=None, timeout=60):
        headers = dict(headers or {})
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if isinstance(body, (dict, list)):
            body, content_type = json.dumps(body).encode(), content_type or "application/json"
        if content_type:
            headers["Content-Type"] = content_type
        connection = http.client.HTTPSConnection(
            self.url.hostname, self.url.port, context=self.context, timeout=timeout,
            source_address=self.source and (self.source, 0))
        try:
            connection.request(method, path, body=body, headers=headers)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def ok(self, method, path, body=None, status=(200, 201, 202, 204), **more):
        """The same, and the answer must be a success; returns its document."""
        answer = self.request(method, path, body, **more)
        assert answer.status in status, f"{method} {path}: {answer!r}"
        return answer.json() if answer.body else None


class Phone:
    """A phone with a key of its own; gets its certificate from the factory and then boots."""

    def __init__(self, instance, mac, serial, key_type="p256"):
        self.instance, self.mac, self.serial = instance, mac, serial
        folder = os.path.join(instance.scratch, f"{mac}-{serial}-{key_type}")
        os.makedirs(folder, exist_ok=True)
        self.key, self.cert = os.path.join(folder, "key.pem"), os.path.join(folder, "cert.pem")
        if not os.path.exists(self.key):
            kind = {"p256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
                    "p384": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
                    "rsa2048": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
                    "rsa3072": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"]}[key_type]
            run("openssl", "genpkey", *kind, "-out", self.key)

    def csr(self, *more):
        return run("openssl", "req", "-new", "-key", self.key, "-subj",
                   f"/serialNumber={self.serial}/CN={self.mac}", *more).stdout.decode()

    def row(self):
        return {"mac": self.mac, "serial_number": self.serial, "csr": self.csr()}

    def take(self, answer_row):
        """Keeps the certificate and claim code of a batch row, with the chain for the handshake."""
        self.certificate, self.claim_code = answer_row["certificate"], answer_row["claim_code"]
        with open(self.cert, "w") as file, open(self.instance.env["FIRSTRING_DEVICE_CA"]) as chain:
            file.write(self.certificate + chain.read())
        return self

    def client(self, tls=None):
        env = self.instance.env
        return Client(env["FIRSTRING_REDIRECTOR_URL"], env["FIRSTRING_SERVER_CA"], self.cert, self.key,
                      tls=tls)

    def boot(self, path, user_agent="test", tls=None, method="GET"):
        return self.client(tls).request(method, path, headers={"User-Agent": user_agent})


class Instance:
    """Starts `make up`'s instance in a folder of its own; use as a context manager."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="firstring-e2e-", dir="/var/tmp")
        self.var = os.path.join(self.folder.name, "var")
        self.scratch = os.path.join(self.folder.name, "scratch")
        os.chmod(self.folder.name, 0o755)
        os.makedirs(self.scratch)
        self.next_mac = 0x001565000000
        self.orders = 0

    def __enter__(self):
        names = ("REDIRECTOR", "PORTAL", "FACTORY", "REDIRECTOR_HEALTH", "PORTAL_HEALTH",
                 "FACTORY_HEALTH", "STATUS")
        ports = {f"FIRSTRING_{name}_PORT": str(port)
                 for name, port in zip(names, free_ports(len(names)))}
        self.settings = dict(os.environ, FIRSTRING_VAR=self.var, **ports)
        self.up()
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None:
            self.dump_logs()
        self.down()
        self.folder.cleanup()

    def up(self):
        done = subprocess.run([os.path.join(ROOT, "deploy/dev/up")], env=self.settings,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert done.returncode == 0, done.stdout.decode()
        text = run("bash", "-c", "set -a; . \"$1\"; env -0", "bash",
                   os.path.join(self.var, "env.sh")).stdout
        self.env = dict(line.split("=", 1) for line in text.decode().split("\0") if "=" in line)

    def down(self):
        subprocess.run([os.path.join(ROOT, "deploy/dev/down")], env=self.settings, check=True,
                       stdout=subprocess.DEVNULL)

    def dump_logs(self):
        folder = os.path.join(self.var, "log")
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            with open(os.path.join(folder, name), errors="replace") as file:
                print(f"--- {name}\n" + "".join(file.readlines()[-40:]))

    def _portal(self, token):
        return Client(self.env["FIRSTRING_PORTAL_URL"], self.env["FIRSTRING_SERVER_CA"], token=token)

    @property
    def admin(self):
        return self._portal(self.env["FIRSTRING_ADMIN_TOKEN"])

    @property
    def itsp(self):
        return self._portal(self.env["FIRSTRING_ITSP_TOKEN"])

    @property
    def station(self):
        return Client(self.env["FIRSTRING_FACTORY_URL"], self.env["FIRSTRING_SERVER_CA"],
                      self.env["FIRSTRING_STATION_CERT"], self.env["FIRSTRING_STATION_KEY"])

    def factory_ca(self, *words, check=True):
        return run(*shlex.split(self.env["FIRSTRING_FACTORY_CA"]), *words, check=check)

    def psql(self, statement):
        return run("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", self.env["FIRSTRING_DATABASE_URL"],
                   "-c", statement).stdout.decode().strip()

    def postgres_folder(self):
        return self.psql("show data_directory")

    def parent(self, daemon):
        """The process id of a daemon's parent."""
        with open(os.path.join(self.var, "run", f"{daemon}.pid")) as file:
            return int(file.read())

    def log(self, daemon):
        with open(os.path.join(self.var, "log", f"{daemon}.log"), errors="replace") as file:
            return [json.loads(line) for line in file]

    def macs(self, count):
        """MACs that no other test of this instance uses, as a list in order."""
        first, self.next_mac = self.next_mac, self.next_mac + count
        return [f"{number:012X}" for number in range(first, first + count)]

    def model(self, name, format_name, key_types=("p256", "rsa2048"), **more):
        answer = self.admin.request("POST", "/v1/admin/models", {
            "name": name, "format": format_name, "key_types": list(key_types),
            "authentication": "certificate", **more})
        assert answer.status in (200, 201), answer
        return name

    def order(self, model, macs, *more):
        """Opens an order for these consecutive MACs; returns its reference."""
        self.orders += 1
        reference = f"E2E-{os.getpid()}-{self.orders}"
        self.factory_ca("order", "open", "--reference", reference, "--model", model,
                        "--first-mac", macs[0], "--quantity", str(len(macs)), "--station", "any", *more)
        return reference

    def batch(self, order, rows, timeout=120):
        body = "".join(json.dumps(row) + "\n" for row in rows).encode()
        return self.station.request("POST", f"/v1/orders/{order}/certificates", body,
                                    content_type="application/x-ndjson", timeout=timeout)

    def issue(self, order, phones):
        """Gets a certificate for each phone."""
        answer = self.batch(order, [phone.row() for phone in phones])
        assert answer.status == 200, answer
        for phone, row in zip(phones, answer.rows(), strict=True):
            assert row["status"] in ("issued", "existing"), row
            phone.take(row)
        return phones

    def new_itsp(self, name, domain="itsp.example"):
        """Another ITSP with every scope; returns its client."""
        itsp = self.admin.ok("POST", "/v1/admin/itsps", {"name": name})["id"]
        self.admin.ok("POST", f"/v1/admin/itsps/{itsp}/domains", {"domain": domain})
        token = self.admin.ok("POST", f"/v1/admin/itsps/{itsp}/tokens", {
            "name": "test", "scopes": ["claims:read", "claims:write", "claims:reveal",
                                       "profiles:write", "events:read", "tokens:write"]})["token"]
        client = self._portal(token)
        client.itsp_id = itsp
        return client

    def profile(self, itsp, name, url="https://prov.itsp.example/{mac}", **more):
        return itsp.ok("POST", "/v1/profiles", {"name": name, "provisioning_url": url, **more})["id"]

    def claim(self, itsp, phone, profile, **more):
        return itsp.ok("PUT", f"/v1/claims/{phone.mac}",
                       {"claim_code": phone.claim_code, "profile_id": profile, **more})


def der_of(pem):
    body = "".join(line for line in pem.splitlines() if not line.startswith("-----"))
    return base64.b64decode(body)
