#!/usr/bin/env python3
"""The next generation of an issuing CA, and the end of an old one: phones of both are served, by the chain, the
CRLs, the responder's certificates and the record; with the root here and elsewhere, with custodians and a token."""
import os
import re
import signal
import subprocess
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "factory-ca-front")]
import test_offline_root as offline  # noqa: E402
from line import Line, PROGRAM, run  # noqa: E402


def setUpModule():
    offline.setUpModule()


def tearDownModule():
    offline.tearDownModule()


def wait_for(look, what, seconds=60):
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.1)
    return found


def text_of(path):
    return run("openssl", "x509", "-in", path, "-noout", "-text").stdout.decode()


class Phone:
    """A key and a CSR, and the certificate that was last answered."""

    def __init__(self, line, order, mac):
        self.line, self.order, self.mac = line, order, mac
        self.pem = line.path(f"{mac}.pem")
        self.new_key()

    def new_key(self):
        self.key = self.line.path(f"{self.mac}.key")
        self.csr = run("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                       "-subj", f"/serialNumber=SN/CN={self.mac}", "-keyout", self.key).stdout.decode()

    def ask(self):
        (row,) = self.line.batch(self.order, [{"mac": self.mac, "serial_number": "SN", "csr": self.csr}]).rows()
        if "certificate" in row:
            with open(self.pem, "w") as file:
                file.write(row["certificate"])
        return row

    def is_valid(self):
        """openssl's word with all CRLs looked at, and what is wrong."""
        published = self.line.path("published")
        done = subprocess.run(
            ["openssl", "verify", "-x509_strict", "-crl_check_all", "-purpose", "sslclient", "-CRLfile",
             f"{published}/crls.pem", "-CAfile", f"{published}/chain.pem", self.pem],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return "" if done.returncode == 0 else done.stdout

    def is_served(self, trusted="chain.pem", sent=""):
        """Whether a TLS server that trusts a published file, with the CRLs, lets the phone in, which sends its
        certificate and what else is given. Issuing CAs are trusted each by itself, as the redirector does."""
        path = self.line.path("sent.pem")
        with open(self.pem) as file, open(path, "w") as out:
            out.write(file.read() + sent)
        return self.line.lets_in(path, self.key, trusted)


class Renewal(unittest.TestCase):
    """One factory's life; its steps in their order."""

    def setUp(self):
        self.line = Line().start()

    def tearDown(self):
        self.line.stop()

    def factory_ca(self, *words):
        done = self.line.factory_ca(*words, check=False, operator=False)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def crl(self, shard):
        return run("openssl", "crl", "-inform", "DER", "-in", self.line.path(f"published/issuing-{shard}.crl"),
                   "-noout", "-text").stdout.decode()

    def chain(self):
        return re.findall(r"-----BEGIN .*?-----END [^-]+-----\n", self.read("published/chain.pem"), re.S)

    def read(self, name):
        with open(self.line.path(name)) as file:
            return file.read()

    def forget(self, mac):
        """As if the front had died between the signer's answer and the record."""
        self.line.psql(f"set session_replication_role = replica; "
                       f"delete from firstring.certificate where mac = '{mac}'; "
                       f"delete from firstring.device where mac = '{mac}'")

    def test_a_life(self):
        line = self.line
        macs = line.macs(8)
        order = line.order(macs)
        old, bad_old, lost, late = (Phone(line, order, mac) for mac in macs[:4])
        answers = {phone.mac: phone.ask() for phone in (old, bad_old, lost, late)}
        self.assertEqual({row["status"] for row in answers.values()}, {"issued"}, answers)

        # --- renewed while phones are made; nothing changes for them before the signer starts again
        status, out, err = self.factory_ca("ca", "retire", "--generation", "1")
        self.assertEqual(status, 65, err)
        self.assertIn("renew", err)
        status, out, err = self.factory_ca("ca", "renew")
        self.assertEqual(status, 0, err)
        transcript = self.read("state/transcript.txt")
        for what in ("root certificate", "issuing certificate", "root CRL", "issuing CRL, the first"):
            self.assertRegex(out, what + r" +sha256 [0-9a-f]{64}\n")
        self.assertIn(out.split("\n\nNew phones")[0], transcript)
        self.assertEqual(transcript.count("key ceremony"), 1)
        between = Phone(line, order, macs[4])
        self.assertNotIn(" G2", text_of((between.ask(), between.pem)[1]))
        chain = self.chain()
        self.assertEqual(len(chain), 3)
        self.assertTrue(self.read("published/issuing.pem").startswith(chain[0] + chain[1]))
        self.assertEqual(self.factory_ca("publish")[0], 0)
        self.forget(lost.mac)
        line.restart()

        # --- both generations
        new, bad_new = Phone(line, order, macs[5]), Phone(line, order, macs[6])
        self.assertEqual([new.ask()["status"], bad_new.ask()["status"]], ["issued", "issued"])
        text = text_of(new.pem)
        for part in ("Device Issuing CA 1 G2", "/crl/issuing-2.crl", "/ca/issuing-2.cer"):
            self.assertIn(part, text)
        text = text_of(old.pem)
        for part in ("/crl/issuing-0.crl", "/ca/issuing.cer"):
            self.assertIn(part, text)
        again = old.ask()
        self.assertEqual((again["status"], again["certificate"]), ("existing", answers[old.mac]["certificate"]))
        # Reserved under the old one and never stored: signed again by the old key, same serial number.
        again = lost.ask()
        self.assertEqual(again["serial"], answers[lost.mac]["serial"], again)
        self.assertNotIn(" G2", text_of(lost.pem))
        wait_for(lambda: os.path.exists(line.path("published/issuing-2.crl")), "the new CRL")
        self.line_knows_the_issuer()
        for phone in (old, bad_old, lost, between, new, bad_new):
            self.assertEqual(phone.is_valid(), "")
            self.assertTrue(phone.is_served())
            self.assertTrue(phone.is_served("issuing.pem"))
        self.assertEqual(line.station.request("GET", "/.well-known/est/cacerts").status, 200)

        # --- revoked where they were issued
        for phone in (bad_old, bad_new):
            line.factory_ca("revoke", "--mac", phone.mac, "--reason", "keyCompromise")
        serial = {phone: run("openssl", "x509", "-in", phone.pem, "-noout", "-serial").stdout.decode()
                  .strip().split("=")[1] for phone in (bad_old, bad_new)}
        wait_for(lambda: serial[bad_old] in self.crl(0) and serial[bad_new] in self.crl(2), "both CRLs")
        self.assertNotIn(serial[bad_new], self.crl(0))
        self.assertNotIn(serial[bad_old], self.crl(2))
        for phone in (bad_old, bad_new):
            wait_for(lambda: "revoked" in phone.is_valid(), "refused by openssl")
            self.assertFalse(phone.is_served())
        self.assertEqual((old.is_valid(), new.is_valid()), ("", ""))
        done = line.factory_ca("crl").stdout.decode()
        self.assertRegex(done, r"issuing CA 1: number \d+, 1 revoked")
        self.assertRegex(done, r"issuing CA 2: number \d+, 1 revoked")
        self.responders_are_delegated()

        # --- the old one ends
        status, out, err = self.factory_ca("ca", "retire", "--generation", "1")
        self.assertNotEqual(status, 0)
        self.assertIn("another", err)  # the signer runs, and has the ledger
        line.process.send_signal(signal.SIGTERM)
        line.process.wait(45)
        for generation, said in (("2", "renew"), ("3", "no generation 3"), ("0", "from 1 to 8"), ("x", "from 1 to 8")):
            status, out, err = self.factory_ca("ca", "retire", "--generation", generation)
            self.assertNotEqual(status, 0)
            self.assertIn(said, err)
        status, out, err = self.factory_ca("ca", "retire", "--generation", "1")
        self.assertEqual(status, 0, err)
        self.assertIn("issuing CRL, the last", self.read("state/transcript.txt"))
        os.rename(line.path("state/keys/issuing.key"), line.path("issuing.key"))
        self.assertEqual(self.factory_ca("publish")[0], 0)
        self.assertIn("9999", self.crl(0))
        self.assertIn(serial[bad_old], self.crl(0))
        line.serve()
        self.assertEqual(len(self.chain()), 3)
        self.assertEqual(old.ask()["certificate"], answers[old.mac]["certificate"])
        for phone in (old, new):
            self.assertEqual(phone.is_valid(), "")
            self.assertTrue(phone.is_served())
        last = Phone(line, order, macs[7])
        self.assertEqual(last.ask()["status"], "issued")
        # A phone of the retired one is reworked, and then is of the new one.
        line.factory_ca("rekey", "--mac", late.mac, "--reason", "board replaced")
        late.new_key()
        self.assertEqual(late.ask()["status"], "issued")
        self.assertIn(" G2", text_of(late.pem))
        # Never stored, and nobody can sign it any more.
        self.forget(lost.mac)
        row = lost.ask()
        self.assertEqual(row["code"], "revoked", row)
        self.assertIn("retired", str(row))
        done = line.factory_ca("audit", "verify", operator=False, check=False)
        self.assertNotIn("signed by an issuing CA whose", (done.stdout + (done.stderr or b"")).decode())

        # --- and leaves the chain only when that is said
        self.assertNotEqual(self.factory_ca("ca", "retire", "--generation", "1")[0], 0)
        status, out, err = self.factory_ca("ca", "retire", "--generation", "1", "--withdraw")
        self.assertEqual(status, 0, err)
        self.assertEqual(len(self.chain()), 2)
        self.assertIn("withdrawal", self.read("state/transcript.txt"))
        self.assertFalse(old.is_served())
        self.assertFalse(old.is_served("issuing.pem", sent=chain[1]))
        self.assertTrue(new.is_served("issuing.pem"))
        self.assertEqual(len(re.findall("BEGIN", self.read("published/issuing-all.pem"))), 2)

    def line_knows_the_issuer(self):
        """The station's client: each phone gets the chain of its own issuing CA, of two."""
        line, out = self.line, self.line.path("line")
        mac = line.macs(1)[0]
        run(os.path.join(os.path.dirname(PROGRAM), "factory-line"), "--url", f"https://localhost:{line.port}",
            "--server-ca", line.path("server-ca.pem"), "--station-cert", line.station_cert, "--station-key", line.station_key,
            "--order", line.order([mac]), "--out", out, "--first-mac", mac, "--count", "1", "--key-type", "p256")
        newest, older, root = self.chain()
        folder = os.path.join(out, mac)
        self.assertEqual(self.read(f"{folder}/chain.pem"), newest + root)
        self.assertEqual(self.read(f"{folder}/fullchain.pem"), self.read(f"{folder}/certificate.pem") + newest)

    def responders_are_delegated(self):
        """One certificate for each issuing CA, for the one key of the responder."""
        line = self.line
        for shard, issuer in ((0, "Device Issuing CA 1"), (2, "Device Issuing CA 1 G2")):
            where = f"kind = 'ocsp_certificate' and shard = {shard}"
            wait_for(lambda: line.psql(f"select 1 from firstring.pki_object where {where}"), "a responder's certificate")
            der = bytes.fromhex(line.psql(f"select encode(content, 'hex') from firstring.pki_object where {where}"))
            path = line.path(f"ocsp-{shard}.pem")
            run("openssl", "x509", "-inform", "DER", "-out", path, stdin=der)
            self.assertTrue(re.search(f"Issuer: .*CN = {issuer}\n", text_of(path)), text_of(path))
            self.assertIn(": OK", run("openssl", "verify", "-x509_strict", "-purpose", "ocsphelper", "-CAfile",
                                      line.path("published/chain.pem"), path).stdout.decode())


class OfflineRenewal(unittest.TestCase):

    def factory(self, name):
        factory = offline.Machine(name)
        done = factory.bring_in(factory.bundle())
        self.assertEqual(done.returncode, 0, done.stderr)
        return factory

    def ask(self, factory, name):
        done = factory.run("ca", "renew", "--out", factory.path(name))
        self.assertEqual(done.returncode, 0, done.stderr)
        return factory.path(name)

    def sign(self, factory, request, name):
        done = offline.root.run("ca", "sign", "--request", request, "--out", factory.path(name))
        self.assertEqual(done.returncode, 0, done.stderr)
        return factory.path(name)

    def test_by_request_and_import(self):
        factory = self.factory("linz")
        done = factory.bring_in(factory.path("bundle.pem"))
        self.assertEqual(done.returncode, 73)
        self.assertIn("there already", done.stderr)
        request = self.ask(factory, "renewal.csr")
        self.assertIn("CN = Issuing CA of linz G2", factory.openssl("req", "-in", request, "-noout", "-subject"))
        # Asked again, it is the key that waits; the signer goes on with the first one.
        again = self.ask(factory, "again.csr")
        self.assertEqual(*(factory.openssl("req", "-in", path, "-noout", "-pubkey") for path in (request, again)))
        self.assertFalse(os.path.exists(factory.path("state/ca/issuing-2.pem")))
        # The first one's bundle is not for this key.
        done = factory.bring_in(factory.path("bundle.pem"))
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("its key is not the one that waits", done.stderr)
        self.assertFalse(os.path.exists(factory.path("state/ca/issuing-2.pem")))
        bundle = self.sign(factory, again, "renewal.pem")
        done = factory.bring_in(bundle, "00" * 32)
        self.assertNotEqual(done.returncode, 0)
        done = factory.bring_in(bundle)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("OK", factory.openssl(
            "verify", "-x509_strict", "-crl_check_all", "-CRLfile", "published/crls.pem", "-CAfile",
            "published/root.pem", "published/issuing.pem"))
        self.assertEqual(len(offline.blocks(factory.path("published/chain.pem"))), 3)
        done = factory.bring_in(bundle)
        self.assertEqual(done.returncode, 73)
        with open(factory.path("state/transcript.txt")) as file:
            transcript = file.read()
        for part in ("import of an issuing CA", "request for a renewed issuing CA", "import of a renewed issuing CA"):
            self.assertEqual(transcript.count(part), 1 if "request" not in part else 2)

    def test_without_the_roots_key_nothing_is_left_behind(self):
        factory = self.factory("wels")
        done = factory.run("ca", "renew")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("root", done.stderr)
        self.assertEqual(sorted(os.listdir(factory.path("state/keys"))),
                         ["claim-code.key", "issuing.key", "line-access.key"])

    def test_words(self):
        factory = offline.Machine("nowhere")
        for words in (["retire"], ["retire", "--generation"], ["renew", "--generation", "1"], ["renew", "--withdraw"],
                      ["renew", "--bundle", "x"], ["crl", "--out", "x", "--withdraw"],
                      ["retire", "--generation", "1", "--out", "x"]):
            done = factory.run("ca", *words)
            self.assertEqual(done.returncode, 64, words)
            self.assertIn("ca retire --generation", done.stderr)
        for words in (["renew"], ["retire", "--generation", "1"]):
            done = factory.run("ca", *words)
            self.assertEqual(done.returncode, 66, done.stderr)
            self.assertIn("init", done.stderr)

    def test_with_custodians(self):
        factory = self.factory("steyr")
        os.mkdir(factory.path("custodians"), 0o700)
        words = []
        for number in (1, 2, 3):
            path = factory.path(f"custodians/custodian-{number}")
            with open(path, "w") as file:
                os.fchmod(file.fileno(), 0o600)
                file.write(f"a passphrase of custodian {number}\n")
            words += ["--passphrase-file", path]
        done = factory.run("key", "split", "--custodians", "3", "--threshold", "2", *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(factory.path("factory-ca.yaml")) as file:
            text = file.read()
        with open(factory.path("factory-ca.yaml"), "w") as file:
            file.write(text.replace("  passphrase_file: passphrase\n", "  custodians_dir: custodians\n"))
        bundle = self.sign(factory, self.ask(factory, "renewal.csr"), "renewal.pem")
        done = factory.bring_in(bundle)
        self.assertEqual(done.returncode, 0, done.stderr)
        done = factory.run("key", "list")
        self.assertRegex(done.stdout, r"issuing-2 +p256 .* sealed for custodians\n")
        done = factory.run("ca", "retire", "--generation", "1")
        self.assertEqual(done.returncode, 0, done.stderr)
        offline.OfflineRoot.signer_starts(self, factory)

    def test_in_a_token(self):
        factory = offline.Machine("hall")
        os.mkdir(factory.path("tokens"), 0o700)
        with open(factory.path("softhsm2.conf"), "w") as file:
            file.write(f"directories.tokendir = {factory.path('tokens')}\nobjectstore.backend = file\n")
        with open(factory.path("pin"), "w") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write("pin-4711\n")
        with open(factory.path("factory-ca.yaml")) as file:
            text = file.read()
        with open(factory.path("factory-ca.yaml"), "w") as file:
            file.write(text.replace("  passphrase_file: passphrase\n", "  pkcs11_pin_file: pin\n  pkcs11_uri: "
                                    '"pkcs11:token=hall?module-path=/usr/lib/softhsm/libsofthsm2.so"\n'))
        os.environ["SOFTHSM2_CONF"] = factory.path("softhsm2.conf")
        self.addCleanup(os.environ.pop, "SOFTHSM2_CONF")
        run("softhsm2-util", "--init-token", "--free", "--label", "hall", "--pin", "pin-4711", "--so-pin", "so-4711")
        for words in (["init"], ["ca", "renew"], ["ca", "renew"], ["ca", "retire", "--generation", "2"]):
            done = factory.run(*words)
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(offline.blocks(factory.path("published/chain.pem"))), 4)
        done = factory.run("key", "list")
        self.assertEqual(re.findall(r"^(\S+) +p", done.stdout, re.M),
                         ["root", "issuing", "line-access", "issuing-2", "issuing-3"])
        self.assertIn("OK", factory.openssl(
            "verify", "-x509_strict", "-crl_check_all", "-CRLfile", "published/crls.pem", "-CAfile",
            "published/root.pem", "published/issuing.pem"))
        offline.OfflineRoot.signer_starts(self, factory)


if __name__ == "__main__":
    unittest.main()
