#!/usr/bin/env python3
"""A phone whose key was lost: revoked, refused at once, told of by CRL and OCSP where its certificate says, its claim
kept; re-keyed, and served again."""
import os
import re
import subprocess
import time
import unittest
import urllib.request

from tests.lib.instance import Client, Instance, Phone, free_ports, run

PATH = "/v1/bootstrap"


def setUpModule():
    global firstring
    firstring = Instance().__enter__()
    firstring.model("model-json", "json")


def tearDownModule():
    firstring.__exit__(None, None, None)


def wait_for(look, what, seconds=60):
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.1)
    return found


class Revoked(unittest.TestCase):

    def setUp(self):
        self.mac, = firstring.macs(1)
        self.order = firstring.order("model-json", [self.mac])
        self.phone, = firstring.issue(self.order, [Phone(firstring, self.mac, "SN-1")])
        self.profile = firstring.profile(firstring.itsp, f"revoked-{self.mac}")

    def text(self, phone):
        return run("openssl", "x509", "-noout", "-text", "-in", phone.cert).stdout.decode()

    def ocsp(self, phone):
        """What the responder that the certificate names says, by OpenSSL's client."""
        url = re.search(r"OCSP - URI:(\S+)", self.text(phone)).group(1)
        chain = firstring.env["FIRSTRING_DEVICE_CA"]

        def ask():
            done = run("openssl", "ocsp", "-issuer", chain, "-cert", phone.cert, "-url", url, "-CAfile", chain,
                       check=False)
            said = done.stdout.decode() + done.stderr.decode()
            return said if "trylater" not in said else None
        return wait_for(ask, "a responder that is ready")

    def crl(self, phone):
        """The CRL that the certificate names."""
        url = re.search(r"Full Name:\s+URI:(\S+)", self.text(phone)).group(1)
        with urllib.request.urlopen(url, timeout=10) as answer:
            return run("openssl", "crl", "-inform", "DER", "-noout", "-text", stdin=answer.read()).stdout.decode()

    def test_it_is_refused_at_once_its_claim_stays_and_a_new_key_is_served(self):
        firstring.claim(firstring.itsp, self.phone, self.profile)
        served = self.phone.boot(PATH)
        self.assertEqual(served.status, 200)
        self.assertIn("good", self.ocsp(self.phone))
        common = self.phone.boot("/no-such-file")
        firstring.factory_ca("revoke", "--mac", self.mac, "--reason", "keyCompromise")
        refused = self.phone.boot(PATH)
        self.assertEqual(refused.same_bytes(), common.same_bytes())
        said = self.ocsp(self.phone)
        self.assertIn("revoked", said)
        self.assertIn("keyCompromise", said)
        self.assertIn("Response verify OK", said)
        serial = re.search(r"Serial Number:\s+(\S+)", self.text(self.phone)).group(1).replace(":", "").upper()
        wait_for(lambda: serial in self.crl(self.phone), "the serial in the published CRL")

        claim = firstring.itsp.ok("GET", f"/v1/claims/{self.mac}")
        self.assertEqual((claim["state"], claim["profile_id"]), ("live", self.profile))
        firstring.factory_ca("rekey", "--mac", self.mac, "--reason", "new board")
        again, = firstring.issue(self.order, [Phone(firstring, self.mac, "SN-1", "rsa2048")])
        self.assertEqual(again.claim_code, self.phone.claim_code)
        answer = again.boot(PATH)
        self.assertEqual((answer.status, answer.json()), (200, served.json()))
        self.assertEqual(self.phone.boot(PATH).same_bytes(), common.same_bytes())
        self.assertIn("good", self.ocsp(again))

    def test_a_replaced_certificate_is_dead_the_moment_the_new_one_leaves(self):
        firstring.claim(firstring.itsp, self.phone, self.profile)
        self.assertEqual(self.phone.boot(PATH).status, 200)
        firstring.factory_ca("rekey", "--mac", self.mac, "--reason", "new board")
        self.assertEqual(self.phone.boot(PATH).status, 200)  # the grant alone changes nothing
        again, = firstring.issue(self.order, [Phone(firstring, self.mac, "SN-1", "rsa2048")])
        self.assertEqual((self.phone.boot(PATH).status, again.boot(PATH).status), (404, 200))
        self.assertIn("superseded", self.ocsp(self.phone))

    def test_a_revoked_phone_can_be_claimed_and_is_not_served(self):
        firstring.factory_ca("revoke", "--mac", self.mac, "--reason", "scrapped")
        firstring.claim(firstring.itsp, self.phone, self.profile)
        self.assertEqual(self.phone.boot(PATH).status, 404)


class AtTheProvider(unittest.TestCase):
    """An ITSP's own server, with the published chain and CRLs: nginx, as many of them have it."""

    CONFIG = """daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log info; user root;
        events {{}}
        http {{ access_log off; client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
          uwsgi_temp_path {folder}; scgi_temp_path {folder};
          server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {etc}/server-ec.pem; ssl_certificate_key {etc}/server-ec.key;
            ssl_client_certificate {chain}; ssl_crl {crls}; ssl_verify_client on; ssl_verify_depth 3;
            return 200 "ok"; }} }}"""

    def test_nginx_with_ssl_crl_takes_the_live_and_refuses_the_revoked(self):
        macs = firstring.macs(2)
        live, lost = firstring.issue(firstring.order("model-json", macs), [Phone(firstring, mac, "SN-2") for mac in macs])
        firstring.factory_ca("revoke", "--mac", lost.mac, "--reason", "keyCompromise")
        chain = firstring.env["FIRSTRING_DEVICE_CA"]
        crls = os.path.join(os.path.dirname(chain), "crls.pem")
        serial = run("openssl", "x509", "-noout", "-serial", "-in", lost.cert).stdout.decode().strip().split("=")[1]

        def is_published():
            with open(crls) as file:
                texts = [run("openssl", "crl", "-noout", "-text", stdin=pem.encode()).stdout.decode()
                         for pem in re.findall(r"-----BEGIN X509 CRL-----.*?-----END X509 CRL-----\n", file.read(), re.S)]
            return any(serial in text for text in texts)
        wait_for(is_published, "the CRL in published_dir")
        port, = free_ports(1)
        path = os.path.join(firstring.scratch, "nginx.conf")
        with open(path, "w") as file:
            file.write(self.CONFIG.format(folder=firstring.scratch, port=port, etc=os.path.join(firstring.var, "etc"),
                                          chain=chain, crls=crls))
        server = subprocess.Popen(["/usr/sbin/nginx", "-c", path, "-e", os.path.join(firstring.scratch, "error.log")])
        try:
            def ask(phone):
                try:
                    return Client(f"https://localhost:{port}", firstring.env["FIRSTRING_SERVER_CA"], phone.cert,
                                  phone.key).request("GET", "/")
                except ConnectionRefusedError:
                    return None
            self.assertEqual(wait_for(lambda: ask(live), "nginx").body, b"ok")
            self.assertEqual(ask(lost).status, 400)
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    unittest.main()
