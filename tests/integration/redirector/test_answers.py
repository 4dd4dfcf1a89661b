#!/usr/bin/env python3
"""What phones are told: each format, key type and TLS version, read by a parser of the vendor's syntax."""
import os
import ssl
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../.."))
from tests.lib.instance import run  # noqa: E402
from tests.lib.redirector import PASSWORD, Redirector, eventually, read  # noqa: E402
from tests.lib.vendors import VENDORS  # noqa: E402


def setUpModule():
    global redirector
    redirector = Redirector().__enter__()


def tearDownModule():
    redirector.__exit__(None, None, None)


class EveryVendor(unittest.TestCase):

    def answer(self, vendor, key_type):
        phone = redirector.phone(vendor.name, key_type)
        bodies = set()
        for tls in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            answer, url, password = vendor.boot(phone, tls)
            self.assertEqual(url, f"https://prov.itsp.example/p/{phone.mac.lower()}"
                                  f"?sn={phone.serial}&m=model-{vendor.name}")
            self.assertEqual(password, PASSWORD)
            self.assertEqual(answer.headers["Cache-Control"], "no-store")
            self.assertNotIn(b"http://", answer.body)
            bodies.add(answer.body)
        self.assertEqual(len(bodies), 1, "the same phone was told different things")
        eventually(lambda: ("delivered", "answer") in redirector.events(phone))
        self.assertEqual(redirector.psql(f"select delivered_at is not null, password_delivered_at is not null"
                                         f" from firstring.claim where mac = '{phone.mac}'"), "t|t")


for _vendor in VENDORS:
    for _key_type in ("p256", "rsa2048"):
        def _test(self, vendor=_vendor, key_type=_key_type):
            self.answer(vendor, key_type)
        setattr(EveryVendor, f"test_{_vendor.name.replace('-', '_')}_{_key_type}", _test)


class Answers(unittest.TestCase):

    def test_curl_gets_it_too(self):
        phone = redirector.phone()
        body = run("curl", "-sS", "--fail", "--cacert", redirector.server_ca, "--cert", phone.cert,
                   "--key", phone.key, f"https://127.0.0.1:{redirector.port}/v1/bootstrap").stdout
        self.assertIn(PASSWORD.encode(), body)

    def test_head_is_no_delivery(self):
        phone = redirector.phone("yealink")
        path = f"/{phone.mac.lower()}.cfg"
        head, get = phone.boot(path, method="HEAD"), phone.boot(path)
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertEqual(head.headers["Content-Length"], get.headers["Content-Length"])
        eventually(lambda: len(redirector.events(phone)) == 3)
        self.assertEqual([kind for kind, _ in redirector.events(phone)],
                         ["contacted", "contacted", "delivered"])

    def test_a_master_file_is_no_delivery_and_opens_no_secret(self):
        phone = redirector.phone("poly")
        master = phone.boot(f"/{phone.mac.lower()}.cfg")
        self.assertEqual(master.status, 200)
        self.assertNotIn(PASSWORD.encode(), master.body)
        eventually(lambda: redirector.events(phone) == [("contacted", "answer")])

    def test_a_pending_password_is_delivered_and_becomes_the_delivered_one(self):
        phone = redirector.phone()
        redirector.set_pending(phone, "nEw7pAssw0rdXyZ3")
        self.assertEqual(phone.boot("/v1/bootstrap").json()["admin_password"], "nEw7pAssw0rdXyZ3")
        eventually(lambda: redirector.psql(f"select password_version, pending_version is null from"
                                           f" firstring.claim where id = '{phone.claim}'") == "2|t")

    def test_fallbacks_and_trust_anchors_reach_the_formats_that_carry_them(self):
        itsp = redirector.itsp, redirector.profile
        pem = read(redirector.server_ca)
        redirector.make_itsp(fallback_urls=["https://b.itsp.example/{MAC}"], trust_anchors=pem + pem)
        try:
            phone = redirector.phone()
            document = phone.boot("/v1/bootstrap").json()
        finally:
            redirector.itsp, redirector.profile = itsp
        self.assertEqual(document["provisioning_urls"][1:], [f"https://b.itsp.example/{phone.mac}"])
        self.assertEqual(document["trust_anchors"], [pem.strip()] * 2)

    def test_a_password_of_another_phone_does_not_open(self):
        phone, other = redirector.phone(), redirector.phone()
        redirector.psql(f"update firstring.claim set sealed_password = (select sealed_password from"
                        f" firstring.claim where id = '{other.claim}') where id = '{phone.claim}'")
        answer = phone.boot("/v1/bootstrap")
        self.assertEqual(answer.status, 503)
        self.assertNotIn(PASSWORD.encode(), answer.body)
        self.assertTrue(any(row["event"] == "answer_not_rendered" and row["mac"] == phone.mac
                            for row in redirector.log()))

    def test_nothing_secret_is_logged_and_a_hostile_header_stays_on_its_line(self):
        phone = redirector.phone()
        self.assertEqual(phone.boot("/v1/bootstrap", user_agent="\x1b[31m").status, 400)
        self.assertEqual(phone.boot("/v1/bootstrap", user_agent="A" * 10000).status, 431)
        self.assertEqual(phone.boot("/v1/bootstrap", user_agent='"}' + "\xe9" * 6000).status, 200)
        text = read(redirector.path("log"))
        self.assertNotIn(PASSWORD, text)
        self.assertTrue(text.isprintable() or set(text) - set(map(chr, range(32, 127))) == {"\n"})
        row = [row for row in redirector.log() if row["event"] == "request" and row["mac"] == phone.mac][-1]
        self.assertEqual((row["status"], row["reason"], row["format"]), (200, "answer", "json"))
        self.assertLess(len(row["user_agent"]), 700)

    def test_fifty_first_boots_at_once_are_told_one_thing(self):
        from concurrent.futures import ThreadPoolExecutor
        phone = redirector.phone()
        with ThreadPoolExecutor(25) as pool:
            answers = list(pool.map(lambda _: phone.boot("/v1/bootstrap"), range(50)))
        self.assertEqual({answer.status for answer in answers}, {200})
        self.assertEqual(len({answer.body for answer in answers}), 1)


if __name__ == "__main__":
    unittest.main()
