"""Bytes by hand, over TLS, for the hostile tests: what a phone's library would never send. Standard library only."""
import socket
import ssl
import struct

from tests.lib.instance import run


class Raw:
    """One connection to a redirector; `phone` None: without a certificate."""

    def __init__(self, redirector, phone=None, timeout=15, handshake=True):
        self.socket = socket.create_connection(("127.0.0.1", redirector.port), timeout=timeout)
        if handshake:
            context = ssl.create_default_context(cafile=redirector.server_ca)
            if phone:
                context.load_cert_chain(phone.cert, phone.key)
            self.socket = context.wrap_socket(self.socket, server_hostname="127.0.0.1")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        """0 when the server has had enough meanwhile."""
        try:
            self.socket.sendall(data)
        except (ConnectionError, ssl.SSLError):
            return 0
        return len(data)

    def read_to_end(self):
        """All that comes until the server closes; raises TimeoutError when it does not."""
        got = b""
        while True:
            try:
                piece = self.socket.recv(65536)
            except TimeoutError:
                raise
            except (ConnectionError, ssl.SSLError):
                return got
            if not piece:
                return got
            got += piece

    def reset(self):
        """RST instead of a farewell."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def statuses(got):
    """The status of each answer in these bytes."""
    found = []
    while got.startswith(b"HTTP/1."):
        head, _, rest = got.partition(b"\r\n\r\n")
        found.append(int(head.split(b" ", 2)[1]))
        length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n")
                       if line.lower().startswith(b"content-length:")), 0)
        got = rest[length:]
    return found


def workers(redirector):
    """Process ids of the workers that live."""
    done = run("ps", "--ppid", str(redirector.process.pid), "-o", "pid=", check=False)
    return {int(word) for word in done.stdout.split()}
