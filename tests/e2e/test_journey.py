#!/usr/bin/env python3
"""One phone's journey: factory, sale, first boot; for every format, key type and TLS version."""
import base64
import csv
import os
import re
import ssl
import tempfile
import unittest

from tests.lib.instance import BUILD, Client, Instance, Phone, der_of, run
from tests.lib.redirector import eventually
from tests.lib.vendors import VENDORS

PASSWORD = re.compile(r"(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9])[A-Za-z0-9]{12,64}\Z")


def setUpModule():
    global firstring
    firstring = Instance().__enter__()


def tearDownModule():
    firstring.__exit__(None, None, None)


class EveryVendor(unittest.TestCase):
    """P-256 and RSA-2048, TLS 1.2 and 1.3, each vendor's own path, User-Agent and parser."""

    def journey(self, vendor, key_type):
        model = firstring.model(f"model-{vendor.name}", vendor.name)
        mac, = firstring.macs(1)
        phone = Phone(firstring, mac, f"SN{mac}", key_type)
        firstring.issue(firstring.order(model, [mac]), [phone])
        profile = firstring.profile(firstring.itsp, f"{vendor.name}-{key_type}",
                                    "https://prov.itsp.example/p/{mac}?model={model}&sn={serial}")
        claim = firstring.claim(firstring.itsp, phone, profile)
        self.assertEqual(claim["mac"], mac)
        revealed = firstring.itsp.ok("POST", f"/v1/claims/{mac}/reveal")
        for tls in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            answer, url, password = vendor.boot(phone, tls)
            self.assertEqual(
                url, f"https://prov.itsp.example/p/{mac.lower()}?model={model}&sn={phone.serial}")
            self.assertEqual(password, revealed["admin_password"])
            self.assertRegex(password, PASSWORD)
            self.assertNotIn(b"http://", answer.body)


for _vendor in VENDORS:
    for _key_type in ("p256", "rsa2048"):
        def _test(self, vendor=_vendor, key_type=_key_type):
            self.journey(vendor, key_type)
        setattr(EveryVendor, f"test_{_vendor.name.replace('-', '_')}_{_key_type}", _test)


class Certificate(unittest.TestCase):
    """What leaves the factory is what pki-profile says, by other people's verifiers."""

    @classmethod
    def setUpClass(cls):
        firstring.model("model-json", "json")
        mac, = firstring.macs(1)
        cls.order = firstring.order("model-json", [mac])
        cls.phone, = firstring.issue(cls.order, [Phone(firstring, mac, "SN-CERT-1")])
        cls.leaf = cls.phone.cert + ".leaf"
        with open(cls.leaf, "w") as file:
            file.write(cls.phone.certificate)

    def text(self):
        return run("openssl", "x509", "-in", self.leaf, "-noout", "-text", "-certopt", "ext_dump",
                   "-nameopt", "RFC2253").stdout.decode()

    def test_openssl_strict_accepts_it_as_a_client(self):
        chain = firstring.env["FIRSTRING_DEVICE_CA"]
        run("openssl", "verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", chain, self.leaf)

    def test_gnutls_accepts_it(self):
        with open(firstring.env["FIRSTRING_DEVICE_CA"]) as chain, open(self.leaf) as leaf:
            whole = leaf.read() + chain.read()
        run("certtool", "--verify", "--infile", "/dev/stdin",
            "--load-ca-certificate", firstring.env["FIRSTRING_DEVICE_CA"], stdin=whole.encode())

    def test_subject_and_lifetime(self):
        subject = run("openssl", "x509", "-in", self.leaf, "-noout", "-subject", "-enddate", "-serial",
                      "-nameopt", "RFC2253").stdout.decode()
        self.assertRegex(subject, rf"CN={self.phone.mac},serialNumber=SN-CERT-1,OU=model-json,O=")
        self.assertIn("notAfter=Dec 31 23:59:59 9999 GMT", subject)
        self.assertRegex(subject, r"serial=[4-7][0-9A-F]{31}\n")

    def test_extensions_are_the_profile_in_its_order(self):
        names = ["X509v3 Basic Constraints: critical", "X509v3 Key Usage: critical",
                 "X509v3 Extended Key Usage:", "X509v3 Subject Key Identifier:",
                 "X509v3 Authority Key Identifier:", "X509v3 Certificate Policies:",
                 "X509v3 CRL Distribution Points:", "Authority Information Access:",
                 "X509v3 Subject Alternative Name:"]
        text = self.text()
        places = [text.find(name) for name in names]
        self.assertNotIn(-1, places, [n for n, p in zip(names, places) if p < 0])
        self.assertEqual(places, sorted(places))
        self.assertEqual(text.count("X509v3 ") + text.count("Authority Information Access:"), len(names) + 1,
                         "an extension that the profile does not have, or the header line is gone")

    def test_what_else_a_csr_asks_for_is_not_copied(self):
        mac, = firstring.macs(1)
        phone = Phone(firstring, mac, "SN-GREEDY")
        order = firstring.order("model-json", [mac])
        row = phone.row()
        row["csr"] = phone.csr("-addext", "basicConstraints=critical,CA:TRUE",
                               "-addext", "subjectAltName=DNS:evil.example",
                               "-addext", "extendedKeyUsage=serverAuth")
        answer = firstring.batch(order, [row]).rows()[0]
        if answer["status"] == "error":
            self.assertEqual(answer["code"], "bad_csr")
        else:
            text = run("openssl", "x509", "-noout", "-text",
                       stdin=answer["certificate"].encode()).stdout.decode()
            self.assertIn("CA:FALSE", text)
            self.assertNotIn("evil.example", text)
            self.assertNotIn("TLS Web Server", text)


class EnrolmentOverSecureTransport(unittest.TestCase):
    """EST (RFC 7030) with curl and openssl as the client."""

    def setUp(self):
        firstring.model("model-json", "json")
        self.mac, = firstring.macs(1)
        self.phone = Phone(firstring, self.mac, "SN-EST")
        self.order = firstring.order("model-json", [self.mac])
        self.scratch = tempfile.mkdtemp(dir=firstring.scratch)

    def curl(self, *words, **more):
        env = firstring.env
        return run("curl", "-sS", "--cacert", env["FIRSTRING_SERVER_CA"], *words, **more)

    def test_cacerts_needs_no_client_certificate(self):
        body = self.curl("--fail", env_url("/.well-known/est/cacerts")).stdout
        text = run("openssl", "pkcs7", "-print_certs", "-inform", "DER",
                   stdin=run("openssl", "base64", "-d", stdin=body).stdout).stdout.decode()
        self.assertEqual(text.count("BEGIN CERTIFICATE"), 2)

    def enrol(self, *words):
        request = os.path.join(self.scratch, "request")
        with open(request, "wb") as file:
            file.write(base64.encodebytes(der_of(self.phone.csr())))
        env = firstring.env
        return self.curl("--fail-with-body", "--cert", env["FIRSTRING_STATION_CERT"],
                         "--key", env["FIRSTRING_STATION_KEY"], "-H", "Content-Type: application/pkcs10",
                         "--data-binary", "@" + request, *words,
                         env_url(f"/.well-known/est/{self.order}/simpleenroll")).stdout

    def test_simpleenroll_answers_the_leaf_alone_and_the_same_again(self):
        first = self.enrol("--tls-max", "1.2")
        again = self.enrol("-H", "Transfer-Encoding: chunked")
        self.assertEqual(first, again)
        pem = run("openssl", "pkcs7", "-print_certs", "-inform", "DER",
                  stdin=run("openssl", "base64", "-d", stdin=first).stdout).stdout.decode()
        self.assertEqual(pem.count("BEGIN CERTIFICATE"), 1)
        self.assertIn(self.mac, pem)

    def test_without_a_station_certificate_401_and_with_a_phones_403_or_nothing(self):
        env = firstring.env
        bare = Client(env["FIRSTRING_FACTORY_URL"], env["FIRSTRING_SERVER_CA"])
        self.assertEqual(bare.request("POST", f"/.well-known/est/{self.order}/simpleenroll", b"x",
                                      content_type="application/pkcs10").status, 401)
        firstring.issue(self.order, [self.phone])
        as_phone = Client(env["FIRSTRING_FACTORY_URL"], env["FIRSTRING_SERVER_CA"], self.phone.cert,
                          self.phone.key)
        try:
            self.assertEqual(as_phone.request("GET", f"/v1/orders/{self.order}").status, 403)
        except (ssl.SSLError, ConnectionError):
            pass  # the handshake may refuse the phones' CA before any HTTP


def env_url(path):
    return firstring.env["FIRSTRING_FACTORY_URL"] + path


class FactoryLine(unittest.TestCase):
    """The station's client makes phones that the redirector takes."""

    def run_line(self, macs, order, *more):
        env = firstring.env
        return run(os.path.join(BUILD, "bin/factory-line"), "--url", env["FIRSTRING_FACTORY_URL"], "--server-ca",
                   env["FIRSTRING_SERVER_CA"], "--station-cert", env["FIRSTRING_STATION_CERT"], "--station-key",
                   env["FIRSTRING_STATION_KEY"], "--order", order, "--out", self.out, "--first-mac", macs[0],
                   "--count", str(len(macs)), "--redirector", env["FIRSTRING_REDIRECTOR_URL"], *more, check=False)

    def test_verify_connects_as_each_phone(self):
        macs = firstring.macs(20)
        order = firstring.order(firstring.model("model-line", "json"), macs)
        self.out = os.path.join(firstring.scratch, "line")
        done = self.run_line(macs, order, "--verify")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(b"verified as 20 phones at ", done.stderr)
        # It is no first boot: nobody is told that the phone came.
        self.assertEqual(firstring.psql(f"select count(*) from firstring.device_event where mac = '{macs[0]}'"), "0")
        # Another server is no redirector, whatever it answers.
        done = self.run_line(macs, order, "--verify", "--redirector", firstring.env["FIRSTRING_PORTAL_URL"])
        self.assertEqual(done.returncode, 76, done.stderr)
        self.assertIn(b"this server asks for no phone's certificate", done.stderr)
        self.assertIn(b"verified as 0 phones", done.stderr)
        # Another phone's files in the folder do not pass for this one's.
        with open(f"{self.out}/{macs[3]}/fullchain.pem") as file, open(f"{self.out}/{macs[4]}/fullchain.pem", "w") as other:
            other.write(file.read())
        done = self.run_line(macs, order, "--verify")
        self.assertEqual(done.returncode, 76, done.stderr)
        self.assertIn(f"{macs[4]} ({macs[4]}): not verified".encode(), done.stderr)
        # The label's code claims the phone that was made.
        with open(f"{self.out}/labels.csv", newline="") as file:
            label = list(csv.DictReader(file))[0]
        profile = firstring.profile(firstring.itsp, "from the line")
        claim = firstring.itsp.ok("PUT", f"/v1/claims/{macs[0]}", {"claim_code": label["claim_code"],
                                                                  "profile_id": profile})
        self.assertEqual(claim["mac"], macs[0])


class AuditLog(unittest.TestCase):

    def test_what_all_daemons_did_is_chained_and_vouched_for(self):
        def is_whole():
            done = firstring.factory_ca("audit", "verify", check=False)
            assert done.returncode == 0, done.stdout + done.stderr
            return b"; 0 rows not chained yet" in done.stdout
        eventually(is_whole, 30, "rows stay unchained")
        self.assertIn(b"rows chained", firstring.factory_ca("audit", "verify").stdout)
        eventually(lambda: os.path.exists(os.path.join(firstring.var, "factory/audit-heads")), 90, "no head in a file")


class Orders(unittest.TestCase):
    """`order open` says the same thing twice without harm, and a different thing never."""

    def open(self, reference, first, quantity, model="model-json"):
        return firstring.factory_ca(
            "order", "open", "--reference", reference, "--model", model, "--first-mac", first,
            "--quantity", str(quantity), check=False)

    def test_identical_again_is_0_different_and_overlapping_are_65(self):
        firstring.model("model-json", "json")
        macs = firstring.macs(20)
        self.assertEqual(self.open("ORD-1", macs[0], 10).returncode, 0)
        self.assertEqual(self.open("ORD-1", macs[0], 10).returncode, 0)
        for reference, first, quantity in (("ORD-1", macs[0], 11), ("ORD-2", macs[9], 5)):
            done = self.open(reference, first, quantity)
            self.assertEqual(done.returncode, 65, done)
            self.assertTrue(done.stderr.strip(), "no word of what is wrong")

    def test_an_unknown_model_is_said(self):
        done = self.open("ORD-3", firstring.macs(1)[0], 1, "no-such-model")
        self.assertEqual(done.returncode, 65)
        self.assertIn(b"no-such-model", done.stderr)


if __name__ == "__main__":
    unittest.main()
