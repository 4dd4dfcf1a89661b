"""A redirector on its own, for integration tests: a throw-away cluster, a factory of openssl commands,
rows put into the database by hand, and the real daemon. Standard library only."""
import contextlib
import hashlib
import json
import os
import shutil
import signal
import ssl
import subprocess
import tempfile
import time
import urllib.request
import uuid

from tests.lib.instance import BUILD, ROOT, Client, free_ports, run

PASSWORD = "kR7vTq2mWz9xHs4b"
LEAF = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"


def eventually(check, seconds=10, what="it did not happen"):
    """Calls until the answer is true, and returns it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = check()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(what)


def read(path):
    with open(path) as file:
        return file.read()


class Authority:
    """A CA made with openssl, and what it signs."""

    def __init__(self, folder, name="Factory Issuing CA", curve="P-256"):
        os.makedirs(folder, exist_ok=True)
        self.folder = folder
        self.cert, self.key = f"{folder}/authority.pem", f"{folder}/authority.key"
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", f"ec_paramgen_curve:{curve}", "-nodes",
            "-keyout", self.key, "-out", self.cert, "-days", "3650", "-subj", f"/O=Example Phones/CN={name}",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def sign(self, name, subject, extensions, key_type="p256", days="30", digest="-sha256"):
        """(certificate, key) paths of a new key of `key_type`."""
        cert, key = f"{self.folder}/{name}.pem", f"{self.folder}/{name}.key"
        kind = {"p256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
                "rsa2048": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
                "rsa1024": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"]}[key_type]
        run("openssl", "genpkey", *kind, "-out", key)
        csr = run("openssl", "req", "-new", "-key", key, "-subj", subject).stdout
        with open(f"{self.folder}/{name}.ext", "w") as file:
            file.write(extensions)
        run("openssl", "x509", "-req", digest, "-CA", self.cert, "-CAkey", self.key, "-days", days,
            "-set_serial", "0x4" + uuid.uuid4().hex[1:], "-extfile", file.name, "-out", cert, stdin=csr)
        return cert, key

    def phone(self, name, mac, **more):
        return self.sign(name, f"/O=Example Phones/OU=model/serialNumber=SN{mac}/CN={mac}",
                         LEAF + "extendedKeyUsage=clientAuth\n", **more)


class Phone:
    """A phone with a factory certificate; `boot` asks for a file."""

    def __init__(self, redirector, mac, key_type="p256"):
        self.redirector, self.mac, self.serial = redirector, mac, f"SN{mac}"
        self.cert, self.key = redirector.factory.phone(f"{mac}-{key_type}", mac, key_type=key_type)
        self.fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(read(self.cert))).hexdigest()

    def client(self, tls=None):
        return self.redirector.client(self.cert, self.key, tls)

    def boot(self, path, user_agent="test", tls=None, method="GET", headers=None):
        return self.client(tls).request(method, path, headers={"User-Agent": user_agent, **(headers or {})})


class Redirector:
    """The daemon and its neighbours, in a folder of its own; use as a context manager."""

    def __init__(self, **config):
        self.folder = tempfile.mkdtemp(prefix="firstring-redirector-", dir="/var/tmp")
        os.chmod(self.folder, 0o755)
        self.next_mac = 0x001565000000
        self.port, self.health_port = free_ports(2)
        self.config = config
        self.process = None

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def __enter__(self):
        try:
            self.start_cluster()
            run(os.path.join(ROOT, "sql/migrate"), self.url)
            self.make_keys()
            shutil.copytree(os.path.join(ROOT, "redirector/formats"), self.path("formats"))
            self.make_itsp()
            self.write_config()
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind, *_):
        if kind or (self.process and self.process.poll() not in (None, 0)):
            with contextlib.suppress(OSError):
                print(read(self.path("log"))[-4000:])
        self.stop()
        self.cluster("stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    # PostgreSQL

    def cluster(self, action, *more):
        return run(os.path.join(ROOT, "deploy/dev/cluster"), action, self.path("cluster"), *more).stdout.decode()

    def start_cluster(self):
        self.url = self.cluster("start", "--throwaway").strip()
        self.conninfo = f"host={self.cluster('socket').strip()} dbname=firstring user=firstring_redirector"

    def databases(self):
        return [self.conninfo]

    def psql(self, sql):
        return run("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", self.url, stdin=sql.encode()).stdout.decode().strip()

    def postgres(self, how):
        """Sends the postmaster a signal, such as SIGSTOP."""
        with open(read(self.path("cluster/where")).strip() + "/data/postmaster.pid") as file:
            postmaster = int(file.readline())
        with open(f"/proc/{postmaster}/task/{postmaster}/children") as file:
            children = [int(word) for word in file.read().split()]
        for each in [postmaster, *children]:
            with contextlib.suppress(ProcessLookupError):  # a backend that has just ended
                os.kill(each, how)

    def crash(self):
        """Kills the postmaster and all its children."""
        self.postgres(signal.SIGKILL)

    def revive(self):
        self.cluster("start", "--throwaway")

    # Keys

    def make_keys(self):
        self.factory = Authority(self.path("factory"))
        servers = Authority(self.path("servers"), "Server CA")
        self.server_ca = servers.cert
        self.pairs = [servers.sign(f"server-{key_type}", "/CN=redirector",
                                   LEAF + "extendedKeyUsage=serverAuth\nsubjectAltName=IP:127.0.0.1\n",
                                   key_type=key_type) for key_type in ("p256", "rsa2048")]
        for _, key in self.pairs:
            os.chmod(key, 0o600)
        self.ring = self.path("seal.ring")
        with open(os.open(self.ring, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write("1 " + os.urandom(32).hex() + "\n")

    # Rows

    def make_itsp(self, **more):
        """An ITSP with a profile; returns (itsp, profile)."""
        itsp, profile = str(uuid.uuid4()), str(uuid.uuid4())
        columns = {"provisioning_url": "https://prov.itsp.example/p/{mac}?sn={serial}&m={model}", **more}
        names, values = ", ".join(columns), ", ".join(quoted(value) for value in columns.values())
        self.psql(f"insert into firstring.itsp (id, name) values ('{itsp}', 'ITSP {itsp}');"
                  f"insert into firstring.provisioning_profile (id, itsp_id, name, {names})"
                  f" values ('{profile}', '{itsp}', 'p', {values})")
        self.itsp, self.profile = itsp, profile
        return itsp, profile

    def model(self, answer_format, encrypt=False):
        name = f"model-{answer_format}{'-encrypted' if encrypt else ''}"
        self.psql(f"insert into firstring.device_model (name, format, key_types, authentication, encrypt_answers)"
                  f" values ('{name}', '{answer_format}', '{{p256,rsa2048}}', 'certificate', {encrypt})"
                  f" on conflict do nothing")
        return name

    def phone(self, answer_format="json", key_type="p256", live=True, claimed=True, password=PASSWORD, encrypt=False):
        """A new phone on record."""
        mac = f"{self.next_mac:012X}"
        self.next_mac += 1
        phone = Phone(self, mac, key_type)
        self.psql(f"insert into firstring.device (mac, serial_number, model, source) values"
                  f" ('{mac}', '{phone.serial}', '{self.model(answer_format, encrypt)}', 'import')")
        if live:
            self.psql(f"insert into firstring.certificate (fingerprint, mac) values"
                      f" ('\\x{phone.fingerprint}', '{mac}')")
        if claimed:
            self.claim(phone, password)
        return phone

    def sealed(self, phone, password):
        done = run(os.path.join(BUILD, "bin/sealed"), self.ring, phone.mac, phone.claim, password)
        return "\\x" + done.stdout.decode().strip()

    def claim(self, phone, password=PASSWORD):
        phone.claim = str(uuid.uuid4())
        self.psql(f"insert into firstring.claim (id, mac, itsp_id, profile_id, proof, sealed_password) values"
                  f" ('{phone.claim}', '{phone.mac}', '{self.itsp}', '{self.profile}', 'code',"
                  f" '{self.sealed(phone, password)}')")

    def set_pending(self, phone, password):
        """As a rotation does."""
        self.psql(f"update firstring.claim set pending_sealed_password = '{self.sealed(phone, password)}',"
                  f" pending_version = password_version + 1, pending_since = now(), version = version + 1"
                  f" where id = '{phone.claim}'")

    def events(self, phone):
        rows = self.psql(f"select kind, detail ->> 'reason' from firstring.device_event"
                         f" where mac = '{phone.mac}' order by at")
        return [tuple(row.split("|")) for row in rows.splitlines()]

    def security_events(self, phone):
        return self.psql(f"select kind from firstring.security_event"
                         f" where mac = '{phone.mac}' order by at").splitlines()

    def security_events_of(self, source):
        return self.psql(f"select kind from firstring.security_event"
                         f" where source_ip = '{source}' order by at").splitlines()

    # The daemon

    def write_config(self, **more):
        config = {
            "listeners": [{"name": "phones", "address": f"127.0.0.1:{self.port}"}],
            "key_pairs": [{"certificate": cert, "key": key} for cert, key in self.pairs],
            "device_ca": self.factory.cert, "formats": self.path("formats"), "seal_ring": self.ring,
            "databases": self.databases(), "health": f"127.0.0.1:{self.health_port}",
            **self.config, **more}
        with open(self.path("redirector.yaml"), "w") as file:
            file.write("".join(f"{key}: {json.dumps(value)}\n" for key, value in config.items()))

    def command(self):
        return [os.path.join(BUILD, "bin/redirector"), "--config", self.path("redirector.yaml")]

    def start(self):
        with open(self.path("log"), "a") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        eventually(self.is_ready, 30, what="the redirector is not ready")

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(40)
        status, self.process = self.process.returncode if self.process else None, None
        return status

    def is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError("the redirector ended:\n" + read(self.path("log")))
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.health_port}/readyz", timeout=5):
                return True
        except OSError:
            return False

    def metrics(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.health_port}/metrics", timeout=5) as answer:
            return dict(line.rsplit(" ", 1) for line in answer.read().decode().splitlines()
                        if line and not line.startswith("#"))

    def log(self):
        with open(self.path("log")) as file:
            # The last line may be half there for a reader: a write goes page by page.
            return [json.loads(line) for line in file if line.endswith("\n")]

    def client(self, cert=None, key=None, tls=None):
        return Client(f"https://127.0.0.1:{self.port}", self.server_ca, cert, key, tls=tls)


def quoted(value):
    if isinstance(value, list):
        return "array[" + ", ".join(quoted(each) for each in value) + "]::text[]"
    return "'" + str(value).replace("'", "''") + "'"
