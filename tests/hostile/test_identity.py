#!/usr/bin/env python3
"""Certificates that are wrong in ways the other tests do not try: not yet valid, huge, deep, of key types that we do not
offer, chains of nonsense. No byte of HTTP is answered, no worker is lost, a good phone is served after each."""
import http.client
import os
import ssl
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
from tests.hostile.raw import workers  # noqa: E402
from tests.lib.instance import run  # noqa: E402
from tests.lib.redirector import LEAF, Redirector, read  # noqa: E402

MAC = "00156500FFFF"
CLIENT = LEAF + "extendedKeyUsage=clientAuth\n"
SUBJECT = f"/O=Example Phones/OU=model/serialNumber=SN1/CN={MAC}"


def setUpModule():
    global redirector, phone
    redirector = Redirector().__enter__()
    phone = redirector.phone()


def tearDownModule():
    redirector.__exit__(None, None, None)


class Identity(unittest.TestCase):

    def setUp(self):
        self.workers = workers(redirector)

    def tearDown(self):
        self.assertEqual(phone.boot("/v1/bootstrap").status, 200)
        self.assertEqual(workers(redirector), self.workers, "a worker was lost")

    def never(self, cert, key):
        for tls in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with self.assertRaises((OSError, http.client.HTTPException)):
                redirector.client(cert, key, tls).request("GET", "/v1/bootstrap", timeout=10)

    def signed(self, name, genpkey, *more, subject=SUBJECT, extensions=CLIENT):
        """(certificate, key) of a key made with these words of openssl-genpkey."""
        base = redirector.path(name)
        run("openssl", "genpkey", *genpkey, "-out", f"{base}.key")
        csr = run("openssl", "req", "-new", "-key", f"{base}.key", "-subj", subject).stdout
        with open(f"{base}.ext", "w") as file:
            file.write(extensions)
        run("openssl", "x509", "-req", "-CA", redirector.factory.cert, "-CAkey", redirector.factory.key, "-CAcreateserial",
            "-extfile", f"{base}.ext", "-out", f"{base}.pem", *(more or ("-days", "30")), stdin=csr)
        return f"{base}.pem", f"{base}.key"

    def test_not_yet_valid(self):
        cert, key = redirector.factory.sign("early", SUBJECT, CLIENT)
        # openssl-x509 signs from now on only; openssl-ca takes dates.
        folder = redirector.path("ca")
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/conf", "w") as file:
            file.write(f"[ca]\ndefault_ca=d\n[d]\ndatabase={folder}/index\nnew_certs_dir={folder}\nserial={folder}/serial\n"
                       "default_md=sha256\npolicy=p\nx509_extensions=e\n[p]\nO=optional\nOU=optional\nserialNumber=optional\n"
                       f"commonName=supplied\n[e]\n{CLIENT}")
        for name, text in (("index", ""), ("serial", "4012345678901234567890123456789a\n")):
            with open(f"{folder}/{name}", "w") as file:
                file.write(text)
        csr = run("openssl", "req", "-new", "-key", key, "-subj", SUBJECT).stdout
        with open(f"{folder}/csr", "wb") as file:
            file.write(csr)
        run("openssl", "ca", "-batch", "-config", f"{folder}/conf", "-cert", redirector.factory.cert, "-keyfile",
            redirector.factory.key, "-in", f"{folder}/csr", "-out", f"{folder}/cert.pem", "-notext",
            "-startdate", "20900101000000Z", "-enddate", "20910101000000Z")
        self.never(f"{folder}/cert.pem", key)

    def test_keys_of_other_kinds(self):
        for name, words in (("ed25519", ["-algorithm", "ED25519"]), ("ed448", ["-algorithm", "ED448"]),
                            ("secp256k1", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"]),
                            ("p521", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"]),
                            ("explicit", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt",
                                          "ec_param_enc:explicit"]),
                            ("rsa-pss", ["-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"])):
            with self.subTest(name):
                self.never(*self.signed(name, words))

    def test_a_huge_certificate_and_a_long_chain(self):
        names = ",".join(f"DNS:{'a' * 60}{number}.example" for number in range(1500))
        with self.subTest("huge"):
            self.never(*self.signed("huge", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
                                    extensions=CLIENT + f"subjectAltName={names}\n"))
        cert, key = redirector.factory.sign("chained", SUBJECT, CLIENT)
        with self.subTest("a chain of 300"):
            path = redirector.path("long.pem")
            with open(path, "w") as file:
                file.write(read(cert) * 300)
            self.never(path, key)

    def test_a_chain_of_strangers_behind_a_good_leaf_changes_nothing(self):
        other = redirector.server_ca
        path = redirector.path("strangers.pem")
        with open(path, "w") as file:
            file.write(read(phone.cert) + read(other) * 3)
        self.assertEqual(redirector.client(path, phone.key).request("GET", "/v1/bootstrap").status, 200)

    def test_bytes_that_are_no_handshake(self):
        """Random, cut and repeated records, by a client that minds nothing."""
        for seed in range(40):
            script = (f"import os,random,socket\nr=random.Random({seed})\n"
                      f"s=socket.create_connection(('127.0.0.1',{redirector.port}),timeout=5)\n"
                      "for _ in range(r.randrange(1,6)):\n"
                      "  b=bytes(r.randrange(256) for _ in range(r.randrange(1,3000)))\n"
                      "  try: s.sendall(r.choice([b'',b'\\x16\\x03\\x01',b'\\x16\\x03\\x03\\x02\\x00\\x01',b'\\x15\\x03\\x03'])+b)\n"
                      "  except OSError: break\n")
            self.assertEqual(subprocess.run([sys.executable, "-c", script], check=False).returncode, 0)


if __name__ == "__main__":
    unittest.main()
