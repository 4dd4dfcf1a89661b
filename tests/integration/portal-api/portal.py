"""A portal-api of its own for tests: a throw-away PostgreSQL cluster, real TLS, the real daemon.

No factory here: phones are put on record by the admin import; a claim code is given to one by
writing its hash, which only the factory's role could do otherwise.
"""
import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request
import uuid

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path[:0] = [ROOT, os.path.dirname(os.path.abspath(__file__))]
from tests.lib.instance import Client, free_ports, run  # noqa: E402

import contract  # noqa: E402

BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build/release"))
CLUSTER = os.path.join(ROOT, "deploy/dev/cluster")
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
ITSP_SCOPES = ["claims:read", "claims:write", "claims:reveal", "profiles:write", "events:read",
               "tokens:write"]
URL = "https://prov.itsp.example/{mac}"


def claim_code():
    """A random claim code: its 13 symbols, and how it stands on a label."""
    symbols = "".join(random.choices(ALPHABET, k=13))
    total, factor = 0, 2
    for symbol in reversed(symbols):
        addend = factor * ALPHABET.index(symbol)
        total += addend // 32 + addend % 32
        factor = 3 - factor
    text = symbols + ALPHABET[-total % 32]
    return symbols, f"{text[:5]}-{text[5:10]}-{text[10:]}"


class CheckedClient(Client):
    """A client that holds every answer against the OpenAPI document."""

    def request(self, method, path, *more, **named):
        answer = super().request(method, path, *more, **named)
        contract.check(method, path, answer)
        return answer


class Portal:
    """Starts everything on entry; stops everything on exit, and shows the log if a test failed."""

    def __init__(self, durable=False, **settings):
        self.durable = durable  # a cluster that survives kill -9 without losing what it acknowledged
        self.deadline = settings.pop("database_deadline", "2s")
        self.settings = settings
        self.macs_given = 0

    def __enter__(self):
        # The cluster's server must reach its folder even when the tests run as root.
        self.folder = tempfile.mkdtemp(prefix="firstring-portal-", dir="/var/tmp")
        os.chmod(self.folder, 0o755)
        self.cluster_folder = os.path.join(self.folder, "postgres")
        self.database = self.start_cluster().stdout.decode().strip()
        run(os.path.join(ROOT, "sql/migrate"), self.database)
        self.make_keys()
        self.port, self.health_port, self.status_port = free_ports(3)
        self.configure()
        self.start()
        self.admin_token = self.bootstrap("--print-token").stdout.decode().strip()
        return self

    def __exit__(self, kind, value, trace):
        self.stop()
        run(CLUSTER, "stop", self.cluster_folder)
        if kind is not None:
            self.dump_log()
        shutil.rmtree(self.folder)

    def start_cluster(self, check=True):
        words = [] if self.durable else ["--throwaway"]
        return run(CLUSTER, "start", self.cluster_folder, *words, check=check)

    def path(self, name):
        return os.path.join(self.folder, name)

    def make_keys(self):
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", self.path("server.key"), "-out", self.path("server.pem"), "-subj", "/CN=localhost",
            "-days", "2", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
        with open(self.path("seal.ring"), "w") as file:
            file.write(f"1 {os.urandom(32).hex()}\n")
        os.chmod(self.path("seal.ring"), 0o600)
        os.chmod(self.path("server.key"), 0o600)

    def configure(self, **more):
        self.settings.update(more)
        socket = run(CLUSTER, "socket", self.cluster_folder).stdout.decode().strip()
        lines = {
            "listen": f'"127.0.0.1:{self.port}"',
            "health": f'"127.0.0.1:{self.health_port}"',
            "key_pairs": f"\n  - certificate: {self.path('server.pem')}\n    key: {self.path('server.key')}",
            "seal_ring": self.path("seal.ring"),
            "formats": os.path.join(ROOT, "redirector/formats"),
            "database": f"\n  tenant: host={socket} dbname=firstring user=firstring_portal"
                        f"\n  admin: host={socket} dbname=firstring user=firstring_admin"
                        f"\n  status: host={socket} dbname=firstring user=firstring_status"
                        f"\n  courier: host={socket} dbname=firstring user=firstring_courier"
                        f"\n  deadline: {self.deadline}",
            "streams": "\n  life: 1s",  # so that a test that asks for everything goes on
            "status": f"\n  enabled: true\n  listen: \"127.0.0.1:{self.status_port}\"",
        }
        lines.update(self.settings)
        with open(self.path("portal-api.yaml"), "w") as file:
            file.write("".join(f"{key}: {value}\n" for key, value in lines.items()))

    def start(self):
        with open(self.path("log"), "a") as log:
            self.process = subprocess.Popen(
                [os.path.join(BUILD, "bin/portal-api"), "--config", self.path("portal-api.yaml")], stderr=log)
        self.wait_ready()

    def readyz(self):
        """(status, text); None when nobody listens."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.health_port}/readyz", timeout=2) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return None

    def is_ready(self):
        return (self.readyz() or (0, ""))[0] == 200

    def wait_ready(self, seconds=20):
        deadline = time.monotonic() + seconds
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.dump_log()
                raise AssertionError("portal-api does not become ready")
            time.sleep(0.05)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def dump_log(self):
        with open(self.path("log"), errors="replace") as file:
            sys.stderr.write("".join(file.readlines()[-60:]))

    def log(self):
        with open(self.path("log"), errors="replace") as file:
            return [json.loads(line) for line in file]

    def command(self, *words):
        return run(os.path.join(BUILD, "bin/portal-api"), "--config", self.path("portal-api.yaml"), *words,
                   check=False)

    def bootstrap(self, *words):
        return self.command("bootstrap-admin", *words)

    def psql(self, statement):
        return run("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", self.database, "-c",
                   statement).stdout.decode().strip()

    @contextlib.contextmanager
    def jobs_stopped(self):
        """Meanwhile no claim job is taken or goes on."""
        worker = [line["worker"] for line in self.log() if line["event"] == "worker_started" and line["kind"] == "jobs"][-1]
        os.kill(worker, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(worker, signal.SIGCONT)

    @contextlib.contextmanager
    def locked_phone(self, mac):
        """Meanwhile nobody else can change the phone."""
        session = subprocess.Popen(["psql", "-XAtq", "-d", self.database], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            session.stdin.write(f"begin; select 'locked' from firstring.device where mac = '{mac}' for update;\n")
            session.stdin.flush()
            assert session.stdout.readline() == "locked\n"
            yield
        finally:
            session.communicate("rollback;\n", timeout=30)

    def metric(self, name):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.health_port}/metrics", timeout=5) as answer:
            for line in answer.read().decode().splitlines():
                if line.startswith(name + " "):
                    return float(line.split()[-1])
        return 0.0

    # --- people ---

    def client(self, token=None):
        return CheckedClient(f"https://localhost:{self.port}", self.path("server.pem"), token=token)

    @property
    def admin(self):
        return self.client(self.admin_token)

    def itsp(self, name=None, scopes=ITSP_SCOPES, domains=("itsp.example",)):
        """A new ITSP with one token; its client, which knows its `itsp_id`."""
        name = name or f"ITSP {os.urandom(4).hex()}"
        itsp = self.admin.ok("POST", "/v1/admin/itsps", {"name": name})["id"]
        for domain in domains:
            self.admin.ok("POST", f"/v1/admin/itsps/{itsp}/domains", {"domain": domain})
        client = self.client(self.token(itsp, scopes))
        client.itsp_id = itsp
        return client

    def token(self, itsp, scopes, **more):
        return self.admin.ok("POST", f"/v1/admin/itsps/{itsp}/tokens", {
            "name": os.urandom(4).hex(), "scopes": list(scopes), **more})["token"]

    def job_elsewhere(self, itsp, rows=1):
        """A claim job that runs at a worker which is not ours, for as long as a test may last; its id."""
        job = str(uuid.uuid4())
        self.psql("insert into firstring.claim_job (id, itsp_id, state, dry_run, atomic, actor_kind, actor_id, total, worker, lease_until) "
                  f"values ('{job}', '{itsp.itsp_id}', 'running', false, false, 'token', 'T', {rows}, 'elsewhere', now() + interval '1 hour');"
                  "insert into firstring.claim_job_row (job_id, line, mac, claim_code, profile) "
                  f"select '{job}', n, 'nonsense', 'CODE', 'p' from generate_series(1, {rows}) n")
        return job

    def profile(self, itsp, url=URL, **more):
        return itsp.ok("POST", "/v1/profiles", {
            "name": os.urandom(4).hex(), "provisioning_url": url, **more})["id"]

    # --- phones ---

    def model(self, format_name="json", authentication="certificate", **more):
        name = f"model-{os.urandom(4).hex()}"
        self.admin.ok("POST", "/v1/admin/models", {
            "name": name, "format": format_name, "key_types": ["p256"], "authentication": authentication,
            **more})
        return name

    def next_mac(self):
        self.macs_given += 1
        return f"001565{self.macs_given:06X}"

    def import_rows(self, rows):
        body = "mac,serial_number,model,fingerprint\n" + "".join(",".join(row) + "\n" for row in rows)
        return self.admin.request("POST", "/v1/admin/devices:import", body.encode(), content_type="text/csv")

    def phone(self, model, ship_to=None):
        """A phone on record; its MAC. With a claim code unless it is shipped."""
        return self.phones(model, 1, ship_to)[0]

    def phones(self, model, count, ship_to=None):
        macs = [self.next_mac() for _ in range(count)]
        answer = self.import_rows([(mac, f"SN{mac}", model, hashlib.sha256(mac.encode()).hexdigest())
                                   for mac in macs])
        assert answer.status == 201, answer
        if ship_to:
            self.admin.ok("POST", "/v1/admin/shipments", {"itsp_id": ship_to.itsp_id, "macs": macs})
        return macs

    def phone_event(self, mac, kind, version="null"):
        """What the redirector writes when a phone came."""
        self.psql(
            f"set role firstring_redirector; select * from firstring.events_insert(array[now()], array['{uuid.uuid4()}'::uuid], "
            f"array['{mac}'::macaddr], array['{kind}'], array[null::uuid], array[{version}::bigint], "
            "array['192.0.2.7'], array['{\"format\": \"json\"}'])")

    def label(self, mac):
        """Gives the phone a claim code, as the factory would; the label's text."""
        symbols, text = claim_code()
        self.psql("update firstring.device set claim_code_hash = "
                  f"firstring.claim_code_hash(mac, claim_code_epoch, '{symbols}') where mac = '{mac}'")
        return text


class Case(unittest.TestCase):
    """A test case on one Portal for its class, with words for what is expected."""
    settings = {}

    @classmethod
    def setUpClass(cls):
        cls.portal = Portal(**cls.settings)
        cls.portal.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.portal.__exit__(None, None, None)

    def run(self, result=None):
        before = len(result.errors) + len(result.failures)
        super().run(result)
        if len(result.errors) + len(result.failures) > before and not result.wasSuccessful():
            self.portal.dump_log()
        return result

    def assertProblem(self, answer, status, code, field=None):
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.headers["Content-Type"], "application/problem+json", answer)
        document = answer.json()
        self.assertEqual((document["status"], document["code"]), (status, code), document)
        for name in ("type", "title", "detail"):
            self.assertTrue(document[name])
        if field:
            self.assertIn(field, [error["field"] for error in document["errors"]], document)
            for error in document["errors"]:
                self.assertEqual(sorted(error), ["code", "detail", "field"])
        return document
