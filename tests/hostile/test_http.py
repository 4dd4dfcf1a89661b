#!/usr/bin/env python3
"""Hostile HTTP from a phone with a good certificate, against the real daemon: an error or a closed connection, never an
answer that it should not have, never a 5xx, no worker lost, and a good phone served at once after it."""
import os
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
from tests.hostile.raw import Raw, statuses, workers  # noqa: E402
from tests.lib.redirector import Redirector, eventually  # noqa: E402

HOST = b"Host: redirector\r\n"
GET = b"GET /v1/bootstrap HTTP/1.1\r\n"
POST = b"POST /v1/bootstrap HTTP/1.1\r\n" + HOST


def get(*lines):
    return GET + HOST + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def post(*lines, body=b""):
    return POST + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


# Everything here must be refused: no status but these, none at all when the connection was simply closed.
BROKEN = {
    "content-length with a sign": post(b"Content-Length: +5", body=b"12345"),
    "content-length below zero": post(b"Content-Length: -1"),
    "content-length in hex": post(b"Content-Length: 0x5", body=b"12345"),
    "content-length empty": post(b"Content-Length:"),
    "content-length 2^63": post(b"Content-Length: 9223372036854775808"),
    "content-length 2^64": post(b"Content-Length: 18446744073709551616"),
    "content-length twice": post(b"Content-Length: 5", b"Content-Length: 6", body=b"123456"),
    "content-length in a list": post(b"Content-Length: 5, 5", body=b"12345"),
    "content-length and chunked": post(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "content-length with spaces within": post(b"Content-Length: 1 2", body=b"x" * 12),
    "space before the colon": get(b"X-Name : value"),
    "content-length with a space before the colon": post(b"Content-Length : 5", body=b"12345"),
    "folded line": get(b"X-Name: one", b" two"),
    "content-length in a folded line": post(b"X-Name: one", b"\tContent-Length: 5", body=b"12345"),
    "bare LF": (GET + HOST + b"\r\n").replace(b"\r\n", b"\n"),
    "bare LF in one line": GET + HOST + b"X-Name: a\n\r\n",
    "bare CR": GET + HOST + b"X-Name: a\rb\r\n\r\n",
    "NUL in a value": get(b"X-Name: a\0b"),
    "NUL in a name": get(b"X\0Name: a"),
    "NUL in the target": b"GET /v1/boot\0strap HTTP/1.1\r\n" + HOST + b"\r\n",
    "control character": get(b"X-Name: a\x07b"),
    "no name": get(b": value"),
    "no colon": get(b"X-Name"),
    "no Host": GET + b"\r\n",
    "two Hosts": get(b"Host: other"),
    "absolute form": b"GET https://other.example/v1/bootstrap HTTP/1.1\r\n" + HOST + b"\r\n",
    "authority form": b"CONNECT other.example:443 HTTP/1.1\r\n" + HOST + b"\r\n",
    "asterisk form": b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n",
    "no target": b"GET HTTP/1.1\r\n" + HOST + b"\r\n",
    "empty target": b"GET  HTTP/1.1\r\n" + HOST + b"\r\n",
    "two spaces": b"GET  /v1/bootstrap HTTP/1.1\r\n" + HOST + b"\r\n",
    "leading space": b" GET /v1/bootstrap HTTP/1.1\r\n" + HOST + b"\r\n",
    "method with a bracket": b"GE(T /v1/bootstrap HTTP/1.1\r\n" + HOST + b"\r\n",
    "version 0.9": b"GET /v1/bootstrap\r\n\r\n",
    "version 1.2": b"GET /v1/bootstrap HTTP/1.2\r\n" + HOST + b"\r\n",
    "version 2.0": b"GET /v1/bootstrap HTTP/2.0\r\n" + HOST + b"\r\n",
    "version 01.1": b"GET /v1/bootstrap HTTP/01.1\r\n" + HOST + b"\r\n",
    "version in small letters": b"GET /v1/bootstrap http/1.1\r\n" + HOST + b"\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "target of 100 kB": b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "header of 100 kB": get(b"X-Name: " + b"a" * 100000),
    "20,000 headers": get(*(b"X-%d: a" % number for number in range(20000))),
    "65 headers": get(*(b"X-%d: a" % number for number in range(65))),
    "header name of 10 kB": get(b"X" * 10000 + b": a"),
    "1 GB announced": post(b"Content-Length: 1073741824", body=b"x" * 1000),
    "1 GB announced, waiting for leave": post(b"Content-Length: 1073741824", b"Expect: 100-continue"),
    "an unknown expectation": post(b"Content-Length: 5", b"Expect: the unexpected", body=b"12345"),
    "chunk size 0x5": post(b"Transfer-Encoding: chunked", body=b"0x5\r\nhello\r\n0\r\n\r\n"),
    "chunk size +5": post(b"Transfer-Encoding: chunked", body=b"+5\r\nhello\r\n0\r\n\r\n"),
    "chunk size of 17 digits": post(b"Transfer-Encoding: chunked", body=b"00000000000000005\r\nhello\r\n0\r\n\r\n"),
    "identity": post(b"Transfer-Encoding: identity", b"Content-Length: 5", body=b"12345"),
    "gzip, chunked": post(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"),
    "chunked twice": post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "chunked for 1.0": b"POST /v1/bootstrap HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "TLS within TLS": b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03" + b"a" * 200,
    "nothing but line ends": b"\r\n" * 5000,
    "random bytes": bytes(range(256)) * 16,
}
# What is no phone's own file: the common 404, or 403 and 400 where it is read as another's or as nothing.
PATHS = [b"/", b"/../../../etc/passwd", b"/%2e%2e/%2e%2e/etc/passwd", b"/..%2f..%2fetc/passwd", b"/%00", b"/a%00b.cfg",
         b"/%", b"/%zz", b"/%c0%ae%c0%ae/", b"/v1/bootstrap/", b"/v1//bootstrap", b"/V1/BOOTSTRAP", b"/v1/bootstrap%2f",
         b"/v1%2fbootstrap", b"/v1/./bootstrap", b"/v1/x/../bootstrap", b"/;v1/bootstrap",
         b"/v1/bootstrap;a", b"/formats/json.format", b"/metrics", b"/healthz", b"/{{admin_password}}", b"/%s%n%x",
         b"/'%20or%201=1--"]
METHODS = [b"POST", b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"TRACE", b"PROPFIND", b"MKCOL", b"LOCK", b"M-SEARCH", b"get",
           b"X"]


def setUpModule():
    global redirector, phone
    redirector = Redirector(limits={"head": "3s", "request": "4s", "idle": "2s"}).__enter__()
    phone = redirector.phone()


def tearDownModule():
    redirector.__exit__(None, None, None)


class Http(unittest.TestCase):

    def setUp(self):
        self.workers = workers(redirector)

    def tearDown(self):
        begun = time.monotonic()
        self.assertEqual(phone.boot("/v1/bootstrap").status, 200)
        self.assertLess(time.monotonic() - begun, 5)
        self.assertEqual(workers(redirector), self.workers, "a worker was lost")

    def ask(self, data):
        with Raw(redirector, phone) as raw:
            raw.send(data)
            return raw.read_to_end()

    def test_broken_requests_are_refused_and_the_connection_closed(self):
        for name, data in BROKEN.items():
            with self.subTest(name):
                got = self.ask(data)
                self.assertTrue(set(statuses(got)) <= {400, 405, 408, 413, 414, 417, 431, 501, 505}, got[:300])
                self.assertLessEqual(len(statuses(got)), 1, got[:600])
                self.assertNotIn(b"admin_password", got)

    def test_paths_that_are_no_file_of_the_phone(self):
        for path in PATHS:
            with self.subTest(path=path):
                got = self.ask(b"GET " + path + b" HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
                self.assertTrue(set(statuses(got)) <= {404, 400}, got[:300])
                self.assertNotIn(b"admin_password", got)

    def test_every_other_method_is_405_and_names_what_is_allowed(self):
        for method in METHODS:
            with self.subTest(method=method):
                got = self.ask(method + b" /v1/bootstrap HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
                self.assertEqual(statuses(got), [405], got[:300])
                self.assertIn(b"Allow: GET, HEAD\r\n", got)

    def test_forwarding_headers_are_not_believed(self):
        forged = [b"X-Forwarded-For: 203.0.113.9", b"X-Real-IP: 203.0.113.9", b"Forwarded: for=203.0.113.9",
                  b"X-Client-Cert: anything", b"SSL-Client-S-DN: CN=001565FFFFFF", b"X-Original-URL: /001565ffffff.cfg",
                  b"X-HTTP-Method-Override: PUT", b"Connection: close"]
        self.assertEqual(statuses(self.ask(get(*forged))), [200])
        eventually(lambda: redirector.psql("select count(*) from firstring.device_event"
                                           " where source_ip = '127.0.0.1'") != "0")
        self.assertEqual(redirector.psql("select count(*) from firstring.device_event where source_ip <> '127.0.0.1'"), "0")

    def test_fifty_pipelined_are_answered_in_order(self):
        paths = [b"/v1/bootstrap" if number % 2 else b"/nothing" for number in range(50)]
        data = b"".join(b"GET " + path + b" HTTP/1.1\r\n" + HOST + (b"Connection: close\r\n" if last else b"") + b"\r\n"
                        for path, last in zip(paths, [False] * 49 + [True]))
        self.assertEqual(statuses(self.ask(data)), [200 if path == b"/v1/bootstrap" else 404 for path in paths])

    def test_a_smuggled_request_is_never_answered(self):
        """What stands behind a refused request is not looked at."""
        for name in ("content-length and chunked", "content-length twice", "chunk size 0x5", "folded line", "bare CR"):
            with self.subTest(name):
                self.assertNotIn(200, statuses(self.ask(BROKEN[name] + get(b"Connection: close"))))

    def test_a_body_with_a_get_is_no_further_request(self):
        got = self.ask(get(b"Content-Length: 5") + b"hello" + get())
        self.assertEqual(statuses(got), [200])

    def test_reset_in_the_middle_200_times(self):
        for number in range(200):
            raw = Raw(redirector, phone) if number % 4 else Raw(redirector, handshake=False)
            raw.send((b"", GET, GET + HOST, GET + HOST + b"\r\n")[number % 4])
            raw.reset()

    def test_a_long_user_agent_with_escape_codes_stays_one_line_of_the_log(self):
        agent = b"\x1b]0;owned\x1b\\".replace(b"\x1b", b"%1b") + b"A" * 4000
        self.assertEqual(statuses(self.ask(get(b"User-Agent: " + agent, b"Connection: close"))), [200])
        self.assertEqual(statuses(self.ask(get(b"User-Agent: \x1b[2J" + b"A" * 10000, b"Connection: close")))[:1], [400])
        with open(redirector.path("log"), "rb") as log:
            for line in log:
                self.assertLess(len(line), 4096)
                self.assertNotIn(b"\x1b", line)
        redirector.log()  # each is JSON


if __name__ == "__main__":
    unittest.main()
