#!/usr/bin/env python3
"""Listeners: the PROXY protocol required or forbidden, and two server certificates side by side."""
import os
import socket
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../.."))
from tests.lib.instance import free_ports, run  # noqa: E402
from tests.lib.redirector import Redirector, eventually  # noqa: E402

REQUEST = b"GET /v1/bootstrap HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
HEADER = b"PROXY TCP4 192.0.2.7 127.0.0.1 40000 443\r\n"


def setUpModule():
    global redirector, behind_proxy
    behind_proxy, = free_ports(1)
    redirector = Redirector()
    redirector.config["listeners"] = [
        {"name": "phones", "address": f"127.0.0.1:{redirector.port}"},
        {"name": "balanced", "address": f"127.0.0.1:{behind_proxy}", "proxy_protocol": "required"}]
    redirector.__enter__()


def tearDownModule():
    redirector.__exit__(None, None, None)


def ask(phone, port, header):
    """What comes back when `header` stands before the TLS handshake; b"" when nothing does."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        plain.sendall(header)
        try:
            with phone.client().context.wrap_socket(plain, server_hostname="127.0.0.1") as secure:
                secure.sendall(REQUEST)
                return b"".join(iter(lambda: secure.recv(4096), b""))
        except OSError:
            return b""


class Proxy(unittest.TestCase):

    def test_required_is_required_and_names_the_phone(self):
        phone = redirector.phone()
        self.assertEqual(ask(phone, behind_proxy, b""), b"")
        self.assertIn(b"HTTP/1.1 200", ask(phone, behind_proxy, HEADER))
        eventually(lambda: redirector.psql(
            f"select source_ip from firstring.device_event where mac = '{phone.mac}' and kind = 'delivered'")
            == "192.0.2.7")

    def test_where_it_is_off_it_is_refused(self):
        phone = redirector.phone()
        self.assertEqual(ask(phone, redirector.port, HEADER), b"")
        self.assertIn(b"HTTP/1.1 200", ask(phone, redirector.port, b""))


class ServerCertificates(unittest.TestCase):

    def test_a_phone_gets_the_kind_that_it_knows(self):
        phone = redirector.phone()
        for tls, algorithms, kind in (("-tls1_2", "RSA+SHA256", "rsa"), ("-tls1_2", "ECDSA+SHA256", "ec"),
                                      ("-tls1_3", "RSA-PSS+SHA256", "rsa"), ("-tls1_3", "ECDSA+SHA256", "ec")):
            out = run("openssl", "s_client", "-connect", f"127.0.0.1:{redirector.port}", tls,
                      "-CAfile", redirector.server_ca, "-cert", phone.cert, "-key", phone.key,
                      "-sigalgs", algorithms,
                      "-client_sigalgs", "ECDSA+SHA256", stdin=b"", check=False).stdout.decode()
            self.assertIn("Verification: OK", out)
            self.assertIn("Server public key is 2048 bit" if kind == "rsa" else "Server public key is 256 bit",
                          out)


if __name__ == "__main__":
    unittest.main()
