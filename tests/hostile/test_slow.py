#!/usr/bin/env python3
"""Slow heads, slow bodies, slow readers, silent handshakes, by the hundred: each is cut within its deadline, and a good
phone is answered within 100 ms all the while."""
import contextlib
import os
import socket
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
from tests.hostile.raw import Raw, workers  # noqa: E402
from tests.lib.redirector import Redirector  # noqa: E402

HANDSHAKE, HEAD, REQUEST, IDLE = 2, 3, 4, 3
GOOD_S = 0.1  # of the quickest of some: the machine may be busy, the daemon must not be
MANY = 60


def setUpModule():
    global redirector, phone
    redirector = Redirector(limits={"handshake": f"{HANDSHAKE}s", "head": f"{HEAD}s", "request": f"{REQUEST}s",
                                    "idle": f"{IDLE}s"}).__enter__()
    phone = redirector.phone()


def tearDownModule():
    redirector.__exit__(None, None, None)


class Slow(unittest.TestCase):

    def attack(self, open_one, feed, deadline_s):
        """Opens many, feeds them until each is cut; returns when. A good phone boots all the while."""
        before, boots, statuses, stop = workers(redirector), [], set(), threading.Event()

        def good():
            while not stop.is_set():
                begun = time.monotonic()
                statuses.add(phone.boot("/v1/bootstrap").status)
                boots.append(time.monotonic() - begun)

        connections = [open_one() for _ in range(MANY)]
        thread = threading.Thread(target=good)
        begun = time.monotonic()
        thread.start()
        alive = list(connections)
        while alive and time.monotonic() < begun + deadline_s + 20:
            alive = [raw for raw in alive if feed(raw)]
            time.sleep(0.2)
        took = time.monotonic() - begun
        stop.set()
        thread.join()
        for raw in connections:
            raw.socket.close()
        self.assertEqual(alive, [], "some are not cut")
        # A second for the timers, and the rest for a machine that others use too.
        self.assertLess(took, deadline_s + 8)
        self.assertEqual(statuses, {200})
        self.assertGreater(len(boots), 3)
        self.assertLess(min(boots), GOOD_S)
        self.assertEqual(workers(redirector), before)

    def is_open(self, raw):
        """Whether the server still holds it; reads nothing that it may have said but the end."""
        raw.socket.settimeout(0.001)
        try:
            return raw.socket.recv(4096) != b""
        except TimeoutError:
            return True
        except OSError:
            return False

    def dribble(self, piece):
        return lambda raw: self.is_open(raw) and raw.send(piece) > 0

    def begun(self, data):
        raw = Raw(redirector, phone)
        raw.send(data)
        return raw

    def test_a_handshake_that_does_not_go_on(self):
        self.attack(lambda: Raw(redirector, handshake=False), self.is_open, HANDSHAKE)

    def test_a_handshake_in_single_bytes(self):
        hello = iter(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500))
        self.attack(lambda: Raw(redirector, handshake=False),
                    lambda raw: self.is_open(raw) and raw.send(bytes([next(hello, 0)])) > 0, HANDSHAKE)

    def test_a_slow_head(self):
        self.attack(lambda: self.begun(b"GET /v1/bootstrap HTTP/1.1\r\n"), self.dribble(b"X: a\r\n"), HEAD)

    def test_a_slow_body(self):
        self.attack(lambda: self.begun(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n"),
                    self.dribble(b"x"), REQUEST)

    def test_a_connection_that_asks_nothing(self):
        self.attack(lambda: Raw(redirector, phone), self.is_open, max(IDLE, HEAD))

    def test_a_reader_that_does_not_read(self):
        """Asks again and again and takes nothing of the answers."""

        def open_one():
            raw = Raw(redirector, phone)
            raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            raw.socket.settimeout(0.01)
            return raw

        request = b"GET /v1/bootstrap HTTP/1.1\r\nHost: a\r\n\r\n" * 100

        before, looked = self.sockets(), {"at": 0.0, "is_held": True}

        def feed(raw):
            with contextlib.suppress(OSError):
                raw.socket.sendall(request)
            # What the kernel still offers to such a peer is no longer the daemon's.
            if time.monotonic() > looked["at"] + 0.5:
                looked.update(at=time.monotonic(), is_held=self.sockets() > before + 1)
            return looked["is_held"]

        self.attack(open_one, feed, REQUEST)

    def sockets(self):
        """Connections of phones that the workers hold, from the kernel's table of descriptors."""
        return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in workers(redirector))


if __name__ == "__main__":
    unittest.main()
