#!/usr/bin/env python3
"""Whom the redirector refuses, and how alike the refusals are."""
import base64
import http.client
import os
import ssl
import time
import unittest

from tests.lib.instance import Client, Instance, Phone, der_of, run


def setUpModule():
    global firstring, known
    firstring = Instance().__enter__()
    firstring.model("model-json", "json")
    macs = firstring.macs(4)
    order = firstring.order("model-json", macs)
    known = [Phone(firstring, mac, f"SN{mac}") for mac in macs]
    firstring.issue(order, known)


def tearDownModule():
    firstring.__exit__(None, None, None)


PATH = "/v1/bootstrap"


class NoAnswerAtAll(unittest.TestCase):
    """A certificate that is not a phone's of ours: no byte of HTTP, in TLS 1.2 and 1.3."""

    def never_an_answer(self, cert=None, key=None):
        env = firstring.env
        for tls in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            client = Client(env["FIRSTRING_REDIRECTOR_URL"], env["FIRSTRING_SERVER_CA"], cert, key, tls=tls)
            with self.assertRaises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
                client.request("GET", PATH)

    def self_made(self, name, *words, days="30"):
        folder = os.path.join(firstring.scratch, name)
        os.makedirs(folder, exist_ok=True)
        cert, key = f"{folder}/cert.pem", f"{folder}/key.pem"
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", key, "-out", cert, "-days", days, *words)
        return cert, key

    def test_none(self):
        self.never_an_answer()

    def test_self_signed(self):
        self.never_an_answer(*self.self_made("self", "-subj", f"/CN={known[0].mac}"))

    def test_another_ca_with_the_same_names(self):
        issuer = run("openssl", "x509", "-in", firstring.env["FIRSTRING_DEVICE_CA"], "-noout", "-subject",
                     "-nameopt", "RFC2253,sep_multiline").stdout.decode()
        names = [line.strip() for line in issuer.splitlines()[1:]]
        ca, ca_key = self.self_made("other-ca", "-subj", "/" + "/".join(reversed(names)))
        folder = os.path.join(firstring.scratch, "other-leaf")
        os.makedirs(folder, exist_ok=True)
        run("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", f"{folder}/key.pem", "-out", f"{folder}/csr.pem", "-subj", f"/CN={known[0].mac}")
        with open(f"{folder}/ext", "w") as file:
            file.write("basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
                       "extendedKeyUsage=clientAuth\n")
        run("openssl", "x509", "-req", "-in", f"{folder}/csr.pem", "-CA", ca, "-CAkey", ca_key,
            "-CAcreateserial", "-days", "30", "-extfile", f"{folder}/ext", "-out", f"{folder}/cert.pem")
        self.never_an_answer(f"{folder}/cert.pem", f"{folder}/key.pem")

    def test_tampered(self):
        """The last byte of the signature turned."""
        der = bytearray(der_of(known[0].certificate))
        der[-1] ^= 1
        path = known[0].cert + ".tampered"
        with open(path, "w") as file:
            file.write("-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(bytes(der)).decode()
                       + "-----END CERTIFICATE-----\n")
        self.never_an_answer(path, known[0].key)

    def test_a_stations_certificate_is_no_phones(self):
        env = firstring.env
        self.never_an_answer(env["FIRSTRING_STATION_CERT"], env["FIRSTRING_STATION_KEY"])


class TheSameBytes(unittest.TestCase):
    """Not live, unclaimed, suspended, and a common file: nobody can tell them apart."""

    def setUp(self):
        self.unclaimed = known[0].boot(PATH)
        self.assertEqual(self.unclaimed.status, 404)

    def same(self, answer):
        self.assertEqual(answer.same_bytes(), self.unclaimed.same_bytes())

    def test_common_file_and_unknown_file(self):
        for path in ("/y000000000028.cfg", "/000000000000.cfg", "/cfg.xml", "/", "/favicon.ico", "/a/b?c=d"):
            self.same(known[0].boot(path))

    def test_not_live_on_record(self):
        phone = known[1]
        firstring.psql(f"update firstring.certificate set status = 'revoked', revoked_at = now(), "
                       f"revoke_reason = 'keyCompromise' where mac = '{phone.mac}'")
        self.same(phone.boot(PATH))

    def test_suspended_claim_and_suspended_itsp(self):
        phone = known[2]
        itsp = firstring.new_itsp("Suspended Ltd")
        firstring.claim(itsp, phone, firstring.profile(itsp, "p"))
        self.assertEqual(phone.boot(PATH).status, 200)
        itsp.ok("PATCH", f"/v1/claims/{phone.mac}", {"suspended": True},
                content_type="application/merge-patch+json")
        self.same(phone.boot(PATH))
        itsp.ok("PATCH", f"/v1/claims/{phone.mac}", {"suspended": False},
                content_type="application/merge-patch+json")
        self.assertEqual(phone.boot(PATH).status, 200)
        firstring.admin.ok("PATCH", f"/v1/admin/itsps/{itsp.itsp_id}", {"suspended": True},
                           content_type="application/merge-patch+json")
        self.same(phone.boot(PATH))

    def test_released(self):
        phone = known[3]
        firstring.claim(firstring.itsp, phone, firstring.profile(firstring.itsp, "released"))
        self.assertEqual(phone.boot(PATH).status, 200)
        firstring.itsp.ok("DELETE", f"/v1/claims/{phone.mac}")
        self.same(phone.boot(PATH))


class OtherRefusals(unittest.TestCase):

    def test_another_phones_mac_is_403_whether_it_exists_or_not(self):
        ask, other = known[0], known[2]
        answers = [ask.boot(path) for path in (
            f"/{other.mac.lower()}.cfg", "/001565ffffff.cfg", f"/x/{other.mac}.xml", f"/?mac={other.mac}")]
        self.assertEqual([answer.status for answer in answers], [403] * 4)
        self.assertEqual(len({answer.body for answer in answers}), 1)
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            events = firstring.admin.ok("GET", "/v1/admin/security-events")
            if any(event.get("mac") == ask.mac and event.get("kind") == "mac_mismatch"
                   for event in events["security_events"]):
                return
            time.sleep(0.2)
        self.fail(f"no security event: {events}")

    def test_uploads_are_refused_before_the_path_is_looked_at(self):
        for method in ("PUT", "POST", "DELETE", "PATCH", "OPTIONS"):
            self.assertEqual(known[0].boot("/whatever", method=method).status, 405, method)

    def test_head_is_get_without_a_body(self):
        answer = known[0].boot(PATH, method="HEAD")
        self.assertEqual((answer.status, answer.body), (404, b""))

    def test_a_session_is_never_resumed(self):
        phone, env = known[0], firstring.env
        where = env["FIRSTRING_REDIRECTOR_URL"].removeprefix("https://")
        for tls in ("-tls1_2", "-tls1_3"):
            out = run("openssl", "s_client", "-connect", where, "-CAfile", env["FIRSTRING_SERVER_CA"],
                      "-cert", phone.cert, "-key", phone.key, tls, "-reconnect", stdin=b"",
                      check=False).stdout.decode()
            self.assertNotIn("Reused, ", out)


if __name__ == "__main__":
    unittest.main()
