#!/usr/bin/env python3
"""Events as they happen (server-sent events), and whole lists as streamed exports."""
import csv
import io
import json
import os
import socket
import ssl
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from portal import Case  # noqa: E402


class Stream:
    """A reader of one event stream, on a connection of its own."""

    def __init__(self, portal, token, path="/v1/events/stream", last_id=None):
        context = ssl.create_default_context(cafile=portal.path("server.pem"))
        self.socket = context.wrap_socket(socket.create_connection(("127.0.0.1", portal.port), timeout=20),
                                          server_hostname="localhost")
        more = f"Last-Event-ID: {last_id}\r\n" if last_id else ""
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n{more}\r\n".encode())
        self.file = self.socket.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        self.headers = {}
        while (line := self.file.readline().strip()):
            name, value = line.decode().split(": ", 1)
            self.headers[name] = value
        self.text = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def piece(self):
        """The next piece of the chunked answer; b"" at its end."""
        size = int(self.file.readline(), 16)
        piece = self.file.read(size)
        self.file.readline()
        return piece

    def block(self):
        """The next block of lines, up to an empty one, as a dict of its fields; None at the end."""
        while b"\n\n" not in self.text:
            piece = self.piece()
            if not piece:
                return None
            self.text += piece
        block, self.text = self.text.split(b"\n\n", 1)
        fields = {}
        for line in block.decode().splitlines():
            name, value = line.split(":", 1)
            fields[name or "comment"] = value.strip()
        return fields

    def events(self, count):
        found = []
        while len(found) < count:
            block = self.block()
            assert block is not None, found
            if "data" in block:
                found.append((block["id"], block["event"], json.loads(block["data"])))
        return found


class Streams(Case):
    settings = {"streams": "\n  per_itsp: 2\n  heartbeat: 1s\n  life: 30s", "workers": 1}

    def setUp(self):
        self.itsp = self.portal.itsp()
        self.mac = self.portal.phone(self.portal.model(), ship_to=self.itsp)
        self.itsp.ok("PUT", f"/v1/claims/{self.mac}", {"profile_id": self.portal.profile(self.itsp)})

    def stream(self, **more):
        """A stream; those that a client has just left are counted until a write to them fails."""
        deadline = time.monotonic() + 20
        while True:
            stream = Stream(self.portal, self.itsp.token, **more)
            if stream.status != 429 or time.monotonic() > deadline:
                return stream
            stream.__exit__()
            time.sleep(0.2)

    def test_events_arrive_and_a_cut_stream_resumes(self):
        self.portal.phone_event(self.mac, "contacted")
        with self.stream() as stream:
            self.assertEqual((stream.status, stream.headers["Content-Type"]), (200, "text/event-stream"))
            self.assertEqual(stream.headers["Cache-Control"], "no-store")
            self.assertIn("retry", stream.block())
            self.portal.phone_event(self.mac, "delivered", 1)
            began = time.monotonic()
            first, kind, event = stream.events(1)[0]
            self.assertLess(time.monotonic() - began, 5)
            self.assertEqual((kind, event["kind"], event["mac"]), ("delivered", "delivered", self.mac))
        for kind in ("refused", "contacted"):
            self.portal.phone_event(self.mac, kind)
        with self.stream(last_id=first) as stream:
            later = stream.events(2)
            self.assertEqual([kind for _, kind, _ in later], ["refused", "contacted"])
        # The same cursors as the list's.
        page = self.itsp.ok("GET", f"/v1/events?after={later[0][0]}")
        self.assertEqual([event["id"] for event in page["events"]], [later[1][2]["id"]])
        with self.stream(path=f"/v1/events/stream?after={first}") as stream:
            self.assertEqual(stream.events(2), later)

    def test_it_says_that_it_is_still_there(self):
        with self.stream() as stream:
            stream.block()
            self.assertIn("comment", stream.block())

    def test_cursors_that_are_none(self):
        stranger = self.portal.itsp()
        self.portal.phone_event(self.mac, "contacted")
        with self.stream(path="/v1/events/stream") as stream:
            self.portal.phone_event(self.mac, "contacted")
            cursor = stream.events(1)[0][0]
        for headers in ({"Last-Event-ID": "nonsense"}, {"Last-Event-ID": "a" * 5000}, {"Last-Event-ID": cursor}):
            answer = stranger.request("GET", "/v1/events/stream", headers=headers)
            self.assertProblem(answer, 422, "bad_cursor")
        self.assertProblem(stranger.request("GET", f"/v1/events/stream?after={cursor}"), 422, "bad_cursor")

    def test_they_are_bounded_by_tenant(self):
        with self.stream() as one, self.stream() as two:
            self.assertEqual((one.status, two.status), (200, 200))
            answer = self.itsp.request("GET", "/v1/events/stream")
            self.assertProblem(answer, 429, "too_many_streams")
            self.assertIn("Retry-After", answer.headers)
            other = self.portal.itsp()
            with Stream(self.portal, other.token) as stream:
                self.assertEqual(stream.status, 200)
        with self.stream() as stream:
            self.assertEqual(stream.status, 200)

    def test_others_are_served_meanwhile(self):
        with self.stream():
            began = time.monotonic()
            for _ in range(20):
                self.itsp.ok("GET", f"/v1/claims/{self.mac}")
            self.assertLess(time.monotonic() - began, 10)

    def test_a_leaving_worker_ends_them(self):
        with self.stream() as stream:
            stream.block()
            began = time.monotonic()
            ending = threading.Thread(target=self.portal.stop)
            ending.start()
            while stream.block() is not None:
                pass
            ending.join()
            self.assertLess(time.monotonic() - began, 20)
        self.portal.start()


class Exports(Case):

    def setUp(self):
        self.itsp = self.portal.itsp()
        self.model = self.portal.model()
        self.profile = self.portal.profile(self.itsp)

    def claimed(self, count):
        macs = self.portal.phones(self.model, count, ship_to=self.itsp)
        answer = self.itsp.request("POST", "/v1/claim-jobs", ("mac,claim_code,profile\n" + "".join(
            f"{mac},,{self.profile}\n" for mac in macs)).encode(), content_type="text/csv")
        self.assertEqual(answer.status, 202, answer)
        deadline = time.monotonic() + 60
        while self.itsp.ok("GET", answer.headers["Location"])["state"] != "done":
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.1)
        return macs

    def test_claims(self):
        macs = self.claimed(1050)  # more than one page of the database
        answer = self.itsp.request("GET", "/v1/claims:export")
        self.assertEqual(answer.headers["Content-Type"], "application/x-ndjson")
        rows = [json.loads(line) for line in answer.body.splitlines()]
        self.assertEqual([row["mac"] for row in rows], macs)
        listed = self.itsp.ok("GET", "/v1/claims?limit=1")["claims"][0]
        self.assertEqual({name: rows[0][name] for name in listed}, listed)
        rest = self.itsp.request("GET", f"/v1/claims:export?cursor={rows[999]['cursor']}")
        self.assertEqual([json.loads(line)["mac"] for line in rest.body.splitlines()], macs[1000:])

        answer = self.itsp.request("GET", "/v1/claims:export?format=csv&state=live")
        self.assertEqual(answer.headers["Content-Disposition"], 'attachment; filename="claims.csv"')
        table = list(csv.DictReader(io.StringIO(answer.body.decode())))
        self.assertEqual([row["mac"] for row in table], macs)
        self.assertEqual(self.itsp.request("GET", "/v1/claims:export?state=suspended").body, b"")
        self.assertProblem(self.itsp.request("GET", "/v1/claims:export?format=xlsx"), 422, "invalid", field="format")
        self.assertProblem(self.itsp.request("GET", "/v1/claims:export?state=gone"), 422, "invalid", field="state")
        self.assertEqual(self.portal.itsp().request("GET", "/v1/claims:export").body, b"")

    def test_formulas_are_neutralised(self):
        evil = '=HYPERLINK("https://evil.example","x")'
        itsp = self.portal.itsp(name=evil)
        answer = self.portal.admin.request(
            "GET", f"/v1/admin/audit:export?format=csv&object_kind=itsp&object_id={itsp.itsp_id}")
        rows = list(csv.DictReader(io.StringIO(answer.body.decode())))
        self.assertEqual([row["action"] for row in rows][-1], "itsp.create")
        for row in rows:
            for cell in row.values():
                self.assertNotIn(cell[:1], ("=", "+", "-", "@", "\t", "\r"))

    def test_events_and_audit(self):
        mac = self.claimed(1)[0]
        for _ in range(3):
            self.portal.phone_event(mac, "contacted")
        deadline = time.monotonic() + 10
        while True:
            events = [json.loads(line) for line in self.itsp.request("GET", "/v1/events:export").body.splitlines()]
            if len(events) == 5 or time.monotonic() > deadline:
                break
        self.assertEqual([event["kind"] for event in events], ["shipped", "claimed"] + ["contacted"] * 3)
        page = self.itsp.ok("GET", f"/v1/events?after={events[3]['cursor']}")
        self.assertEqual([event["id"] for event in page["events"]], [events[4]["id"]])
        rows = [json.loads(line) for line in self.portal.admin.request("GET", "/v1/admin/audit:export").body.splitlines()]
        self.assertEqual([row["id"] for row in rows], sorted((row["id"] for row in rows), reverse=True))
        self.assertGreater(len(rows), 5)


if __name__ == "__main__":
    unittest.main()
