#!/usr/bin/env python3
"""Whom the redirector does not answer, and how alike its refusals are."""
import base64
import http.client
import os
import ssl
import statistics
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../.."))
from tests.lib.instance import run  # noqa: E402
from tests.lib.redirector import LEAF, Authority, Redirector, eventually, read  # noqa: E402

MAC = "00156500FFFF"
CLIENT = LEAF + "extendedKeyUsage=clientAuth\n"
SUBJECT = f"/O=Example Phones/OU=model/serialNumber=SN1/CN={MAC}"


def setUpModule():
    global redirector
    redirector = Redirector(workers=1).__enter__()  # so that times can be compared


def tearDownModule():
    redirector.__exit__(None, None, None)


class NoAnswerAtAll(unittest.TestCase):
    """A certificate that is not a phone's of ours: no byte of HTTP, in TLS 1.2 and 1.3."""

    def never(self, cert=None, key=None):
        for tls in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with self.assertRaises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
                redirector.client(cert, key, tls).request("GET", "/v1/bootstrap", timeout=10)

    def signed(self, name, subject=SUBJECT, extensions=CLIENT, **more):
        self.never(*redirector.factory.sign(name, subject, extensions, **more))

    def test_a_good_one_is_answered(self):
        """The same commands make a certificate that is let in: what follows fails for its own reason."""
        cert, key = redirector.factory.sign("good", SUBJECT, CLIENT)
        self.assertEqual(redirector.client(cert, key).request("GET", "/").status, 404)

    def test_none(self):
        self.never()

    def test_another_ca_with_the_same_names(self):
        self.never(*Authority(redirector.path("other-ca")).phone("leaf", MAC))

    def test_signed_by_a_phone(self):
        cert, key = redirector.factory.sign("phone-as-ca", SUBJECT, CLIENT)
        forger = Authority(redirector.path("forger"))
        forger.cert, forger.key = cert, key
        leaf, leaf_key = forger.phone("leaf", MAC)
        chain = redirector.path("forged.pem")
        with open(chain, "w") as file:
            file.write(read(leaf) + read(cert))
        self.never(chain, leaf_key)

    def test_expired(self):
        cert, key = redirector.factory.sign("expired", SUBJECT, CLIENT, days="0")
        time.sleep(1.1)
        self.never(cert, key)

    def test_tampered(self):
        cert, key = redirector.factory.sign("whole", SUBJECT, CLIENT)
        der = bytearray(ssl.PEM_cert_to_DER_cert(read(cert)))
        der[-1] ^= 1
        path = redirector.path("tampered.pem")
        with open(path, "w") as file:
            file.write("-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(bytes(der)).decode()
                       + "-----END CERTIFICATE-----\n")
        self.never(path, key)

    def test_no_extended_key_usage(self):
        self.signed("no-eku", extensions=LEAF)

    def test_server_auth_only(self):
        self.signed("server", extensions=LEAF + "extendedKeyUsage=serverAuth\n")

    def test_a_ca_certificate(self):
        self.signed("ca", extensions="basicConstraints=critical,CA:TRUE\n"
                    "keyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth\n")

    def test_no_digital_signature(self):
        self.signed("usage", extensions="basicConstraints=critical,CA:FALSE\n"
                    "keyUsage=critical,keyAgreement\nextendedKeyUsage=clientAuth\n")

    def test_weak_keys_and_digests(self):
        with self.assertRaises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
            redirector.client(*redirector.factory.sign("weak", SUBJECT, CLIENT, "rsa1024")).request("GET", "/")
        self.signed("sha1", digest="-sha1")

    def test_names_that_are_no_mac(self):
        for number, name in enumerate((
                "00:15:65:00:FF:FF", "00156500ffff", "00156500FFF", "00156500FFFF00", "'; select 1 --", "%s%n",
                "00156500FFFF/CN=00156500FFFE")):
            with self.subTest(name=name):
                self.signed(f"name-{number}", subject=f"/O=Example Phones/CN={name}")


class TheSameBytes(unittest.TestCase):
    """Not live, unclaimed, suspended, and a common file: nobody can tell them apart."""

    def setUp(self):
        self.reference = redirector.phone(claimed=False).boot("/v1/bootstrap")
        self.assertEqual(self.reference.status, 404)

    def same(self, answer):
        self.assertEqual(answer.same_bytes(), self.reference.same_bytes())

    def test_not_on_record(self):
        cert, key = redirector.factory.sign("unknown", SUBJECT, CLIENT)
        self.same(redirector.client(cert, key).request("GET", "/v1/bootstrap"))

    def test_revoked_and_replaced(self):
        phone = redirector.phone()
        self.assertEqual(phone.boot("/v1/bootstrap").status, 200)
        redirector.psql(f"update firstring.certificate set status = 'superseded', revoked_at = now()"
                        f" where mac = '{phone.mac}'")
        self.same(phone.boot("/v1/bootstrap"))
        eventually(lambda: redirector.security_events(phone) == ["certificate_not_live"])

    def test_suspended_claim(self):
        phone = redirector.phone()
        redirector.psql(f"update firstring.claim set state = 'suspended' where id = '{phone.claim}'")
        self.same(phone.boot("/v1/bootstrap"))
        eventually(lambda: redirector.events(phone) == [("contacted", "suspended"), ("refused", "suspended")])

    def test_suspended_itsp(self):
        itsp = redirector.itsp, redirector.profile
        suspended, _ = redirector.make_itsp()
        phone = redirector.phone()
        redirector.itsp, redirector.profile = itsp
        redirector.psql(f"update firstring.itsp set suspended = true where id = '{suspended}'")
        self.same(phone.boot("/v1/bootstrap"))

    def test_released(self):
        phone = redirector.phone()
        self.assertEqual(phone.boot("/v1/bootstrap").status, 200)
        redirector.psql(f"update firstring.claim set state = 'released', released_at = now(),"
                        f" sealed_password = null, password_purged_at = now() where id = '{phone.claim}'")
        self.same(phone.boot("/v1/bootstrap"))

    def test_common_and_unknown_files_of_a_claimed_phone(self):
        phone = redirector.phone("yealink")
        for path in ("/y000000000028.cfg", "/000000000000.cfg", "/", "/favicon.ico", "/a/b?c=d", "/%2e%2e/x",
                     "/%41", "/v1/bootstrap", f"/{phone.mac.lower()}.xml", "/" + "a" * 2000):
            with self.subTest(path=path):
                self.same(phone.boot(path))
        self.assertEqual(redirector.events(phone), [])

    def test_and_the_same_time(self):
        """Medians of interleaved requests; a lookup left out would show as half."""
        phones = {"unclaimed": (redirector.phone(claimed=False), "/v1/bootstrap"),
                  "not live": (redirector.phone(live=False), "/v1/bootstrap"),
                  "common": (redirector.phone("yealink"), "/y000000000028.cfg")}
        clients = {}
        for name, (phone, path) in phones.items():
            context = phone.client().context
            clients[name] = (http.client.HTTPSConnection("127.0.0.1", redirector.port, context=context), path)
        self.addCleanup(lambda: [connection.close() for connection, _ in clients.values()])

        def spread():
            times = {name: [] for name in phones}
            for _ in range(200):
                for name, (connection, path) in clients.items():
                    begun = time.perf_counter()
                    connection.request("GET", path)
                    connection.getresponse().read()
                    times[name].append(time.perf_counter() - begun)
            medians = [statistics.median(each) for each in times.values()]
            return max(medians) / min(medians)

        # A busy machine spreads them now and then; a difference of ours would always show.
        self.assertTrue(any(spread() < 1.4 for _ in range(5)))


class OtherRefusals(unittest.TestCase):

    def test_another_phones_mac_is_403_whether_it_exists_or_not(self):
        phone, other = redirector.phone("yealink"), redirector.phone("yealink")
        answers = [phone.boot(path) for path in (
            f"/{other.mac.lower()}.cfg", "/001565ffffff.cfg", f"/x/{other.mac}.xml", f"/?mac={other.mac}",
            f"/{phone.mac.lower()}.cfg?mac={other.mac}", "/%30%30%31565FFFFFF.cfg")]
        self.assertEqual([answer.status for answer in answers], [403] * 6)
        self.assertEqual(len({str(answer.same_bytes()) for answer in answers}), 1)
        eventually(lambda: redirector.security_events(phone) == ["mac_mismatch"] * 6)
        self.assertEqual(redirector.security_events(other), [])

    def test_also_from_a_certificate_that_is_not_on_record(self):
        cert, key = redirector.factory.sign("unknown-asks", SUBJECT, CLIENT)
        answer = redirector.client(cert, key).request("GET", "/001565ffffff.cfg")
        self.assertEqual(answer.status, 403)

    def test_other_methods_are_405_before_the_path(self):
        phone, other = redirector.phone(), redirector.phone()
        for method in ("PUT", "POST", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"):
            for path in ("/v1/bootstrap", f"/{other.mac}.cfg"):
                answer = phone.boot(path, method=method)
                self.assertEqual((answer.status, answer.headers["Allow"]), (405, "GET, HEAD"), method)

    def test_an_upload_is_refused_and_read_no_further(self):
        phone = redirector.phone()
        answer = phone.client().request("PUT", "/directory.xml", b"x" * 100000, "text/xml")
        self.assertEqual(answer.status, 405)

    def test_a_session_is_never_resumed(self):
        phone = redirector.phone()
        for tls in ("-tls1_2", "-tls1_3"):
            session = redirector.path("session.pem")
            words = ["openssl", "s_client", "-connect", f"127.0.0.1:{redirector.port}", "-CAfile",
                     redirector.server_ca, "-cert", phone.cert, "-key", phone.key, tls, "-ign_eof"]
            request = b"GET /v1/bootstrap HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            first = run(*words, "-sess_out", session, stdin=request, check=False).stdout
            self.assertIn(b"HTTP/1.1 200", first)
            if os.path.exists(session):
                # Without a certificate: a resumed session would be let in on the old one's identity.
                bare = [word for word in words if word not in ("-cert", phone.cert, "-key", phone.key)]
                again = run(*bare, "-sess_in", session, stdin=request, check=False).stdout
                self.assertNotIn(b"HTTP/1.1", again)
                self.assertNotIn(b"Reused, ", again)
                os.unlink(session)

    def test_older_tls_is_not_offered(self):
        phone = redirector.phone()
        for tls in ("-tls1", "-tls1_1"):
            out = run("openssl", "s_client", "-connect", f"127.0.0.1:{redirector.port}", tls,
                      "-cipher", "ALL:@SECLEVEL=0", "-cert", phone.cert, "-key", phone.key,
                      stdin=b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", check=False).stdout
            self.assertNotIn(b"HTTP/1.1", out)

    def test_reasons_are_counted(self):
        before = redirector.metrics()
        redirector.phone(claimed=False).boot("/v1/bootstrap")
        after = redirector.metrics()
        name = 'firstring_redirector_answers_total{reason="unclaimed"}'
        self.assertEqual(int(after[name]), int(before.get(name, 0)) + 1)


class Policies(unittest.TestCase):

    def test_a_closed_window_is_the_same_404_and_an_open_one_is_served(self):
        itsp = redirector.itsp, redirector.profile
        redirector.make_itsp(redelivery="window", window_hours=24)
        phone = redirector.phone()
        redirector.itsp, redirector.profile = itsp
        self.assertEqual(phone.boot("/v1/bootstrap").status, 200)
        redirector.psql(f"update firstring.claim set armed_at = now() - interval '25 hours'"
                        f" where id = '{phone.claim}'")
        self.assertEqual(phone.boot("/v1/bootstrap").status, 404)


if __name__ == "__main__":
    unittest.main()
