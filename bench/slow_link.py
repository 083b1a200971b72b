"""A TCP proxy that makes a link slow: so many bytes a second for each connection, and a delay on the way.

Bytes from the server are held back; what the client sends passes after the delay alone."""
import select
import socket
import threading
import time
from collections import deque

BLOCK = 65536
TICK_S = 0.001


class SlowLink:
    def __init__(self, port, bytes_per_s, delay_s):
        self._target = ("127.0.0.1", port)
        self._rate, self._delay = bytes_per_s, delay_s
        self._stopped = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.1)
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    def __enter__(self):
        self._threads[0].start()
        return self

    def __exit__(self, *_):
        self._stopped.set()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self):
        while not self._stopped.is_set():
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, client):
        with client, socket.create_connection(self._target) as server:
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            to_client, to_server = Lane(client, self._rate, self._delay), Lane(server, None, self._delay)
            try:
                while not self._stopped.is_set():
                    wanted = ([client] if to_server.has_room() else []) + ([server] if to_client.has_room() else [])
                    readable, _, _ = select.select(wanted, [], [], TICK_S)
                    for side, lane in ((client, to_server), (server, to_client)):
                        if side in readable:
                            data = side.recv(BLOCK)
                            if not data:
                                to_client.drain()
                                return
                            lane.put(data)
                    to_server.send_due()
                    to_client.send_due()
            except OSError:
                pass  # one side is gone; the other learns it by our closing


class Lane:
    """One direction of one connection."""

    MOST_BYTES = 4 << 20  # on the way at once

    def __init__(self, out, rate, delay_s):
        self._out, self._rate, self._delay_s = out, rate, delay_s
        self._queue = deque()
        self._bytes = 0
        self._free_at = 0.0  # when the link has carried what it was given

    def has_room(self):
        return self._bytes < self.MOST_BYTES

    def put(self, data):
        now = time.monotonic()
        self._free_at = max(self._free_at, now) + (len(data) / self._rate if self._rate else 0)
        self._queue.append((self._free_at + self._delay_s, data))
        self._bytes += len(data)

    def send_due(self):
        now = time.monotonic()
        while self._queue and self._queue[0][0] <= now:
            data = self._queue.popleft()[1]
            self._bytes -= len(data)
            self._out.sendall(data)

    def drain(self):
        while self._queue:
            self.send_due()
            time.sleep(TICK_S)
