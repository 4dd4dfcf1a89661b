#!/usr/bin/env python3
"""The checklist of the ITSPA recommendations (rule R18), as somebody who chooses phones would go through it: capture
every leg and see that it is https, see which TLS is spoken, interrupt a phone after the redirection and see that its
default password is gone and its provider not told."""
import ssl
import subprocess
import unittest
import urllib.parse

from tests.checklist.capture import Capture
from tests.lib.instance import Instance, Phone
from tests.lib.redirector import eventually

TLS_HANDSHAKE = 0x16


def setUpModule():
    global firstring
    firstring = Instance().__enter__()
    firstring.model("model-json", "json")


def tearDownModule():
    firstring.__exit__(None, None, None)


def port_of(name):
    return urllib.parse.urlsplit(firstring.env[name]).port


SERVERS = ("FIRSTRING_REDIRECTOR_URL", "FIRSTRING_PORTAL_URL", "FIRSTRING_FACTORY_URL")


class EveryLegIsEncrypted(unittest.TestCase):

    def test_a_capture_of_a_phones_whole_way_holds_tls_and_no_secret(self):
        itsp, (mac,) = firstring.itsp, firstring.macs(1)
        try:
            capture = Capture(port_of(name) for name in SERVERS)
        except PermissionError:
            self.skipTest("a packet capture needs root or CAP_NET_RAW")
        with capture:
            phone, = firstring.issue(firstring.order("model-json", [mac]), [Phone(firstring, mac, "SN-CAPTURED")])
            firstring.claim(itsp, phone, firstring.profile(itsp, "captured", delivery="staged"))
            first = phone.boot("/v1/bootstrap").json()
            second = phone.boot(urllib.parse.urlsplit(first["provisioning_urls"][0]).path).json()
            password = itsp.ok("POST", f"/v1/claims/{mac}/reveal")["admin_password"]
        self.assertEqual({first["admin_password"], second["admin_password"]}, {password})
        self.assertEqual({server for _, server in capture.streams}, {port_of(name) for name in SERVERS})
        for ports, payload in capture.first.items():
            self.assertEqual(payload[0], TLS_HANDSHAKE, f"ports {ports} speak something else than TLS: {payload[:40]!r}")
        everything = b"".join(capture.streams.values())
        self.assertGreater(len(everything), 10000)
        for secret in (password, phone.claim_code, firstring.env["FIRSTRING_ITSP_TOKEN"], "prov.itsp.example",
                       first["provisioning_urls"][0]):
            self.assertNotIn(secret.encode(), everything)


class WhichTls(unittest.TestCase):
    """By an offer of one thing at a time, as a scanner does it."""

    @classmethod
    def setUpClass(cls):
        cls.phone, = firstring.issue(firstring.order("model-json", macs := firstring.macs(1)),
                                     [Phone(firstring, macs[0], "SN-SCANNER")])

    def offer(self, name, *words):
        """What was agreed to, or None."""
        identity = ["-cert", self.phone.cert, "-key", self.phone.key] if name == "FIRSTRING_REDIRECTOR_URL" else []
        done = subprocess.run(
            ["openssl", "s_client", "-connect", f"localhost:{port_of(name)}", "-brief", *identity, *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60,
            check=False).stdout.decode()
        return next((line.split(": ")[1] for line in done.splitlines() if line.startswith("Ciphersuite: ")), None)

    def test_nothing_older_than_1_2(self):
        for name in SERVERS:
            for old in ("-tls1", "-tls1_1"):
                self.assertIsNone(self.offer(name, old, "-cipher", "ALL:@SECLEVEL=0"), f"{name} {old}")
            for new in ("-tls1_2", "-tls1_3"):
                self.assertIsNotNone(self.offer(name, new), f"{name} {new}")

    def test_of_1_2_only_forward_secrecy_and_authenticated_encryption(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
        offered = [each["name"] for each in context.get_ciphers() if each["protocol"] != "TLSv1.3"]
        taken = [name for name in offered
                 if self.offer("FIRSTRING_REDIRECTOR_URL", "-tls1_2", "-cipher", f"{name}:@SECLEVEL=0")]
        self.assertGreater(len(offered), 30)
        self.assertTrue(taken)
        for name in taken:
            self.assertRegex(name, r"^ECDHE-(ECDSA|RSA)-(AES(128|256)-GCM|CHACHA20-POLY1305)")


class InterruptedAfterTheRedirection(unittest.TestCase):

    def test_the_default_password_is_gone_and_the_provider_is_not_told(self):
        itsp, (mac,) = firstring.itsp, firstring.macs(1)
        phone, = firstring.issue(firstring.order("model-json", [mac]), [Phone(firstring, mac, "SN-INTERRUPTED")])
        firstring.claim(itsp, phone, firstring.profile(itsp, "interrupted", delivery="staged"))
        answer = phone.boot("/v1/bootstrap")  # and then its plug is pulled
        told = answer.json()["admin_password"]
        self.assertGreaterEqual(len(told), 12)
        self.assertNotIn(b"itsp.example", answer.body)
        revealed = itsp.ok("POST", f"/v1/claims/{mac}/reveal")
        self.assertEqual(revealed["admin_password"], told)
        eventually(lambda: any(event["mac"] == mac and event["kind"] == "staged"
                               for event in itsp.ok("GET", "/v1/events?limit=1000")["events"]))
        self.assertIsNone(itsp.ok("GET", f"/v1/claims/{mac}")["delivered_at"])


if __name__ == "__main__":
    unittest.main()
