#!/usr/bin/env python3
"""The key ceremony and the commands around it: what they make, whom they refuse, what they leave."""
import hashlib
import os
import re
import socket
import stat
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                                "factory-ca-front"))
from line import CONFIGURATION, PROGRAM, ROOT, Line, run  # noqa: E402


def setUpModule():
    global line
    line = Line()
    line.start_postgres()
    line.database = run(os.path.join(ROOT, "deploy/dev/cluster"), "url",
                        line.path("postgres")).stdout.decode().strip()
    run(os.path.join(ROOT, "sql/migrate"), line.database)
    line.write_configuration()
    line.make_ocsp_key()
    done = factory_ca("init", "--make-passphrase", line.path("passphrase"))
    assert done.returncode == 0, done.stderr
    line.transcript = done.stdout


def tearDownModule():
    line.stop()


def factory_ca(*words, config=None):
    return subprocess.run([PROGRAM, "--config", config or line.config, *words], cwd=line.var,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=60)


def psql(text):
    return run("psql", "-XAtc", text, line.database).stdout.decode().strip()


def openssl(*words):
    return subprocess.run(["openssl", *words], cwd=line.var, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)


def der_of(path):
    return subprocess.run(["openssl", "x509", "-in", path, "-outform", "DER"],
                          stdout=subprocess.PIPE, check=True).stdout


class Init(unittest.TestCase):

    def other_factory(self, name, text=CONFIGURATION):
        """A configuration of its own; nothing made yet."""
        folder = line.path(name)
        os.mkdir(folder)
        path = os.path.join(folder, "factory-ca.yaml")
        with open(path, "w") as file:
            file.write(text.format(var=folder, socket=line.socket, port=line.port,
                                   health_port=line.health_port))
        return folder, path

    def test_the_transcript_tells_what_was_published(self):
        for name, path in (("root certificate", "root.pem"),
                           ("issuing certificate", "issuing.pem"),
                           ("line-access certificate", "line-access.pem")):
            told = re.search(name + r" +sha256 ([0-9a-f]{64})\n", line.transcript).group(1)
            made = hashlib.sha256(der_of(line.path("published/" + path))).hexdigest()
            self.assertEqual(told, made)
        with open(line.path("published/root.crl"), "rb") as file:
            self.assertIn(hashlib.sha256(file.read()).hexdigest(), line.transcript)

    def test_the_chain_verifies_with_its_crls(self):
        done = openssl("verify", "-x509_strict", "-crl_check_all", "-CRLfile", "published/crls.pem",
                       "-CAfile", "published/root.pem", "published/issuing.pem")
        self.assertIn("OK", done.stdout)
        done = openssl("verify", "-CAfile", "published/root.pem", "published/line-access.pem")
        self.assertNotIn(": OK", done.stdout)
        with open(line.path("published/chain.pem")) as file:
            chain = file.read()
        with open(line.path("published/issuing.pem")) as file:
            self.assertTrue(chain.startswith(file.read()), "the issuing CA comes first")

    def test_only_the_owner_reaches_the_state(self):
        for folder, _, names in os.walk(line.path("state")):
            self.assertEqual(stat.S_IMODE(os.stat(folder).st_mode), 0o700, folder)
            for name in names:
                path = os.path.join(folder, name)
                self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600, path)
        self.assertEqual(stat.S_IMODE(os.stat(line.path("passphrase")).st_mode), 0o600)

    def test_it_never_overwrites(self):
        with open(line.path("published/root.pem")) as file:
            before = file.read()
        done = factory_ca("init", "--make-passphrase", line.path("passphrase"))
        self.assertEqual(done.returncode, 73)
        self.assertIn("never overwritten", done.stderr)
        with open(line.path("published/root.pem")) as file:
            self.assertEqual(file.read(), before)

    def test_what_fails_leaves_nothing_and_can_be_repeated(self):
        folder, config = self.other_factory("unlucky")
        done = factory_ca("init", config=config)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("passphrase file", done.stderr)
        self.assertEqual(os.listdir(folder), ["factory-ca.yaml"])
        # No room for a key file: the ceremony is undone, and the passphrase is kept for the next.
        done = subprocess.run(["bash", "-c", 'ulimit -f 0; trap "" XFSZ; exec "$@"', "-", PROGRAM,
                               "--config", config, "init"], stderr=subprocess.PIPE, text=True)
        self.assertNotEqual(done.returncode, 0)
        with open(os.path.join(folder, "passphrase"), "w") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write("correct horse battery staple\n")
        done = subprocess.run(["bash", "-c", 'ulimit -f 0; trap "" XFSZ; exec "$@"', "-", PROGRAM,
                               "--config", config, "init"], stderr=subprocess.PIPE, text=True)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("cannot be written", done.stderr)
        self.assertEqual(sorted(os.listdir(folder)), ["factory-ca.yaml", "passphrase"])
        done = factory_ca("init", "--make-passphrase", os.path.join(folder, "passphrase"),
                          config=config)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("is there already and is used", done.stdout)

    def test_a_configuration_that_phones_could_not_live_with(self):
        for number, (key, value, said) in enumerate((
                ("organisation", '"Example, Phones"', "pki.organisation"),
                ("organisation", '"O=x"', "pki.organisation"),
                ("crl_base_url", "https://pki.example/crl", "pki.crl_base_url"),
                ("crl_base_url", "http://pki.example/crl/", "pki.crl_base_url"),
                ("aia_base_url", "ftp://pki.example", "pki.aia_base_url"),
                ("oid_arc", "one.two", "pki.oid_arc"))):
            text = re.sub(rf"^  {key}: .*$", f"  {key}: {value}", CONFIGURATION, flags=re.M)
            _, config = self.other_factory(f"bad-{number}", text)
            done = factory_ca("init", config=config)
            self.assertEqual(done.returncode, 78, value)
            self.assertIn(said, done.stderr)
        for key in ("crl_base_url", "aia_base_url", "oid_arc"):
            text = re.sub(rf"^  {key}: .*\n", "", CONFIGURATION, flags=re.M)
            _, config = self.other_factory(f"without-{key}", text)
            done = factory_ca("init", config=config)
            self.assertEqual(done.returncode, 78)
            self.assertIn(key, done.stderr)

    def test_the_keys_are_listed_without_a_passphrase(self):
        os.rename(line.path("passphrase"), line.path("passphrase.away"))
        try:
            done = factory_ca("key", "list")
        finally:
            os.rename(line.path("passphrase.away"), line.path("passphrase"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"issuing +p256 +uses [1-9]")
        self.assertEqual([row.split()[:2] for row in done.stdout.splitlines()],
                         [["root", "p384"], ["issuing", "p256"], ["line-access", "p256"],
                          ["claim-code", "hmac-sha256"]])

    def test_usage(self):
        for words in (["init", "--force"], ["key"], ["publish", "now"], ["nonsense"], [],
                      ["signer", "--loudly"], ["operator"], ["station", "remove", "x"]):
            self.assertEqual(factory_ca(*words).returncode, 64, words)


class People(unittest.TestCase):

    def add(self, kind, name, folder="people"):
        return factory_ca(kind, "add", name, "--out", line.path(folder))

    def test_a_station_is_what_it_is(self):
        done = self.add("station", "line-1")
        self.assertEqual(done.returncode, 0, done.stderr)
        text = openssl("x509", "-in", "people/line-1.pem", "-noout", "-text").stdout
        self.assertIn("CN = line-1", text)
        self.assertIn("TLS Web Client Authentication, 1.3.6.1.4.1.32473.2.1", text)
        self.assertIn("CA:FALSE", text)
        self.assertIn("OK", openssl("verify", "-x509_strict", "-purpose", "sslclient", "-CAfile",
                                    "published/line-access.pem", "people/line-1.pem").stdout)
        self.assertNotIn(": OK", openssl("verify", "-CAfile", "published/root.pem", "-untrusted",
                                         "published/chain.pem", "people/line-1.pem").stdout)
        self.assertEqual(stat.S_IMODE(os.stat(line.path("people/line-1.key")).st_mode), 0o600)
        fingerprint = hashlib.sha256(der_of(line.path("people/line-1.pem"))).hexdigest()
        self.assertEqual(
            psql(f"select name, state from firstring.station where fingerprint = '\\x{fingerprint}'"),
            "line-1|live")

    def test_an_operator_is_no_station(self):
        done = self.add("operator", "ann")
        self.assertEqual(done.returncode, 0, done.stderr)
        text = openssl("x509", "-in", "people/ann.pem", "-noout", "-text").stdout
        self.assertIn("1.3.6.1.4.1.32473.2.2", text)
        self.assertNotIn("1.3.6.1.4.1.32473.2.1", text)
        self.assertEqual(psql("select count(*) from firstring.operator where name = 'ann'"), "1")

    def test_a_name_that_is_taken_in_the_folder_stays(self):
        self.assertEqual(self.add("station", "taken").returncode, 0)
        with open(line.path("people/taken.key")) as file:
            before = file.read()
        done = self.add("station", "taken")
        self.assertEqual(done.returncode, 73)
        self.assertIn("is there already", done.stderr)
        with open(line.path("people/taken.key")) as file:
            self.assertEqual(file.read(), before)
        self.assertEqual(psql("select count(*) from firstring.station where name = 'taken'"), "1")

    def test_names(self):
        for name in ("any", "", ".", "..", ".x", "a/b", "a b", "x" * 65, "a\nb", "ü", "a,b"):
            self.assertEqual(self.add("station", name).returncode, 64, name)
        self.assertEqual(self.add("station", "x" * 64).returncode, 0)

    def test_without_the_database_nothing_is_given_out(self):
        config = line.path("no-database.yaml")
        with open(line.config) as file:
            text = file.read()
        with open(config, "w") as file:
            file.write(text.replace(line.socket, line.path("nowhere")))
        done = factory_ca("station", "add", "lost", "--out", line.path("lost"), config=config)
        self.assertEqual(done.returncode, 69)
        self.assertIn("database", done.stderr)
        self.assertEqual(os.listdir(line.path("lost")), [])

    def test_a_station_is_revoked_once_and_for_ever(self):
        self.add("station", "old")
        done = factory_ca("station", "revoke", "old")
        self.assertEqual((done.returncode, done.stdout), (0, "station old: revoked\n"))
        done = factory_ca("station", "revoke", "old")
        self.assertEqual((done.returncode, done.stdout), (0, "station old: already_revoked\n"))
        self.assertEqual(psql("select state from firstring.station where name = 'old'"), "revoked")
        done = factory_ca("station", "revoke", "never-was")
        self.assertEqual(done.returncode, 65)
        self.assertIn("no station never-was", done.stderr)

    def test_each_of_them_is_in_the_audit_log(self):
        self.add("station", "seen")
        rows = psql("select action from firstring.audit_log where actor_kind = 'command'")
        self.assertIn("station", rows)


class Signer(unittest.TestCase):

    def test_the_service_manager_is_told_from_inside_the_list_of_system_calls(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(line.path("notify"))
            manager.settimeout(60)
            signer = subprocess.Popen([PROGRAM, "--config", line.config, "signer"], cwd=line.var,
                                      env={**os.environ, "NOTIFY_SOCKET": line.path("notify")})
            self.assertEqual(manager.recv(100), b"READY=1")
            signer.terminate()
            self.assertEqual(manager.recv(100), b"STOPPING=1")
            self.assertEqual(signer.wait(60), 0)


class Publish(unittest.TestCase):

    def test_certificates_and_crls_go_to_the_database_once(self):
        first = factory_ca("publish")
        self.assertEqual(first.returncode, 0, first.stderr)
        again = factory_ca("publish")
        self.assertEqual(set(row.split(": ")[1] for row in again.stdout.splitlines()), {"same"})
        self.assertEqual(
            psql("select kind from firstring.pki_object order by kind").split(),
            ["chain", "issuing_certificate", "issuing_crl", "line_certificate", "root_certificate",
             "root_crl"])
        stored = psql("select encode(content, 'hex') from firstring.pki_object "
                      "where kind = 'issuing_certificate'")
        self.assertEqual(stored, der_of(line.path("published/issuing.pem")).hex())

    def test_files_that_were_lost_come_back(self):
        with open(line.path("published/chain.pem")) as file:
            before = file.read()
        os.unlink(line.path("published/chain.pem"))
        self.assertEqual(factory_ca("publish").returncode, 0)
        with open(line.path("published/chain.pem")) as file:
            self.assertEqual(file.read(), before)


if __name__ == "__main__":
    unittest.main()
