"""What passes over loopback, as a packet capture shows it: TCP payloads by their ports. Needs root, or CAP_NET_RAW."""
import select
import socket
import struct
import threading

ETH_P_ALL, IPV4, IPV6, TCP = 0x0003, 0x0800, 0x86DD, 6
ETHERNET_LEN = 14


def tcp_segment(frame):
    """(source port, destination port, payload) of a frame, or None."""
    kind = struct.unpack_from("!H", frame, 12)[0]
    at = ETHERNET_LEN
    if kind == IPV4 and frame[at + 9] == TCP:
        end, at = at + struct.unpack_from("!H", frame, at + 2)[0], at + 4 * (frame[at] & 15)
    elif kind == IPV6 and frame[at + 6] == TCP:
        end, at = at + 40 + struct.unpack_from("!H", frame, at + 4)[0], at + 40
    else:
        return None
    source, destination = struct.unpack_from("!HH", frame, at)
    return source, destination, bytes(frame[at + 4 * (frame[at + 12] >> 4):end])


class Capture:
    """Collects while it is entered. `streams` are {(client port, server port): bytes} of the ports asked for, both
    directions of a connection under one key."""

    def __init__(self, ports):
        self.ports, self.streams, self.first = set(ports), {}, {}
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 20)
        self.stops = threading.Event()

    def __enter__(self):
        self.socket.bind(("lo", 0))
        self.thread = threading.Thread(target=self._collect)
        self.thread.start()
        return self

    def __exit__(self, *trace):
        self.stops.set()
        self.thread.join()
        self.socket.close()

    def _collect(self):
        while select.select([self.socket], [], [], 0.2)[0] or not self.stops.is_set():
            if not select.select([self.socket], [], [], 0)[0]:
                continue
            frame, address = self.socket.recvfrom(1 << 17)
            # Loopback shows each frame going out and coming in.
            if address[2] == socket.PACKET_OUTGOING:
                continue
            segment = tcp_segment(frame)
            if segment and segment[2] and self.ports & set(segment[:2]):
                self._keep(*segment)

    def _keep(self, source, destination, payload):
        key = (source, destination) if destination in self.ports else (destination, source)
        self.first.setdefault((source, destination), payload)
        self.streams[key] = self.streams.get(key, b"") + payload
