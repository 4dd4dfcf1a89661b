"""A factory for tests: its own PostgreSQL cluster, CA, signer and front, and the people around it.

Only factory-ca runs, under `factory-ca serve`; the model is put in by SQL. Everything lives in a
folder of its own, on ports of its own, and goes away at the end; logs are shown when a test failed.
"""
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.insert(0, ROOT)

from tests.lib.instance import BUILD, Client, free_ports, run  # noqa: E402

PROGRAM = os.path.join(BUILD, "bin/factory-ca")
CSRS = os.path.join(BUILD, "bin/csrs")
CLUSTER = os.path.join(ROOT, "deploy/dev/cluster")

X509_V_FLAG_PARTIAL_CHAIN = 0x80000

CONFIGURATION = """\
pki:
  state_dir: {var}/state
  published_dir: {var}/published
  passphrase_file: {var}/passphrase
  organisation: Example Phones
  oid_arc: 1.3.6.1.4.1.32473
  crl_base_url: http://pki.example/crl
  aia_base_url: http://pki.example/ca
  ocsp_public_key: {var}/ocsp.pub
signer:
  socket: {var}/signer.socket
database:
  conninfo: "host={socket} dbname=firstring user=firstring_factory"
front:
  listen: "127.0.0.1:{port}"
  health_listen: "127.0.0.1:{health_port}"
  workers: 2
  certificate: {var}/server.pem
  key: {var}/server.key
  drain: 10s
  url: https://localhost:{port}
  server_ca: {var}/server-ca.pem
audit:
  head_file: {var}/audit-heads
  head_interval: 1s
  conninfo: "host={socket} dbname=firstring user=firstring_auditor"
"""


class Line:
    """Use as a context manager, or start() and stop()."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="firstring-line-", dir="/var/tmp")
        self.var = self.folder.name
        os.chmod(self.var, 0o755)
        self.port, self.health_port = free_ports(2)
        self.config = os.path.join(self.var, "factory-ca.yaml")
        self.log_path = os.path.join(self.var, "factory-ca.log")
        self.process = None
        self.environment = {}
        self.next_mac = 0x001565000000
        self.orders = 0

    # --- the daemons ---------------------------------------------------------------------------

    def start(self):
        self.start_postgres()
        self.database = run(CLUSTER, "url", self.path("postgres")).stdout.decode().strip()
        run(os.path.join(ROOT, "sql/migrate"), self.database)
        self.make_server_certificate()
        self.make_ocsp_key()
        self.write_configuration()
        run(PROGRAM, "--config", self.config, "init", "--make-passphrase", self.path("passphrase"))
        self.station_cert, self.station_key = self.add("station", "line-1")
        self.operator_cert, self.operator_key = self.add("operator", "chief")
        self.model("T1", ["p256", "rsa2048"])
        self.serve()
        return self

    __enter__ = start

    def __exit__(self, kind, value, trace):
        self.stop(show_log=kind is not None)

    def stop(self, show_log=False):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(45)
            except subprocess.TimeoutExpired:
                self.process.kill()
                show_log = True
        run(CLUSTER, "stop", self.path("postgres"), check=False)
        if show_log:
            with open(self.log_path, errors="replace") as file:
                print("".join(file.readlines()[-60:]))
        self.folder.cleanup()

    def path(self, name):
        return os.path.join(self.var, name)

    def start_postgres(self, *words):
        run(CLUSTER, "start", self.path("postgres"), *words)
        self.socket = run(CLUSTER, "socket", self.path("postgres")).stdout.decode().strip()

    def write_configuration(self, text=CONFIGURATION):
        with open(self.config, "w") as file:
            file.write(text.format(var=self.var, socket=self.socket, port=self.port,
                                   health_port=self.health_port))

    def serve(self):
        with open(self.log_path, "a") as log:
            self.process = subprocess.Popen([PROGRAM, "--config", self.config, "serve"],
                                            env=dict(os.environ, **self.environment),
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.wait_until_ready()

    def restart(self):
        """Stopped and started; who was killed often is started without a pause again."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(45)
        self.serve()

    def kill_signer(self):
        """kill -9, and until the next one serves: what it knows then was on its disk."""
        def starts():
            return sum(entry["event"] == "signer_started" for entry in self.log())
        before, deadline = starts(), time.monotonic() + 60
        kill(self.children("signer")[0])
        while starts() == before:
            if time.monotonic() > deadline:
                raise AssertionError("the signer does not start again")
            time.sleep(0.1)
        # The front has seen the old one go in the meantime: opening the keys takes long.
        self.wait_until_ready()

    def wait_until_ready(self, seconds=60):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            done = subprocess.run(["curl", "-sf", "-m", "5",
                                   f"http://127.0.0.1:{self.health_port}/readyz"],
                                  stdout=subprocess.DEVNULL)
            if done.returncode == 0:
                return
            time.sleep(0.1)
        with open(self.log_path, errors="replace") as file:
            raise AssertionError("the factory is not ready:\n" + "".join(file.readlines()[-40:]))

    def children(self, name):
        """Processes below ours: "signer", "front" (the parent) or "worker" (the front's)."""
        parents = self.children_of(self.process.pid)
        found = [pid for pid in parents if name in command_of(pid).split()]
        if name == "worker":
            fronts = [pid for pid in parents if "front" in command_of(pid).split()]
            found = [pid for front in fronts for pid in self.children_of(front)]
        return found

    @staticmethod
    def children_of(pid):
        try:
            with open(f"/proc/{pid}/task/{pid}/children") as file:
                return [int(word) for word in file.read().split()]
        except OSError:
            return []

    def postmaster(self):
        with open(os.path.join(self.psql("show data_directory"), "postmaster.pid")) as file:
            return int(file.readline())

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return [json.loads(line) for line in file if line.startswith("{")]

    def metric(self, name):
        """The sum over a metric's labels, or of the one line that begins with the text given."""
        text = run("curl", "-sf", f"http://127.0.0.1:{self.health_port}/metrics").stdout.decode()
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
                   if line.startswith(name) and not line.startswith("#"))

    # --- people and things -----------------------------------------------------------------------

    def make_server_certificate(self):
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-days", "30", "-subj", "/CN=test server CA", "-keyout",
            self.path("server-ca.key"), "-out", self.path("server-ca.pem"))
        run("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-subj", "/CN=localhost", "-keyout", self.path("server.key"), "-out",
            self.path("server.csr"))
        with open(self.path("extensions"), "w") as file:
            file.write("subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n")
        run("openssl", "x509", "-req", "-in", self.path("server.csr"), "-CA",
            self.path("server-ca.pem"), "-CAkey", self.path("server-ca.key"), "-CAcreateserial",
            "-days", "30", "-extfile", self.path("extensions"), "-out", self.path("server.pem"))

    def make_ocsp_key(self):
        """What the portal's status worker would hold, and its public half for the signer."""
        run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out",
            self.path("ocsp.key"))
        run("openssl", "pkey", "-in", self.path("ocsp.key"), "-pubout", "-out", self.path("ocsp.pub"))

    def add(self, kind, name):
        folder = self.path(kind)
        os.makedirs(folder, mode=0o700, exist_ok=True)
        run(PROGRAM, "--config", self.config, kind, "add", name, "--out", folder)
        return os.path.join(folder, f"{name}.pem"), os.path.join(folder, f"{name}.key")

    def model(self, name, key_types):
        self.psql(f"insert into firstring.device_model (name, format, key_types, authentication) "
                  f"values ('{name}', 'json', '{{{','.join(key_types)}}}', 'certificate')")

    def psql(self, statement):
        return run("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", self.database,
                   "-c", statement).stdout.decode().strip()

    def factory_ca(self, *words, check=True, operator=True):
        identity = ["--operator-key", self.operator_key, "--operator-cert", self.operator_cert]
        return run(PROGRAM, "--config", self.config, *(identity if operator else []), *words,
                   check=check)

    def client(self, cert=None, key=None, tls=None):
        return Client(f"https://localhost:{self.port}", self.path("server-ca.pem"), cert, key,
                      tls=tls)

    @property
    def station(self):
        return self.client(self.station_cert, self.station_key)

    @property
    def operator(self):
        return self.client(self.operator_cert, self.operator_key)

    def lets_in(self, certificate, key, trusted="chain.pem"):
        """Whether a phone gets an answer from a TLS server that trusts a published file and reads the CRLs now. A
        chain is looked at whole, as nginx does; of issuing.pem each is trusted by itself, as the redirector does."""
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(self.path("server.pem"), self.path("server.key"))
        server.verify_mode = ssl.CERT_REQUIRED
        server.load_verify_locations(self.path(f"published/{trusted}"))
        server.load_verify_locations(self.path("published/crls.pem"))
        server.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN if trusted == "chain.pem" else \
            ssl.VERIFY_CRL_CHECK_LEAF | X509_V_FLAG_PARTIAL_CHAIN
        client = ssl.create_default_context(cafile=self.path("server-ca.pem"))
        client.load_cert_chain(certificate, key)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            def serve():
                connection, _ = listener.accept()
                try:
                    with server.wrap_socket(connection, server_side=True) as tls:
                        tls.sendall(b"hello")
                except OSError:
                    connection.close()
            thread = threading.Thread(target=serve)
            thread.start()
            try:
                with socket.create_connection(listener.getsockname(), timeout=30) as plain, \
                        client.wrap_socket(plain, server_hostname="localhost") as tls:
                    return tls.recv(5) == b"hello"
            except OSError:
                return False
            finally:
                thread.join(30)

    def macs(self, count):
        """MACs that no other test uses, as a list in order."""
        first, self.next_mac = self.next_mac, self.next_mac + count
        return [f"{number:012X}" for number in range(first, first + count)]

    def order(self, macs, *more, model="T1"):
        """Opens an order for these consecutive MACs; returns its reference."""
        self.orders += 1
        reference = f"PO-{os.getpid()}-{self.orders}"
        self.factory_ca("order", "open", "--reference", reference, "--model", model,
                        "--first-mac", macs[0], "--quantity", str(len(macs)), *more)
        return reference

    def batch(self, order, rows, client=None):
        body = "".join(json.dumps(row) + "\n" for row in rows).encode()
        return (client or self.station).request("POST", f"/v1/orders/{order}/certificates", body,
                                                content_type="application/x-ndjson", timeout=120)

    def send(self, received, order, rows, seconds=60):
        """One batch call; whole rows that came are kept, whatever becomes of the connection. Returns
        whether the answer was complete."""
        client = self.station
        connection = http.client.HTTPSConnection(client.url.hostname, client.url.port,
                                                 context=client.context, timeout=seconds)
        try:
            connection.request("POST", f"/v1/orders/{order}/certificates",
                               body="".join(json.dumps(row) + "\n" for row in rows).encode(),
                               headers={"Content-Type": "application/x-ndjson"})
            response = connection.getresponse()
            if response.status != 200:
                return False
            count = 0
            for text in response:
                if not text.endswith(b"\n"):
                    return False
                received.append(json.loads(text))
                count += 1
            return count == len(rows)
        except (OSError, http.client.HTTPException, ValueError):
            return False
        finally:
            connection.close()


def kill(pid):
    """Returns when the process is gone."""
    os.kill(pid, signal.SIGKILL)
    while os.path.exists(f"/proc/{pid}"):
        time.sleep(0.005)


def command_of(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def rows_for(macs, key_type="p256"):
    """Rows of a batch, as documents, for consecutive MACs; keys are new each time."""
    done = run(CSRS, "--first-mac", macs[0], "--count", str(len(macs)), "--key", key_type)
    return [json.loads(line) for line in done.stdout.splitlines()]
