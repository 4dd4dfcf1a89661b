#!/usr/bin/env python3
"""How the redirector behaves in the open, and what is seen of it: methods and conditions of HTTP, metrics, the
log, readiness."""
import os
import signal
import socket
import ssl
import sys
import time
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../.."))
from tests.lib.instance import run  # noqa: E402
from tests.lib.redirector import LEAF, Authority, Redirector, eventually  # noqa: E402


def setUpModule():
    global redirector
    redirector = Redirector(limits={"head": "60s", "request": "60s"}).__enter__()


def tearDownModule():
    redirector.__exit__(None, None, None)


def connect(phone):
    plain = socket.create_connection(("127.0.0.1", redirector.port), timeout=20)
    return phone.client().context.wrap_socket(plain, server_hostname="127.0.0.1")


def raw(phone, request):
    """All that comes back, as text."""
    with connect(phone) as secure:
        secure.sendall(request)
        return b"".join(iter(lambda: secure.recv(65536), b"")).decode()


def readyz():
    """(status, text); None when nobody listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{redirector.health_port}/readyz", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return None


def count(name, label):
    return int(redirector.metrics().get(f"firstring_redirector_{name}{{{label}}}", 0))


class Http(unittest.TestCase):

    def test_head_is_get_without_a_body_and_delivers_nothing(self):
        phone = redirector.phone()
        got, head = phone.boot("/v1/bootstrap"), phone.boot("/v1/bootstrap", method="HEAD")
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertEqual(head.headers["Content-Length"], str(len(got.body)))
        eventually(lambda: [kind for kind, _ in redirector.events(phone)].count("contacted") == 2)
        self.assertEqual([kind for kind, _ in redirector.events(phone)].count("delivered"), 1)

    def test_conditions_ranges_and_codings_change_nothing(self):
        phone = redirector.phone()
        plain = phone.boot("/v1/bootstrap").same_bytes()
        for headers in ({"If-None-Match": "*"}, {"If-None-Match": '"x"'}, {"If-Match": '"x"'},
                        {"If-Modified-Since": "Fri, 31 Dec 2099 23:59:59 GMT"},
                        {"If-Unmodified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"},
                        {"Range": "bytes=0-3"}, {"Range": "bytes=-1"}, {"If-Range": '"x"', "Range": "bytes=0-0"},
                        {"Accept": "image/png"}, {"Accept-Encoding": "gzip"}, {"Cache-Control": "only-if-cached"},
                        {"X-Forwarded-For": "192.0.2.1"}, {"X-HTTP-Method-Override": "DELETE"}):
            with self.subTest(headers=headers):
                self.assertEqual(phone.boot("/v1/bootstrap", headers=headers).same_bytes(), plain)

    def test_an_upload_is_refused_before_its_body(self):
        phone = redirector.phone()
        for head in ("Content-Length: 1000000000", "Transfer-Encoding: chunked", "Content-Length: 5\r\nExpect: 100-continue"):
            for method in ("PUT", "POST"):
                answer = raw(phone, f"{method} /directory.xml HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n".encode())
                self.assertTrue(answer.startswith("HTTP/1.1 405 "), answer)
                self.assertIn("\r\nConnection: close\r\n", answer)

    def test_nothing_is_kept_by_anybody(self):
        phone, unclaimed = redirector.phone(), redirector.phone(claimed=False)
        answers = [raw(who, request.encode()) for who, request in (
            (phone, "GET /v1/bootstrap HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
            (unclaimed, "GET /v1/bootstrap HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
            (phone, f"GET /{unclaimed.mac}.cfg HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
            (phone, "PUT / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
            (phone, "GET /v1/bootstrap HTTP/1.1\r\n\r\n"),
            (phone, "GET / HTTP/9.9\r\nHost: x\r\n\r\n"),
            (phone, "GET /" + "a" * 5000 + " HTTP/1.1\r\nHost: x\r\n\r\n"))]
        statuses = [answer.split(" ")[1] for answer in answers]
        self.assertEqual(statuses[:5], ["200", "404", "403", "405", "400"])
        for answer in answers:
            self.assertIn("\r\nCache-Control: no-store\r\n", answer)
            self.assertNotIn("ETag", answer)


class Metrics(unittest.TestCase):

    def failed(self, cause, do):
        before = count("handshakes_failed_total", f'cause="{cause}"')
        try:
            do()
        except OSError:
            pass
        eventually(lambda: count("handshakes_failed_total", f'cause="{cause}"') == before + 1, what=cause)

    def test_handshakes_by_cause(self):
        subject, client = "/O=Example Phones/CN=00156500FFFF", LEAF + "extendedKeyUsage=clientAuth\n"
        phone = redirector.phone()

        def s_client(*words):
            run("openssl", "s_client", "-connect", f"127.0.0.1:{redirector.port}", "-cert", phone.cert, "-key",
                phone.key, *words, stdin=b"", check=False)

        def noise():
            with socket.create_connection(("127.0.0.1", redirector.port), timeout=20) as plain:
                plain.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                plain.recv(100)

        def distrust():
            context = ssl.create_default_context()
            with socket.create_connection(("127.0.0.1", redirector.port), timeout=20) as plain:
                context.wrap_socket(plain, server_hostname="127.0.0.1")

        expired = redirector.factory.sign("expired", subject, client, days="0")
        time.sleep(1.1)
        self.failed("no_certificate", lambda: redirector.client().request("GET", "/"))
        self.failed("unknown_issuer", lambda: redirector.client(
            *Authority(redirector.path("stranger")).sign("leaf", subject, client)).request("GET", "/"))
        self.failed("not_valid_now", lambda: redirector.client(*expired).request("GET", "/"))
        self.failed("profile", lambda: redirector.client(
            *redirector.factory.sign("no-eku", subject, LEAF)).request("GET", "/"))
        self.failed("nothing_shared", lambda: s_client("-tls1_2", "-cipher", "AES128-SHA"))
        self.failed("version", lambda: s_client("-tls1_1", "-cipher", "ALL:@SECLEVEL=0"))
        self.failed("not_tls", noise)
        self.failed("alert_trust", distrust)
        lines = [row for row in redirector.log() if row["event"] == "connection_refused"]
        self.assertTrue(all(row["peer"] == "127.0.0.1" and row["detail"] for row in lines))
        self.assertTrue({"certificate", "handshake"} <= {row["refusal"] for row in lines})

    def test_what_is_a_moments_state(self):
        phone = redirector.phone()
        with connect(phone) as one, connect(phone) as other:
            eventually(lambda: int(redirector.metrics()["firstring_redirector_connections_open"]) == 2)
            one.sendall(b"GET /v1/bootstrap HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertIn(b"HTTP/1.1 200", one.recv(65536))
            other.sendall(b"")
        eventually(lambda: int(redirector.metrics()["firstring_redirector_connections_open"]) == 0)
        eventually(lambda: int(redirector.metrics()["firstring_redirector_events_queued"]) == 0)
        metrics = redirector.metrics()
        self.assertEqual(metrics["firstring_redirector_lookups_waiting"], "0")
        self.assertGreater(int(metrics["firstring_redirector_lookup_seconds_count"]), 0)
        self.assertGreater(int(metrics['firstring_redirector_abuse_records{of="source"}']), 0)

    def test_every_reason_has_a_counter(self):
        names = set(redirector.metrics())
        for reason in ("answer", "method", "other_mac", "not_live", "dead_certificate", "no_credentials",
                       "wrong_credentials", "weak_listener", "unclaimed", "suspended", "unavailable"):
            self.assertIn(f'firstring_redirector_answers_total{{reason="{reason}"}}', names)


class Log(unittest.TestCase):

    def test_one_line_a_request_and_no_secret(self):
        phone = redirector.phone()
        phone.boot("/v1/bootstrap?x=secret-in-query", user_agent='Phone "1.0"', headers={
            "Authorization": "Basic c2VjcmV0", "Cookie": "secret-cookie"})
        rows = [row for row in redirector.log() if row["event"] == "request" and row["mac"] == phone.mac]
        self.assertEqual(len(rows), 1)
        row = rows[0]
        self.assertEqual((row["listener"], row["peer"], row["method"], row["path"], row["status"], row["reason"],
                          row["format"], row["user_agent"], row["tls"]),
                         ("phones", "127.0.0.1", "GET", "/v1/bootstrap", 200, "answer", "json", 'Phone "1.0"', "1.3"))
        with open(redirector.path("log")) as file:
            text = file.read()
        for secret in ("secret", "c2VjcmV0", "kR7vTq2mWz9xHs4b"):
            self.assertNotIn(secret, text)


class Readiness(unittest.TestCase):
    BEGUN = b"GET /v1/bootstrap HTTP/1.1\r\nHost: x\r\n"

    def test_a_reload_is_no_reason_to_go_elsewhere(self):
        phone = redirector.phone()
        with connect(phone) as secure:
            secure.sendall(self.BEGUN)  # the old generation has this to finish
            seen, answers = len(redirector.log()), []
            redirector.process.send_signal(signal.SIGHUP)
            eventually(lambda: answers.append(readyz()) or [
                row for row in redirector.log()[seen:] if row["event"] == "serving"])
            for _ in range(20):
                answers.append(readyz())
                time.sleep(0.02)
            # A connection that the old one had just taken is closed without an answer.
            self.assertEqual({answer[0] for answer in answers if answer}, {200}, answers)
            secure.sendall(b"\r\n")
            self.assertIn(b"HTTP/1.1 200", secure.recv(65536))

    def test_while_it_drains_it_says_so_until_the_last_answer(self):
        phone = redirector.phone()
        with connect(phone) as secure:
            secure.sendall(self.BEGUN)
            self.assertEqual(readyz()[0], 200)
            redirector.process.send_signal(signal.SIGTERM)
            status, text = eventually(lambda: (readyz() or (0, ""))[0] == 503 and readyz())
            self.assertEqual((status, "draining" in text), (503, True))
            time.sleep(1)  # longer than a draining listener goes on by itself
            self.assertEqual(readyz()[0], 503)
            secure.sendall(b"\r\n")
            self.assertIn(b"HTTP/1.1 200", secure.recv(65536))
        self.assertEqual(redirector.process.wait(20), 0)
        self.assertIsNone(readyz())
        redirector.start()


if __name__ == "__main__":
    unittest.main()
