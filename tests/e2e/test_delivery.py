#!/usr/bin/env python3
"""From an ITSP's profile to what the phone at the desk gets: once, purged and re-armed; in stages; encrypted."""
import unittest
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

from tests.lib.cms import decrypt
from tests.lib.instance import Instance, Phone, run
from tests.lib.redirector import eventually
from tests.lib.vendors import VENDORS

BOOTSTRAP = "/v1/bootstrap"


def setUpModule():
    global firstring
    firstring = Instance().__enter__()
    firstring.model("model-json", "json")


def tearDownModule():
    firstring.__exit__(None, None, None)


def claimed(name, model="model-json", key_type="p256", order=(), **profile):
    mac, = firstring.macs(1)
    phone, = firstring.issue(firstring.order(model, [mac], *order), [Phone(firstring, mac, f"SN-{name}", key_type)])
    firstring.claim(firstring.itsp, phone, firstring.profile(firstring.itsp, name, **profile))
    return phone


def reveal(phone):
    return firstring.itsp.request("POST", f"/v1/claims/{phone.mac}/reveal")


def events(phone):
    rows, after = [], ""
    while True:
        page = firstring.itsp.ok("GET", f"/v1/events?limit=1000&after={after}")
        rows += page["events"]
        if not page["events"]:
            return [row["kind"] for row in rows if row["mac"] == phone.mac]
        after = urllib.parse.quote(page["next"])


class Once(unittest.TestCase):

    def test_once_then_locked_purged_re_armed_and_once_more(self):
        phone = claimed("once", redelivery="once", purge_after_delivery=True)
        stranger = Phone(firstring, firstring.macs(1)[0], "SN-STRANGER")
        firstring.issue(firstring.order("model-json", [stranger.mac]), [stranger])
        first = reveal(phone).json()["admin_password"]
        self.assertEqual(phone.boot(BOOTSTRAP, method="HEAD").status, 200)
        with ThreadPoolExecutor(25) as pool:
            answers = list(pool.map(lambda _: phone.boot(BOOTSTRAP), range(50)))
        self.assertEqual({answer.status for answer in answers}, {200})
        self.assertEqual({answer.json()["admin_password"] for answer in answers}, {first})
        eventually(lambda: events(phone).count("contacted") == 51)
        self.assertEqual(events(phone).count("delivered"), 1)

        firstring.psql("update firstring.claim set once_started_at = once_started_at - interval '1 hour',"
                       f" once_until = now() where mac = '{phone.mac}'")
        self.assertEqual(phone.boot(BOOTSTRAP).same_bytes(), stranger.boot(BOOTSTRAP).same_bytes())
        # What the portal's housekeeping does each ten minutes.
        self.assertEqual(firstring.psql("set role firstring_admin; select firstring.passwords_purge(100)"), "1")
        self.assertEqual(reveal(phone).status, 410)
        firstring.itsp.ok("POST", f"/v1/claims/{phone.mac}/rearm")
        second = reveal(phone).json()["pending_password"]
        self.assertNotEqual(second, first)
        self.assertEqual(phone.boot(BOOTSTRAP).json()["admin_password"], second)
        self.assertEqual(reveal(phone).json()["admin_password"], second)
        eventually(lambda: sorted(kind for kind in events(phone) if kind not in ("claimed", "contacted"))
                   == ["delivered", "delivered", "purged", "refused"])


class Passwords(unittest.TestCase):

    def test_a_pending_one_is_delivered_by_the_next_answer(self):
        phone = claimed("passwords")
        first = reveal(phone).json()
        self.assertIsNone(first["delivered_at"])
        self.assertEqual(phone.boot(BOOTSTRAP).json()["admin_password"], first["admin_password"])
        eventually(lambda: reveal(phone).json()["delivered_at"])
        for change in (lambda: firstring.itsp.ok("POST", f"/v1/claims/{phone.mac}/rotate"),
                       lambda: firstring.itsp.ok("PATCH", f"/v1/claims/{phone.mac}",
                                                 {"admin_password": "Correct7HorseBat"})):
            before = reveal(phone).json()["admin_password"]
            change()
            shown = reveal(phone).json()
            self.assertEqual(shown["admin_password"], before, "what the phone has")
            pending = shown["pending_password"]
            self.assertEqual(phone.boot(BOOTSTRAP).json()["admin_password"], pending)
            eventually(lambda: reveal(phone).json()["admin_password"] == pending)
            self.assertNotIn("pending_password", reveal(phone).json())
            self.assertEqual(phone.boot(BOOTSTRAP).json()["admin_password"], pending)
        self.assertEqual(pending, "Correct7HorseBat")


class Staged(unittest.TestCase):

    def test_the_itsp_is_named_only_to_who_came_back(self):
        phone = claimed("staged", delivery="staged")
        first = phone.boot(BOOTSTRAP)
        self.assertNotIn(b"itsp.example", first.body)
        document = first.json()
        self.assertEqual(document["admin_password"], reveal(phone).json()["admin_password"])
        self.assertIsNotNone(reveal(phone).json()["delivered_at"], "the phone has it")
        self.assertIsNone(firstring.itsp.ok("GET", f"/v1/claims/{phone.mac}")["delivered_at"])
        place = urllib.parse.urlsplit(document["provisioning_urls"][0])
        self.assertEqual(f"{place.scheme}://{place.netloc}", firstring.env["FIRSTRING_REDIRECTOR_URL"])
        second = phone.boot(place.path).json()
        self.assertEqual(second["provisioning_urls"], [f"https://prov.itsp.example/{phone.mac.lower()}"])
        self.assertEqual(second["admin_password"], document["admin_password"])
        eventually(lambda: {"staged", "delivered"} <= set(events(phone)))
        log = [row for row in firstring.log("redirector") if row["event"] == "request" and row["mac"] == phone.mac]
        self.assertEqual([row["status"] for row in log], [200, 200])


class Encrypted(unittest.TestCase):

    def journey(self, key_type, usage, *profile):
        firstring.model("model-encrypted", "yealink", encrypt_answers=True)
        phone = claimed(f"encrypted-{key_type}", "model-encrypted", key_type, profile)
        text = run("openssl", "x509", "-noout", "-ext", "keyUsage", stdin=phone.certificate.encode()).stdout.decode()
        self.assertIn(f"Digital Signature, {usage}", text)
        run("openssl", "verify", "-x509_strict", "-purpose", "sslclient", "-CAfile",
            firstring.env["FIRSTRING_DEVICE_CA"], phone.cert)
        yealink, = (vendor for vendor in VENDORS if vendor.name == "yealink")
        answer = phone.boot(yealink.paths(phone.mac))
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "application/pkcs7-mime"))
        url, password = yealink.read(decrypt(answer.body, phone.cert, phone.key))
        self.assertEqual(url, f"https://prov.itsp.example/{phone.mac.lower()}")
        self.assertEqual(password, reveal(phone).json()["admin_password"])
        self.assertNotIn(password.encode(), answer.body)

    def test_to_an_ec_key(self):
        self.journey("p256", "Key Agreement")

    def test_to_an_rsa_key(self):
        self.journey("rsa2048", "Key Encipherment", "--profile", "device-1-encrypt")


if __name__ == "__main__":
    unittest.main()
