#!/usr/bin/env python3
"""CRLs and CA certificates over plain HTTP, and nothing else there."""
import base64
import http.client
import os
import subprocess
import sys
import time
import unittest
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from portal import BUILD, Case, run  # noqa: E402


class Status(Case):

    def get(self, path, method="GET"):
        connection = http.client.HTTPConnection("127.0.0.1", self.portal.status_port, timeout=10)
        connection.request(method, path)
        answer = connection.getresponse()
        answer.body = answer.read()
        connection.close()
        return answer

    def publish(self, kind, shard, content, number="null"):
        self.portal.psql(f"insert into firstring.pki_object (kind, shard, content, number) "
                         f"values ('{kind}', {shard}, '{content}', {number})")

    def test_published_objects(self):
        self.publish("root_crl", 0, "root crl", 1)
        self.publish("issuing_crl", 0, "issuing crl", 1)
        self.publish("issuing_crl", 7, "seventh", 1)
        self.publish("root_certificate", 0, "root")
        self.publish("issuing_certificate", 0, "issuing")
        self.publish("issuing_certificate", 3, "third")
        self.publish("chain", 0, "chain")
        for path, media, body in (("/crl/root.crl", "application/pkix-crl", b"root crl"),
                                  ("/crl/issuing-0.crl", "application/pkix-crl", b"issuing crl"),
                                  ("/crl/issuing-7.crl", "application/pkix-crl", b"seventh"),
                                  ("/ca/root.cer", "application/pkix-cert", b"root"),
                                  ("/ca/issuing.cer", "application/pkix-cert", b"issuing"),
                                  ("/ca/issuing-3.cer", "application/pkix-cert", b"third"),
                                  ("/ca/chain.pem", "application/pem-certificate-chain", b"chain")):
            answer = self.get(path)
            self.assertEqual((answer.status, answer.headers["Content-Type"], answer.body), (200, media, body))
            self.assertEqual((self.get(path, "HEAD").status, self.get(path, "HEAD").body), (200, b""))
            self.assertEqual(self.get(path, "POST").status, 405)

    def test_nothing_else(self):
        for path in ("/", "/crl/", "/crl/issuing-8.crl", "/crl/issuing-.crl", "/crl/issuing--1.crl", "/crl/issuing-00.crl",
                     "/crl/issuing-99999999999999999999.crl", "/crl/root.crl/", "/ca/leaf.cer", "/ca/issuing-4.cer", "/ca/issuing-3.crl",
                     "/crl/issuing-3.cer", "/v1/me", "/openapi.json",
                     "/metrics", "/crl/..%2fca"):
            self.assertEqual(self.get(path).status, 404, path)


class Ocsp(Case):
    """OpenSSL's own client, against a certificate authority made by OpenSSL."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.key, cls.ca = cls.portal.path("ocsp.key"), cls.portal.path("issuing.pem")
        ca_key = cls.portal.path("issuing.key")
        new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        run("openssl", "req", "-x509", *new_key, "-keyout", ca_key, "-out", cls.ca, "-subj", "/CN=issuing", "-days", "9")
        run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", cls.key)
        os.chmod(cls.key, 0o600)
        cls.responder = cls.certify(cls.key, ca_key, "responder")
        cls.other = cls.certify(ca_key, ca_key, "for-another-key")
        cls.publish_der("issuing_certificate", cls.ca)
        cls.portal.configure(status=f"\n  enabled: true\n  listen: \"127.0.0.1:{cls.portal.status_port}\""
                                    f"\n  ocsp_key: {cls.key}")
        cls.portal.stop()
        cls.portal.start()

    @classmethod
    def certify(cls, key, ca_key, name, ca=None):
        path, extensions = cls.portal.path(f"{name}.pem"), cls.portal.path("extensions")
        with open(extensions, "w") as file:
            file.write("extendedKeyUsage=OCSPSigning\n1.3.6.1.5.5.7.48.1.5=ASN1:NULL\n")
        request = run("openssl", "req", "-new", "-key", key, "-subj", f"/CN={name}").stdout
        run("openssl", "x509", "-req", "-CA", ca or cls.ca, "-CAkey", ca_key, "-CAcreateserial", "-days", "9", "-extfile",
            extensions, "-out", path, stdin=request)
        return path

    @classmethod
    def publish_der(cls, kind, path, shard=0):
        der = run("openssl", "x509", "-in", path, "-outform", "DER").stdout.hex()
        cls.portal.psql(f"insert into firstring.pki_object (kind, shard, content) values ('{kind}', {shard}, '\\x{der}') "
                        f"on conflict (kind, shard) do update set content = excluded.content")

    def phone(self, status, reason=None, first="40"):
        """A certificate on record, by its serial alone."""
        serial = first + os.urandom(15).hex()
        mac = f"02f1{os.urandom(4).hex()}"
        dead = "now() - interval '1 hour'" if status != "live" else "null"
        reason = f"'{reason}'" if reason else "null"
        self.portal.psql(f"""
          insert into firstring.device_model (name, format, key_types, authentication)
            values ('ocsp', 'json', '{{p256}}', 'certificate') on conflict do nothing;
          insert into firstring.operator (fingerprint, name, role, certificate)
            values (sha256('o'), 'o', 'operator', 'o') on conflict do nothing;
          insert into firstring.station (fingerprint, name, certificate, not_after)
            values (sha256('s'), 's', 's', now()) on conflict do nothing;
          insert into firstring.production_order (reference, model, certificate_profile, key_types, first_mac, quantity,
            statement, signatures, operator_fingerprint) values ('{mac}', 'ocsp', 'p', '{{p256}}', '{mac}', 1, 's', 's',
            sha256('o'));
          insert into firstring.device (mac, serial_number, model, source, order_id)
            select '{mac}', 'SN', 'ocsp', 'factory', id from firstring.production_order where reference = '{mac}';
          insert into firstring.certificate (fingerprint, mac, serial, spki_sha256, der, order_id, station_fingerprint,
            not_before, status, revoked_at, revoke_reason)
            select sha256('{mac}'), '{mac}', '\\x{serial}', sha256('{mac}'), 'd', id, sha256('s'), now(), '{status}',
            {dead}, {reason} from firstring.production_order where reference = '{mac}'""")
        return serial

    def ask(self, *serials, nonce=True, path="/ca/ocsp"):
        words = [word for serial in serials for word in ("-serial", "0x" + serial)]
        return run("openssl", "ocsp", "-issuer", self.ca, *words, "-nonce" if nonce else "-no_nonce", "-CAfile", self.ca,
                   "-url", f"http://127.0.0.1:{self.portal.status_port}{path}", "-text", check=False)

    def request(self, serial, *words):
        path = self.portal.path("request.der")
        run("openssl", "ocsp", "-issuer", self.ca, "-serial", "0x" + serial, "-no_nonce", *words, "-reqout", path)
        with open(path, "rb") as file:
            return file.read()

    def send(self, method, path, body=None, media="application/ocsp-request"):
        connection = http.client.HTTPConnection("127.0.0.1", self.portal.status_port, timeout=10)
        connection.request(method, path, body, {"Content-Type": media} if body is not None else {})
        answer = connection.getresponse()
        answer.body = answer.read()
        connection.close()
        return answer

    def wait_for_responder(self, body):
        deadline = time.monotonic() + 30
        while self.send("POST", "/ca/ocsp", body).body == b"\x30\x03\x0a\x01\x03":
            self.assertLess(time.monotonic(), deadline, "the responder does not become ready")
            time.sleep(0.1)

    def test_the_record_is_what_is_said(self):
        good, revoked, replaced = self.phone("live"), self.phone("revoked", "keyCompromise"), self.phone(
            "superseded", "superseded")
        self.publish_der("ocsp_certificate", self.responder)
        self.wait_for_responder(self.request(good))
        done = self.ask(good, revoked, replaced, "40" * 16)
        self.assertIn(b"Response verify OK", done.stderr, done)
        text = done.stdout.decode()
        for serial, said in ((good, "good"), (revoked, "revoked\n\tThis Update"), (replaced, "revoked"),
                             ("40" * 16, "unknown")):
            self.assertIn(f"0x{serial}: {said.split(chr(10))[0]}", text)
        self.assertIn("Reason: keyCompromise", text)
        self.assertIn("Reason: superseded", text)
        self.assertNotIn("WARNING", done.stderr.decode())  # the nonce came back
        self.assertIn(b"Response verify OK", self.ask(good, path="/ocsp").stderr)
        # Revoked now is told now.
        self.portal.psql(f"update firstring.certificate set status = 'revoked', revoked_at = now(), revoke_reason = "
                         f"'cessationOfOperation' where serial = '\\x{good}'")
        self.assertIn("Reason: cessationOfOperation", self.ask(good).stdout.decode())

    def test_each_issuing_ca_answers_for_its_own(self):
        """A renewed issuing CA beside the first one: each is answered for by its own delegation."""
        ca_key, ca = self.portal.path("issuing-2.key"), self.portal.path("issuing-2.pem")
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
            ca_key, "-out", ca, "-subj", "/CN=issuing G2", "-days", "9")
        old, new, bad = self.phone("live"), self.phone("live", first="02"), self.phone("revoked", "keyCompromise", "02")
        self.publish_der("ocsp_certificate", self.responder)
        self.publish_der("ocsp_certificate", self.certify(self.key, ca_key, "responder-2", ca), 2)
        self.publish_der("issuing_certificate", ca, 2)

        def ask(issuer, serial):
            done = run("openssl", "ocsp", "-issuer", issuer, "-serial", "0x" + serial, "-CAfile", issuer, "-url",
                       f"http://127.0.0.1:{self.portal.status_port}/ca/ocsp", check=False)
            return done.stderr.decode(), done.stdout.decode()
        deadline = time.monotonic() + 90  # certificates are looked for once a minute
        while "verify OK" not in ask(ca, new)[0]:
            self.assertLess(time.monotonic(), deadline, ask(ca, new))
            time.sleep(0.2)
        for issuer, serial, said in ((self.ca, old, "good"), (ca, new, "good"), (ca, bad, "revoked"),
                                     (ca, old, "unknown"), (self.ca, new, "unknown")):
            text = ask(issuer, serial)
            self.assertIn("verify OK", text[0])
            self.assertIn(f"0x{serial}: {said}", text[1])

    def test_get_and_what_caches_may_keep(self):
        self.publish_der("ocsp_certificate", self.responder)
        body = self.request(self.phone("live"))
        self.wait_for_responder(body)
        text = base64.b64encode(body).decode()
        answers = [self.send("GET", f"/ca/ocsp/{spelled}") for spelled in (urllib.parse.quote(text, safe=""), text)]
        for answer in answers:
            self.assertEqual((answer.status, answer.headers["Content-Type"], answer.body[:2]),
                             (200, "application/ocsp-response", answers[0].body[:2]))
            self.assertIn("max-age=1800, public", answer.headers["Cache-Control"])
            self.assertTrue(answer.headers["Expires"] and answer.headers["Last-Modified"])
        self.assertEqual(self.send("HEAD", f"/ca/ocsp/{text}").body, b"")
        self.assertEqual(self.send("POST", "/ca/ocsp", body).headers["Cache-Control"], "no-store")
        with_nonce = base64.b64encode(self.request(self.phone("live"), "-nonce")).decode()
        self.assertEqual(self.send("GET", f"/ca/ocsp/{urllib.parse.quote(with_nonce, safe='')}")
                         .headers["Cache-Control"], "no-store")

    def test_what_is_no_request(self):
        malformed, unauthorized = b"\x30\x03\x0a\x01\x01", b"\x30\x03\x0a\x01\x06"
        body = self.request(self.phone("live"))
        self.publish_der("ocsp_certificate", self.responder)
        self.wait_for_responder(body)
        for bad in (b"", b"x", body[:-1], body + b"x", b"\x30\x80" * 2000):
            answer = self.send("POST", "/ca/ocsp", bad)
            self.assertEqual((answer.status, answer.body), (200, malformed), bad)
        for path in ("/ca/ocsp", "/ca/ocsp/", "/ca/ocsp/AA", "/ca/ocsp/" + "A" * 1900):
            self.assertEqual(self.send("GET", path).body, malformed, path)
        self.assertEqual(self.send("GET", "/ca/ocsp/%zz").status, 400)
        self.assertEqual(self.send("POST", "/ca/ocsp", b"x" * 5000).status, 413)
        self.assertEqual(self.send("POST", "/ca/ocsp", body, "text/plain").status, 415)
        self.assertEqual(self.send("PUT", "/ca/ocsp", body).status, 405)
        self.assertEqual(self.send("GET", "/ca/ocspx").status, 404)
        stranger = run("openssl", "ocsp", "-issuer", self.portal.path("server.pem"), "-serial", "1", "-reqout", "-")
        self.assertEqual(self.send("POST", "/ca/ocsp", stranger.stdout).body, unauthorized)
        self.assertIn(b"Response verify OK", self.ask(self.phone("live")).stderr)

    def test_a_key_that_cannot_be_used(self):
        with open(self.key) as file:
            good = file.read()
        for content, mode, said in (("no key", 0o600, "not a PEM private key"), (good, 0o644, "0600")):
            path = self.portal.path("bad.key")
            with open(path, "w") as file:
                file.write(content)
            os.chmod(path, mode)
            config = self.portal.path("bad.yaml")
            with open(self.portal.path("portal-api.yaml")) as file, open(config, "w") as out:
                out.write(file.read().replace(self.key, path))
            done = subprocess.run([os.path.join(BUILD, "bin/portal-api"), "--config", config],
                                  stderr=subprocess.PIPE, timeout=30)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(said, done.stderr.decode())


if __name__ == "__main__":
    unittest.main()
