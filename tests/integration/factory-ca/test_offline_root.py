#!/usr/bin/env python3
"""A root on a machine of its own and factories below it: request, sign, import, and what a bundle may
not be. Nothing here needs a database."""
import hashlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                                "factory-ca-front"))
from line import PROGRAM  # noqa: E402

CONFIGURATION = """\
pki:
  state_dir: state
  published_dir: published
  passphrase_file: passphrase
  organisation: {organisation}
  issuing_name: {issuing_name}
  oid_arc: 1.3.6.1.4.1.32473
  crl_base_url: {crl_base_url}
  aia_base_url: http://pki.example/ca
signer:
  socket: signer.socket
database:
  conninfo: host=/nonexistent
"""


def setUpModule():
    global folder, root, root_sha256
    folder = tempfile.TemporaryDirectory(prefix="firstring-root-", dir="/var/tmp")
    root = Machine("root")
    done = root.run("init", "--root-only", "--make-passphrase", root.path("passphrase"))
    assert done.returncode == 0, done.stderr
    root_sha256 = re.search(r"root certificate +sha256 ([0-9a-f]{64})\n", done.stdout).group(1)


def tearDownModule():
    folder.cleanup()


class Machine:
    """A folder with a configuration: what would be a computer of its own."""

    def __init__(self, name, organisation="Example Phones", issuing_name=None,
                 crl_base_url="http://pki.example/crl"):
        self.folder = os.path.join(folder.name, name)
        os.mkdir(self.folder)
        with open(self.path("factory-ca.yaml"), "w") as file:
            file.write(CONFIGURATION.format(organisation=organisation, crl_base_url=crl_base_url,
                                            issuing_name=issuing_name or f"Issuing CA of {name}"))
        with open(self.path("passphrase"), "w") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(f"the passphrase of {name}\n")

    def path(self, name):
        return os.path.join(self.folder, name)

    def run(self, *words):
        return subprocess.run([PROGRAM, "--config", self.path("factory-ca.yaml"), *words],
                              cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=60)

    def request(self):
        done = self.run("ca", "request", "--out", self.path("issuing.csr"))
        assert done.returncode == 0, done.stderr
        return self.path("issuing.csr")

    def bundle(self, by=None):
        """Its request, signed by the root."""
        out = self.path("bundle.pem")
        done = (by or root).run("ca", "sign", "--request", self.request(), "--out", out)
        assert done.returncode == 0, done.stderr
        return out

    def bring_in(self, bundle, sha256=None):
        return self.run("ca", "import", "--bundle", bundle, "--root-sha256", sha256 or root_sha256)

    def openssl(self, *words):
        return subprocess.run(["openssl", *words], cwd=self.folder, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True).stdout


def blocks(path):
    with open(path) as file:
        return re.findall(r"-----BEGIN .*?-----END [^-]+-----\n", file.read(), re.S)


class OfflineRoot(unittest.TestCase):

    def test_a_factory_comes_to_life_under_it(self):
        factory = Machine("shenzhen")
        request = factory.request()
        self.assertFalse(os.path.exists(factory.path("state")))
        self.assertIn("verify OK", factory.openssl("req", "-in", request, "-noout", "-verify"))
        out = factory.path("bundle.pem")
        signed = root.run("ca", "sign", "--request", request, "--out", out)
        self.assertEqual(signed.returncode, 0, signed.stderr)
        self.assertIn('issuing CA "Issuing CA of shenzhen"', signed.stdout)
        done = factory.bring_in(out)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertFalse(os.path.exists(factory.path("state.pending")))
        for name in ("root certificate", "issuing certificate", "root CRL"):
            told = re.search(name + r" +sha256 ([0-9a-f]{64})\n", signed.stdout).group(1)
            self.assertIn(told, done.stdout)
        self.assertIn("OK", factory.openssl(
            "verify", "-x509_strict", "-crl_check_all", "-CRLfile", "published/crls.pem", "-CAfile",
            "published/root.pem", "published/issuing.pem"))
        text = factory.openssl("x509", "-in", "published/issuing.pem", "-noout", "-text")
        self.assertIn("CA:TRUE, pathlen:0", text)
        self.assertIn("TLS Web Client Authentication, OCSP Signing", text)
        self.assertFalse(os.path.exists(factory.path("state/keys/root.key")))
        with open(root.path("state/transcript.txt")) as file:
            self.assertIn("Issuing CA of shenzhen", file.read())
        self.signer_starts(factory)
        # A second factory has an issuing CA of its own under the same root.
        other = Machine("graz")
        self.assertEqual(other.bring_in(other.bundle()).returncode, 0)
        with open(factory.path("published/root.pem")) as one, \
                open(other.path("published/root.pem")) as two:
            self.assertEqual(one.read(), two.read())
        self.assertNotIn(": OK", factory.openssl("verify", "-CAfile", "published/issuing.pem",
                                                 other.path("published/issuing.pem")))

    def signer_starts(self, factory):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(factory.path("notify"))
            manager.settimeout(60)
            signer = subprocess.Popen(
                [PROGRAM, "--config", factory.path("factory-ca.yaml"), "signer"],
                cwd=factory.folder, stderr=subprocess.DEVNULL,
                env={**os.environ, "NOTIFY_SOCKET": factory.path("notify")})
            self.assertEqual(manager.recv(100), b"READY=1")
            signer.send_signal(signal.SIGTERM)
            self.assertEqual(signer.wait(60), 0)

    def test_asked_again_the_root_gives_the_same_certificate_and_to_nobody_else(self):
        factory = Machine("again")
        first = blocks(factory.bundle())[0]
        os.unlink(factory.path("bundle.pem"))
        done = root.run("ca", "sign", "--request", factory.path("issuing.csr"), "--out",
                        factory.path("bundle.pem"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(blocks(factory.path("bundle.pem"))[0], first)

        # The name belongs to that key from now on.
        second = Machine("second", issuing_name="Issuing CA of again")
        done = root.run("ca", "sign", "--request", second.request(), "--out",
                        second.path("bundle.pem"))
        self.assertEqual(done.returncode, 73)
        self.assertIn("another pki.issuing_name", done.stderr)

    def test_nothing_is_overwritten(self):
        factory = Machine("twice")
        bundle = factory.bundle()
        self.assertEqual(factory.run("ca", "request", "--out", factory.path("new.csr")).returncode,
                         74)
        done = factory.run("ca", "request", "--out", factory.path("issuing.csr"))
        self.assertIn("there already", done.stderr)
        self.assertEqual(factory.bring_in(bundle).returncode, 0)
        done = factory.bring_in(bundle)
        self.assertEqual(done.returncode, 73)
        self.assertIn("never overwritten", done.stderr)
        self.assertEqual(factory.run("init").returncode, 73)
        self.assertEqual(root.run("init", "--root-only").returncode, 73)
        done = root.run("ca", "sign", "--request", factory.path("issuing.csr"), "--out", bundle)
        self.assertIn("there already", done.stderr)

    def test_requests_that_the_root_does_not_sign(self):
        factory = Machine("elsewhere", organisation="Other Phones")
        out = factory.path("bundle.pem")
        cases = [(factory.request(), "not for an issuing CA of Example Phones")]
        for name, key, subject, said in (
                ("p384", ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"], "/O=Example Phones/CN=X",
                 "P-256"),
                ("rsa", ["rsa:2048"], "/O=Example Phones/CN=X", "P-256"),
                ("more", ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
                 "/O=Example Phones/OU=Evil/CN=X", "must be O and CN"),
                ("slash", ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
                 "/O=Example Phones/CN=X\\/CN=001565AABBCC", "must be O and CN")):
            path = factory.path(name + ".csr")
            factory.openssl("req", "-new", "-newkey", *key, "-nodes", "-keyout", "/dev/null", "-subj",
                            subject, "-out", path)
            cases.append((path, said))
        good = Machine("altered").request()
        der = subprocess.run(["openssl", "req", "-in", good, "-outform", "DER"],
                             stdout=subprocess.PIPE, check=True).stdout
        with open(factory.path("flipped.der"), "wb") as file:
            file.write(der[:-1] + bytes([der[-1] ^ 1]))
        factory.openssl("req", "-inform", "DER", "-in", "flipped.der", "-out", "flipped.csr")
        cases.append((factory.path("flipped.csr"), "was altered"))
        cases.append((root.path("factory-ca.yaml"), "no request"))
        cases.append((root.path("nowhere"), "cannot be read"))
        for path, said in cases:
            done = root.run("ca", "sign", "--request", path, "--out", out)
            self.assertNotEqual(done.returncode, 0, path)
            self.assertIn(said, done.stderr)
            self.assertFalse(os.path.exists(out))

    def refused(self, factory, bundle, said, sha256=None):
        done = factory.bring_in(bundle, sha256)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(said, done.stderr)
        self.assertFalse(os.path.exists(factory.path("state")))
        self.assertTrue(os.path.exists(factory.path("state.pending/keys/issuing.key")))

    def test_bundles_that_a_factory_does_not_take(self):
        factory, other = Machine("careful"), Machine("careless")
        bundle = factory.bundle()
        issuing, root_pem, crl = blocks(bundle)
        self.refused(factory, bundle, "not the one whose hash you gave", "00" * 32)
        self.refused(factory, bundle, "64 hex digits", "abc")
        self.refused(factory, other.bundle(), "for another request")
        for name, content, said in (
                ("short", issuing + root_pem, "not what"),
                ("order", root_pem + issuing + crl, "not the one whose hash"),
                ("noise", "nothing\n", "not what")):
            with open(factory.path(name), "w") as file:
                file.write(content)
            self.refused(factory, factory.path(name), said)
        # A root of the same names, which is not ours: its hash gives it away, its signature too.
        false_root = Machine("false-root")
        false_root.run("init", "--root-only")
        os.rename(factory.path("issuing.csr"), factory.path("kept.csr"))
        done = false_root.run("ca", "sign", "--request", factory.path("kept.csr"), "--out",
                              factory.path("false.pem"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.refused(factory, factory.path("false.pem"), "not the one whose hash you gave")
        false_issuing, _, false_crl = blocks(factory.path("false.pem"))
        for name, content, said in (("false-issuing", false_issuing + root_pem + crl, "not as"),
                                    ("false-crl", issuing + root_pem + false_crl, "not the root's")):
            with open(factory.path(name), "w") as file:
                file.write(content)
            self.refused(factory, factory.path(name), said)
        # After all of that the right one is still taken.
        done = factory.bring_in(bundle)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_both_machines_must_mean_the_same_addresses(self):
        factory = Machine("moved", crl_base_url="http://elsewhere.example/crl")
        self.refused(factory, factory.bundle(), "crl_base_url")

    def test_the_roots_crl_is_renewed_every_year(self):
        factory = Machine("yearly")
        self.assertEqual(factory.bring_in(factory.bundle()).returncode, 0)
        done = root.run("ca", "crl", "--out", factory.path("root-crl.pem"))
        self.assertEqual(done.returncode, 0, done.stderr)
        done = factory.run("ca", "import", "--crl", factory.path("root-crl.pem"))
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(root.path("state/ca/root.crl"), "rb") as ours, \
                open(factory.path("state/ca/root.crl"), "rb") as theirs:
            self.assertEqual(hashlib.sha256(ours.read()).digest(),
                             hashlib.sha256(theirs.read()).digest())
        done = factory.run("ca", "import", "--crl", factory.path("bundle.pem"))
        self.assertEqual(done.returncode, 0, "a bundle ends with a CRL, too")
        done = factory.run("ca", "import", "--crl", factory.path("issuing.csr"))
        self.assertNotEqual(done.returncode, 0)

    def test_what_is_not_understood(self):
        for words in ([], ["sign"], ["sign", "--out", "x"], ["request", "--request", "x"],
                      ["import", "--bundle", "x"], ["import", "--root-sha256", "x"],
                      ["import", "--bundle", "x", "--crl", "y"], ["crl"], ["nonsense"]):
            self.assertEqual(root.run("ca", *words).returncode, 64, words)
        self.assertIn("usage", root.run("ca", "--help").stdout)
        done = Machine("too-early").bring_in("nowhere")
        self.assertEqual(done.returncode, 66)
        self.assertIn("comes first", done.stderr)


if __name__ == "__main__":
    unittest.main()
