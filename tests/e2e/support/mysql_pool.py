"""A multiplexing proxy before a MySQL server: what ProxySQL, MaxScale and RDS Proxy do to a client, at its harshest.

A few server connections serve all clients. Outside of a transaction every command goes to another one than the last;
a prepared statement is prepared again wherever it is executed. Nothing of a session is tracked or put back: a SET outside
of a transaction has its effect on whoever comes next, which is what a test can see afterwards.

Source: MySQL internals, "Text Protocol", "Prepared Statements"; ProxySQL documentation, "Multiplexing".
"""

import socket
import struct
import threading
from collections import deque
from dataclasses import dataclass, field

from support.mysql_wire import (
    CLIENT_CONNECT_WITH_DB,
    CLIENT_PLUGIN_AUTH,
    CLIENT_PROTOCOL_41,
    CLIENT_SECURE_CONNECTION,
    SECONDS,
    STATUS_AUTOCOMMIT,
    UTF8MB4,
    Listener,
    packet,
    read_packet,
)

CLIENT_LONG_PASSWORD = 0x1
CLIENT_LONG_FLAG = 0x4
CLIENT_TRANSACTIONS = 0x2000
CAPABILITIES = (
    CLIENT_LONG_PASSWORD
    | CLIENT_LONG_FLAG
    | CLIENT_CONNECT_WITH_DB
    | CLIENT_PROTOCOL_41
    | CLIENT_TRANSACTIONS
    | CLIENT_SECURE_CONNECTION
    | CLIENT_PLUGIN_AUTH
)
STATUS_IN_TRANSACTION = 1
STATUS_MORE_RESULTS = 8
COM_QUIT, COM_PREPARE, COM_EXECUTE, COM_LONG_DATA, COM_CLOSE, COM_RESET = 0x01, 0x16, 0x17, 0x18, 0x19, 0x1A
SILENT = (COM_LONG_DATA, COM_CLOSE)  # no answer
LONGEST = 0xFFFFFF  # of one packet; a longer one goes on in the next
OK, EOF, ERROR = 0x00, 0xFE, 0xFF


def number_at(data: bytes, at: int) -> tuple[int, int]:
    """A length-encoded integer, and where it ends."""
    first = data[at]
    if first < 0xFB:
        return first, at + 1
    size = {0xFC: 2, 0xFD: 3, 0xFE: 8}[first]
    return int.from_bytes(data[at + 1 : at + 1 + size], "little"), at + 1 + size


def texts(row: bytes) -> list[bytes]:
    """The values of a row of the text protocol; a NULL is empty."""
    values, at = [], 0
    while at < len(row):
        size, at = (0, at + 1) if row[at] == 0xFB else number_at(row, at)
        values.append(row[at : at + size])
        at += size
    return values


@dataclass
class Backend:
    """A connection to the server."""

    stream: socket.socket
    version: bytes
    prepared: dict[bytes, int] = field(default_factory=dict)  # SQL to the server's number

    @staticmethod
    def connect(port: int, user: str, database: str) -> "Backend":
        """Of a user without a password."""
        stream = socket.create_connection(("127.0.0.1", port), SECONDS)
        greeting = read_packet(stream)
        login = struct.pack("<IIB", CAPABILITIES, 1 << 24, UTF8MB4) + bytes(23) + user.encode() + b"\0\0"
        stream.sendall(packet(1, login + database.encode() + b"\0mysql_native_password\0"))
        answer = read_packet(stream)
        if answer[4] == EOF:  # another way to log in, for which there is nothing to say either
            stream.sendall(packet(answer[3] + 1, b""))
            answer = read_packet(stream)
        assert answer[4] == OK, answer
        return Backend(stream, greeting[5 : greeting.index(0, 5)])

    def ask(self, content: bytes) -> "Answer":
        self.stream.sendall(packet(0, content))
        return Answer(self.stream, content[0] == COM_PREPARE)


class Answer:
    """The packets of one answer, one after another; `status` is that of the last that said one."""

    def __init__(self, stream: socket.socket, prepared: bool):
        self._stream = stream
        self._prepared = prepared
        self.status: int | None = None

    def __iter__(self):
        first = yield from self._whole()
        if first[0] == ERROR:
            return
        if first[0] == OK and self._prepared:
            columns, parameters = struct.unpack_from("<HH", first, 5)
            for n in (parameters, columns):
                if n > 0:
                    yield from self._until_end()
        elif first[0] == OK:
            _, at = number_at(first, 1)
            _, at = number_at(first, at)
            yield from self._more(struct.unpack_from("<H", first, at)[0])
        else:
            yield from self._until_end()  # the columns
            yield from self._until_end()  # the rows
            yield from self._more(self.status or 0)

    def _more(self, status: int):
        self.status = status
        if status & STATUS_MORE_RESULTS:
            yield from self.__iter__()

    def _until_end(self):
        while True:
            content = yield from self._whole()
            if content[0] == ERROR:
                return
            if content[0] == EOF and len(content) < 9:
                [self.status] = struct.unpack_from("<H", content, 3)
                return

    def _whole(self):
        """One logical packet, each of its physical ones as it comes; its first part's content."""
        data = read_packet(self._stream)
        yield data
        first = data[4:]
        while len(data) - 4 == LONGEST:
            data = read_packet(self._stream)
            yield data
        return first


@dataclass
class Statement:
    """One that a client has prepared, wherever it was executed since."""

    sql: bytes
    parameters: int
    types: bytes = b""
    long_data: list[bytes] = field(default_factory=list)


class Multiplexer(Listener):
    """`connections` to the server for everybody together; the user has no password."""

    def __init__(self, port: int, user: str, database: str, connections: int = 3):
        super().__init__()
        self._backends = [Backend.connect(port, user, database) for _ in range(connections)]
        self._free = deque(self._backends)
        self._returned = threading.Condition()
        self.commands = 0

    def __exit__(self, *_) -> None:
        super().__exit__()
        for backend in self._backends:
            backend.stream.close()

    def idle(self) -> bool:
        """No session holds a server connection."""
        return len(self._free) == len(self._backends)

    def settings(self) -> list[dict[bytes, bytes]]:
        """The session variables of each server connection."""
        volatile = (b"timestamp", b"rand_seed", b"last_", b"pseudo_thread_id", b"gtid_", b"error_", b"warning_")
        found = []
        for backend in self._backends:
            contents = [data[4:] for data in backend.ask(b"\x03SHOW SESSION VARIABLES")]
            rows = [texts(content) for content in contents[4:-1]]  # after the count, two columns and their end
            found.append({name: value for name, value in rows if not name.startswith(volatile)})
        return found

    def serve(self, client: socket.socket) -> None:
        client.sendall(self._greeting())
        read_packet(client)
        client.sendall(packet(2, b"\0\0\0" + struct.pack("<HH", STATUS_AUTOCOMMIT, 0)))
        Session(self, client).run()

    def take(self) -> Backend:
        """The one that has been idle longest, so never the same twice while there are others."""
        with self._returned:
            self._returned.wait_for(lambda: self._free or self._stopped.is_set())
            return self._free.popleft()

    def give(self, backend: Backend) -> None:
        with self._returned:
            self._free.append(backend)
            self._returned.notify()

    def _greeting(self) -> bytes:
        salt = b"saltsalt\0" + struct.pack("<HBHHB", CAPABILITIES & 0xFFFF, UTF8MB4, 2, CAPABILITIES >> 16, 21)
        thread = struct.pack("<I", 1_000_000 + self.connections)
        rest = bytes(10) + b"saltsaltsalt\0mysql_native_password\0"
        return packet(0, b"\x0a" + self._backends[0].version + b"\0" + thread + salt + rest)


class Session:
    """What one client says, until it goes."""

    def __init__(self, pool: Multiplexer, client: socket.socket):
        self._pool = pool
        self._client = client
        self._statements: dict[int, Statement] = {}
        self._n_prepared = 0
        self._held: Backend | None = None  # inside a transaction

    def run(self) -> None:
        try:
            while (content := self._command())[0] != COM_QUIT:
                if content[0] in SILENT:
                    self._silent(content)
                else:
                    self._answered(content)
        finally:
            self._leave()

    def _command(self) -> bytes:
        data = read_packet(self._client)
        content = data[4:]
        while len(data) - 4 == LONGEST:
            data = read_packet(self._client)
            content += data[4:]
        return content

    def _silent(self, content: bytes) -> None:
        number = int.from_bytes(content[1:5], "little")
        if content[0] == COM_CLOSE:
            self._statements.pop(number, None)
        else:
            self._statements[number].long_data.append(content)

    def _answered(self, content: bytes) -> None:
        backend = self._held or self._pool.take()
        status = None
        try:
            if content[0] == COM_PREPARE:
                self._prepare(backend, content)
            else:
                answer = backend.ask(self._translated(backend, content))
                for data in answer:
                    self._client.sendall(data)
                status = answer.status
        finally:
            self._pool.commands += 1
            kept = self._held is not None if status is None else bool(status & STATUS_IN_TRANSACTION)
            self._held = backend if kept else None
            if not kept:
                self._pool.give(backend)

    def _prepare(self, backend: Backend, content: bytes) -> None:
        parts = list(backend.ask(content))
        if parts[0][4] == OK:
            server_number, _, parameters = struct.unpack_from("<IHH", parts[0], 5)
            self._n_prepared += 1
            number = self._n_prepared
            backend.prepared[content[1:]] = server_number
            self._statements[number] = Statement(content[1:], parameters)
            parts[0] = parts[0][:5] + struct.pack("<I", number) + parts[0][9:]
        self._client.sendall(b"".join(parts))

    def _translated(self, backend: Backend, content: bytes) -> bytes:
        """With the number that the statement has on this connection, and the types of its parameters, which a client
        says only once."""
        if content[0] not in (COM_EXECUTE, COM_RESET):
            return content
        statement = self._statements[int.from_bytes(content[1:5], "little")]
        number = struct.pack("<I", self._server_number(backend, statement))
        for data in statement.long_data if content[0] == COM_EXECUTE else ():
            backend.stream.sendall(packet(0, data[:1] + number + data[5:]))
        statement.long_data.clear()
        if content[0] == COM_RESET or statement.parameters == 0:
            return content[:1] + number + content[5:]
        nulls_end = 10 + (statement.parameters + 7) // 8
        values_at = nulls_end + 1
        if content[nulls_end] == 1:
            values_at += 2 * statement.parameters
            statement.types = content[nulls_end + 1 : values_at]
        return content[:1] + number + content[5:nulls_end] + b"\1" + statement.types + content[values_at:]

    def _server_number(self, backend: Backend, statement: Statement) -> int:
        if statement.sql not in backend.prepared:
            parts = list(backend.ask(bytes([COM_PREPARE]) + statement.sql))
            assert parts[0][4] == OK, parts[0]
            backend.prepared[statement.sql] = struct.unpack_from("<I", parts[0], 5)[0]
        return backend.prepared[statement.sql]

    def _leave(self) -> None:
        if self._held is not None:
            for _ in self._held.ask(b"\x03ROLLBACK"):
                pass
            self._pool.give(self._held)
