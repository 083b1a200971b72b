"""A TCP proxy on loopback that breaks the connection after a number of bytes from the server."""

import enum
import select
import socket
import struct
import threading

BLOCK = 65536
LISTEN_SECONDS = 0.05  # how soon a connection's thread hears that another one broke


class Break(enum.Enum):
    CLOSE = "close"  # an orderly end of stream in the middle of the protocol
    RESET = "reset"  # RST
    HOLE = "hole"  # nothing arrives any more, nothing is said


class Proxy:
    """Lets `after` bytes from the server pass, over all connections together, then breaks them all.

    After CLOSE or RESET nobody gets through any more; after HOLE connections are taken and stay silent.
    `after` None: never breaks, only counts.
    """

    def __init__(self, port: int, after: int | None = None, how: Break = Break.CLOSE):
        self._target = ("127.0.0.1", port)
        self._after = after
        self._how = how
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(LISTEN_SECONDS)
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self.port: int = self._listener.getsockname()[1]
        self.passed = 0  # bytes from the server
        self.broken = threading.Event()

    def __enter__(self) -> "Proxy":
        self._threads[0].start()
        return self

    def __exit__(self, *_) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._target) as server:
            try:
                self._relay(client, server)
                if self.broken.is_set() and self._how is Break.HOLE:
                    self._stopped.wait()
                elif self.broken.is_set() and self._how is Break.RESET:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            except OSError:
                pass  # one side is gone; the other learns it by our closing

    def _relay(self, client: socket.socket, server: socket.socket) -> None:
        """Until an end of stream, the break or the end of the proxy."""
        while not self._stopped.is_set() and not self.broken.is_set():
            readable, _, _ = select.select([client, server], [], [], LISTEN_SECONDS)
            if client in readable:
                if not (data := client.recv(BLOCK)):
                    return
                server.sendall(data)
            if server in readable:
                if not (data := server.recv(BLOCK)):
                    return
                client.sendall(self._admit(data))

    def _admit(self, data: bytes) -> bytes:
        """What of it may still pass."""
        with self._lock:
            room = len(data) if self._after is None else max(0, self._after - self.passed)
            if room < len(data):
                self.broken.set()
            admitted = data[:room]
            self.passed += len(admitted)
            return admitted
