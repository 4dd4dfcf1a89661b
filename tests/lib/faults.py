"""Faults that a test puts between a daemon and what it lives on: a link to the database that goes silent without
closing, memory that runs out. Standard library only."""
import contextlib
import os
import resource
import selectors
import socket
import threading


class Link:
    """A TCP proxy before a PostgreSQL server's socket. `hold()`: half-open, nothing comes through, nothing is closed;
    `release()`: what was sent meanwhile arrives, as TCP would send it again. Use as a context manager."""

    def __init__(self, socket_folder):
        self.server = os.path.join(socket_folder, ".s.PGSQL.5432")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.open = threading.Event()
        self.open.set()
        self.sockets = [self.listener]
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for each in self.sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self.open.set()

    def conninfo(self, user):
        port = self.listener.getsockname()[1]
        return f"hostaddr=127.0.0.1 port={port} dbname=firstring user={user} sslmode=disable"

    def hold(self):
        self.open.clear()

    def release(self):
        self.open.set()

    def accept(self):
        while True:
            try:
                daemon = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.serve, args=(daemon,), daemon=True).start()

    def serve(self, daemon):
        """Carries bytes both ways until one side closes; the server hears of a daemon only while the link is open."""
        self.open.wait()
        with daemon, socket.socket(socket.AF_UNIX) as server, selectors.DefaultSelector() as ready:
            self.sockets += [daemon, server]
            with contextlib.suppress(OSError):
                server.connect(self.server)
                ready.register(daemon, selectors.EVENT_READ, server)
                ready.register(server, selectors.EVENT_READ, daemon)
                while True:
                    for key, _ in ready.select():
                        self.open.wait()
                        taken = key.fileobj.recv(65536)
                        if not taken:
                            return
                        self.open.wait()
                        key.data.sendall(taken)


def children(parent):
    with open(f"/proc/{parent}/task/{parent}/children") as file:
        return {int(word) for word in file.read().split()}


def starve(pids):
    """Leaves processes little more memory than they have: they run out at some allocation, whichever."""
    for pid in pids:
        with open(f"/proc/{pid}/statm") as file:
            size = int(file.read().split()[0]) * resource.getpagesize()
        resource.prlimit(pid, resource.RLIMIT_AS, (size + 300_000, size + 300_000))


@contextlib.contextmanager
def silent_clients(client, count):
    """So many connections that have done their handshake and say nothing; fewer when they are refused."""
    with contextlib.ExitStack() as held:
        for _ in range(count):
            try:
                plain = held.enter_context(socket.create_connection(("127.0.0.1", client.url.port), timeout=5))
                held.enter_context(client.context.wrap_socket(plain, server_hostname=client.url.hostname))
            except OSError:
                break
        yield
