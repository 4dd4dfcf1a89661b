#!/usr/bin/env python3
"""Webhooks: events posted in order and at least once, signed, never to an address inside."""
import hashlib
import hmac
import http.server
import json
import os
import re
import ssl
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from contract import DOCUMENT  # noqa: E402
from portal import Case, ITSP_SCOPES  # noqa: E402
from tests.lib.instance import free_ports, run  # noqa: E402


class Receiver(http.server.ThreadingHTTPServer):
    """An ITSP's server. `answers` are the next statuses; then it takes everything."""
    daemon_threads = True

    def __init__(self, certificate, key):
        self.posts, self.answers, self.delay = [], [], 0
        self.changed = threading.Condition()
        super().__init__(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.url = f"https://localhost:{self.server_port}/hook"
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def handle_error(self, request, address):
        pass  # a client that does not trust us

    def wait(self, count, seconds=30):
        with self.changed:
            self.changed.wait_for(lambda: len(self.posts) >= count, seconds)
            assert len(self.posts) >= count, self.posts
            return list(self.posts)


class Handler(http.server.BaseHTTPRequestHandler):

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server = self.server
        time.sleep(server.delay)
        with server.changed:
            status = server.answers.pop(0) if server.answers else 204
            server.posts.append((status, self.path, dict(self.headers), body))
            server.changed.notify_all()
        self.send_response(status)
        if status == 302:
            self.send_header("Location", server.url + "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def signatures(headers):
    parts = headers["Firstring-Signature"].split(",")
    return parts[0].removeprefix("t="), [part.removeprefix("v1=") for part in parts[1:]]


def signature(secret, seconds, body):
    return hmac.new(secret.encode(), seconds.encode() + b"." + body, hashlib.sha256).hexdigest()


class Webhooks(Case):

    @classmethod
    def setUpClass(cls):
        cls.settings = {"webhooks": "\n  enabled: true\n  allow_loopback: true\n  authorities: server.pem\n"
                                    "  retry: 100ms\n  timeout: 2s\n  per_itsp: 5"}
        super().setUpClass()
        cls.model = cls.portal.model()

    def setUp(self):
        self.itsp = self.portal.itsp()
        self.mac = self.portal.phone(self.model, ship_to=self.itsp)
        self.itsp.ok("PUT", f"/v1/claims/{self.mac}", {"profile_id": self.portal.profile(self.itsp)})
        self.receiver = Receiver(self.portal.path("server.pem"), self.portal.path("server.key"))
        self.addCleanup(self.receiver.server_close)
        self.addCleanup(self.receiver.shutdown)

    def hook(self, **more):
        document = self.itsp.ok("POST", "/v1/webhooks", {"url": self.receiver.url, **more}, status=(201,))
        self.addCleanup(self.itsp.request, "DELETE", f"/v1/webhooks/{document['id']}")
        return document

    def happens(self, *kinds):
        for kind in kinds:
            self.portal.phone_event(self.mac, kind, 1 if kind == "delivered" else "null")

    def kinds_taken(self):
        return [event["kind"] for status, _, _, body in self.receiver.posts if status < 300
                for event in json.loads(body)["events"]]

    def eventually(self, what, seconds=30):
        deadline = time.monotonic() + seconds
        while not what():
            self.assertLess(time.monotonic(), deadline, "it does not come about")
            time.sleep(0.05)

    def attempts(self, hook):
        return self.itsp.ok("GET", f"/v1/webhooks/{hook['id']}/attempts")["attempts"]

    def test_events_are_posted_signed_and_in_order(self):
        self.happens("contacted")  # before the webhook: not its business
        hook = self.hook()
        self.happens("delivered", "refused", "contacted")
        self.eventually(lambda: self.kinds_taken() == ["delivered", "refused", "contacted"])
        _, path, headers, body = self.receiver.posts[0]
        seconds, signed = signatures(headers)
        self.assertEqual(signed, [signature(hook["secret"], seconds, body)])
        self.assertLess(abs(time.time() - int(seconds)), 60)
        document = json.loads(body)
        self.assertEqual((path, document["webhook_id"], document["test"]), ("/hook", hook["id"], False))
        self.assertEqual(headers["Firstring-Webhook"], hook["id"])
        self.assertEqual(headers["Content-Type"], "application/json")
        # The same documents and cursors as the feed's.
        first = document["events"][0]
        self.assertIn(first, self.itsp.ok("GET", "/v1/events")["events"])
        last = json.loads(self.receiver.posts[-1][3])["next"]
        self.assertEqual(self.itsp.ok("GET", f"/v1/events?after={last}")["events"], [])
        self.assertTrue(all(attempt["taken"] for attempt in self.attempts(hook)))

    def test_only_the_kinds_asked_for(self):
        self.hook(kinds=["delivered"])
        self.happens("contacted", "refused", "delivered", "contacted", "delivered")
        self.eventually(lambda: self.kinds_taken() == ["delivered"] * 2)

    def test_what_is_not_taken_comes_again(self):
        self.receiver.answers = [500, 302, 404]
        hook = self.hook()
        self.happens("delivered")
        self.eventually(lambda: self.kinds_taken() == ["delivered"])
        self.happens("contacted")
        self.eventually(lambda: self.kinds_taken() == ["delivered", "contacted"])
        self.assertEqual([status for status, *_ in self.receiver.posts], [500, 302, 404, 204, 204])
        self.assertEqual({path for _, path, *_ in self.receiver.posts}, {"/hook"})  # no redirect was followed
        bodies = [json.loads(body)["events"] for *_, body in self.receiver.posts]
        self.assertEqual(bodies[0], bodies[3])
        self.eventually(lambda: len(self.attempts(hook)) == 5)
        self.assertEqual([attempt["status"] for attempt in self.attempts(hook)], [204, 204, 404, 302, 500])
        self.assertIsNone(self.itsp.ok("GET", f"/v1/webhooks/{hook['id']}")["failing_since"])

    def test_after_a_day_it_waits_for_its_owner_and_loses_nothing(self):
        self.receiver.answers = [500] * 1000
        hook = self.hook()
        path = f"/v1/webhooks/{hook['id']}"
        self.happens("delivered")
        self.eventually(lambda: self.itsp.ok("GET", path)["failing_since"])
        self.portal.psql(f"update firstring.webhook set failing_since = now() - interval '25 hours', next_attempt_at = now() "
                         f"where id = '{hook['id']}'")
        self.eventually(lambda: self.itsp.ok("GET", path)["state"] == "failed")
        tried = len(self.receiver.posts)
        time.sleep(1)
        self.assertEqual(len(self.receiver.posts), tried)
        self.receiver.answers = []
        self.assertEqual(self.itsp.ok("PATCH", path, {"state": "live"})["state"], "live")
        self.eventually(lambda: self.kinds_taken() == ["delivered"])

    def test_paused(self):
        hook = self.hook()
        path = f"/v1/webhooks/{hook['id']}"
        self.itsp.ok("PATCH", path, {"state": "paused"})
        self.happens("delivered")
        time.sleep(1.2)
        self.assertEqual(self.receiver.posts, [])
        self.itsp.ok("PATCH", path, {"state": "live"})
        self.eventually(lambda: self.kinds_taken() == ["delivered"])

    def test_replay(self):
        began = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))
        all_three = ["delivered", "contacted", "refused"]
        hook = self.hook(kinds=all_three)
        path = f"/v1/webhooks/{hook['id']}/replay"
        self.happens(*all_three)
        self.eventually(lambda: self.kinds_taken() == all_three)
        first = self.itsp.ok("GET", "/v1/events?limit=3")["next"]  # shipped, claimed, delivered
        self.itsp.ok("POST", path, {"after": first}, status=(200,))
        self.eventually(lambda: self.kinds_taken() == all_three + all_three[1:])
        self.itsp.ok("POST", path, {"since": began}, status=(200,))
        self.eventually(lambda: self.kinds_taken() == all_three + all_three[1:] + all_three)
        self.assertProblem(self.itsp.request("POST", path, {}), 422, "invalid", field="after")
        self.assertProblem(self.itsp.request("POST", path, {"after": first, "since": began}), 422, "invalid", field="after")
        self.assertProblem(self.itsp.request("POST", path, {"after": "nonsense"}), 422, "bad_cursor")
        self.assertProblem(self.itsp.request("POST", path, {"since": "2099-01-01T00:00:00Z"}), 409, "nothing_to_replay")

    def test_the_test_button(self):
        hook = self.hook(kinds=["delivered"])
        self.receiver.answers = [500]
        self.itsp.ok("POST", f"/v1/webhooks/{hook['id']}/test", status=(202,))
        self.receiver.wait(1)
        document = json.loads(self.receiver.posts[0][3])
        self.assertEqual((document["test"], document["events"]), (True, []))
        self.eventually(lambda: len(self.attempts(hook)) == 1)
        self.assertEqual([(a["test"], a["taken"], a["status"]) for a in self.attempts(hook)], [(True, False, 500)])
        self.assertIsNone(self.itsp.ok("GET", f"/v1/webhooks/{hook['id']}")["failing_since"])  # a test is none

    def test_rotated_secret(self):
        hook = self.hook()
        answer = self.itsp.ok("POST", f"/v1/webhooks/{hook['id']}/rotate-secret", status=(200,))
        self.assertNotEqual(answer["secret"], hook["secret"])
        self.happens("delivered")
        self.eventually(lambda: self.receiver.posts)
        *_, headers, body = self.receiver.posts[0]
        seconds, signed = signatures(headers)
        self.assertEqual(signed, [signature(secret, seconds, body) for secret in (answer["secret"], hook["secret"])])
        self.portal.psql(f"update firstring.webhook set old_secret_until = now() where id = '{hook['id']}'")
        self.happens("contacted")
        self.eventually(lambda: len(self.receiver.posts) == 2)
        *_, headers, body = self.receiver.posts[1]
        seconds, signed = signatures(headers)
        self.assertEqual(signed, [signature(answer["secret"], seconds, body)])

    def test_the_secret_is_shown_once_and_logged_nowhere(self):
        hook = self.hook()
        self.assertRegex(hook["secret"], r"^whsec_[0-9a-f]{64}$")
        shown = self.itsp.request("GET", f"/v1/webhooks/{hook['id']}")
        self.assertNotIn(b"secret", shown.body)
        self.assertNotIn(b"secret", self.itsp.request("GET", "/v1/webhooks").body)
        with open(self.portal.path("log")) as file:
            self.assertNotIn(hook["secret"], file.read())
        self.assertNotIn(hook["secret"], self.portal.psql(
            f"select w::text || (select string_agg(a::text, '') from firstring.audit_log a where object_id = '{hook['id']}') "
            f"from firstring.webhook w where id = '{hook['id']}'"))

    def test_urls_that_are_refused(self):
        for url, code in (("http://hooks.itsp.example/", "not_https"), ("https://127.0.0.1/", "address"),
                          ("https://[::1]/", "address"), ("https://2130706433/", "address"), ("https://0x7f.1/", "address"),
                          ("https://user@hooks.itsp.example/", "user_info"), ("https://hooks.local/", "special_use"),
                          ("https://a.b.INTERNAL:8443/x", "special_use"), ("https://hooks.home.arpa", "special_use"),
                          ("https://intranet/", None),
                          ("https://hooks.itsp.example/{mac}", None), ("https://hooks.itsp.example/#x", None),
                          ("javascript:alert(1)", "not_https"), ("https://hooks.itsp.example/\r\nX: y", None), ("", None)):
            answer = self.itsp.request("POST", "/v1/webhooks", {"url": url})
            problem = self.assertProblem(answer, 422, "invalid", field="url")
            if code:
                self.assertIn(code, problem["errors"][0]["code"], url)
        self.assertProblem(self.itsp.request("POST", "/v1/webhooks", {}), 422, "invalid", field="url")
        for method, path in (("POST", "/v1/webhooks"), ("PATCH", f"/v1/webhooks/{self.hook()['id']}")):
            wrong = self.assertProblem(self.itsp.request(method, path, {"url": self.receiver.url, "kinds": ["claimed", "nonsense"]}),
                                       422, "invalid", field="kinds[1]")["errors"]
            self.assertEqual(len(wrong), 1)
            for kind in DOCUMENT["components"]["schemas"]["EventKind"]["enum"]:
                self.assertIn(kind, wrong[0]["detail"])
        self.assertProblem(self.itsp.request("POST", "/v1/webhooks", {"url": self.receiver.url, "itsp_id": "x"}),
                           422, "invalid", field="itsp_id")

    def test_scopes_and_bounds(self):
        for missing in ("profiles:write", "events:read"):
            client = self.portal.client(self.portal.token(self.itsp.itsp_id, [s for s in ITSP_SCOPES if s != missing]))
            self.assertProblem(client.request("POST", "/v1/webhooks", {"url": self.receiver.url}), 403, "insufficient_scope")
        for _ in range(5):
            self.hook()
        self.assertProblem(self.itsp.request("POST", "/v1/webhooks", {"url": self.receiver.url}), 409, "too_many_webhooks")

    def test_a_server_that_is_not_trusted_or_not_there_or_slow(self):
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
            self.portal.path("other.key"), "-out", self.portal.path("other.pem"), "-subj", "/CN=localhost", "-days", "2",
            "-addext", "subjectAltName=DNS:localhost")
        other = Receiver(self.portal.path("other.pem"), self.portal.path("other.key"))
        self.addCleanup(other.server_close)
        self.addCleanup(other.shutdown)
        hooks = {"certificate": self.itsp.ok("POST", "/v1/webhooks", {"url": other.url}),
                 "connect": self.itsp.ok("POST", "/v1/webhooks", {"url": f"https://localhost:{free_ports(1)[0]}/"}),
                 "imed out": self.hook()}
        self.receiver.delay = 5
        self.happens("delivered")
        for word, hook in hooks.items():
            self.eventually(lambda h=hook: self.attempts(h))
            attempt = self.attempts(hook)[0]
            self.assertEqual((attempt["taken"], attempt["status"]), (False, None))
            self.assertIn(word, attempt["error"])
            self.itsp.ok("DELETE", f"/v1/webhooks/{hook['id']}", status=(204,))
        self.assertEqual(other.posts, [])

    def test_the_courier_holds_no_other_key(self):
        with open(self.portal.path("seal.ring")) as file:
            key = bytes.fromhex(file.read().split()[1])
        children = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat") as file:
                    parent = int(re.sub(r".*\)", "", file.read()).split()[1])
                if parent == self.portal.process.pid:
                    children[int(pid)] = holds(pid, key)
            except (FileNotFoundError, ProcessLookupError, ValueError):
                continue
            except PermissionError:
                self.skipTest("only root may look into the processes")
        with_key = [pid for pid, found in children.items() if found]
        couriers = self.couriers()
        self.assertTrue(with_key, "the way of looking finds nothing")
        self.assertEqual(len(couriers), 1)
        self.assertEqual([pid for pid in with_key if pid in couriers], [])

    def couriers(self):
        """The processes that have a session of the courier's role."""
        self.hook()
        self.happens("delivered")
        self.receiver.wait(1)
        return {line["pid"] for line in self.portal.log() if line["event"] == "webhook_posted"}


def holds(pid, needle):
    """Whether the bytes are anywhere in what the process may write."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb") as memory:
        for line in maps:
            span, access = line.split()[:2]
            start, end = (int(part, 16) for part in span.split("-"))
            if "w" not in access or end - start > 256 * 1024 * 1024:
                continue
            memory.seek(start)
            try:
                if needle in memory.read(end - start):
                    return True
            except OSError:
                continue
    return False


class Inside(Case):
    """Without the allowance for tests: what is inside is not knocked at."""
    settings = {"webhooks": "\n  enabled: true\n  retry: 100ms\n  authorities: server.pem"}

    def test_names_that_lead_inside(self):
        itsp = self.portal.itsp()
        mac = self.portal.phone(self.portal.model(), ship_to=itsp)
        itsp.ok("PUT", f"/v1/claims/{mac}", {"profile_id": self.portal.profile(itsp)})
        self.assertProblem(itsp.request("POST", "/v1/webhooks", {"url": "https://localhost/"}), 422, "invalid", field="url")
        hook = itsp.ok("POST", "/v1/webhooks", {"url": "HTTPS://hooks.itsp.example/"})
        self.assertEqual(hook["url"], "https://hooks.itsp.example/")
        receiver = Receiver(self.portal.path("server.pem"), self.portal.path("server.key"))
        # As a name does that was changed to lead inside after it was stored.
        self.portal.psql(f"update firstring.webhook set url = '{receiver.url}' where id = '{hook['id']}'")
        self.portal.phone_event(mac, "delivered", 1)
        deadline = time.monotonic() + 20
        while not (attempts := itsp.ok("GET", f"/v1/webhooks/{hook['id']}/attempts")["attempts"]):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.1)
        self.assertEqual(attempts[0]["error"], "the address is not a public one")
        self.assertEqual(receiver.posts, [])
        receiver.shutdown()
        receiver.server_close()


class Off(Case):

    def test_a_portal_without_a_courier_says_so(self):
        itsp = self.portal.itsp()
        self.assertProblem(itsp.request("POST", "/v1/webhooks", {"url": "https://hooks.itsp.example/"}), 409, "webhooks_off")
        self.assertEqual(itsp.ok("GET", "/v1/webhooks")["webhooks"], [])


if __name__ == "__main__":
    unittest.main()
