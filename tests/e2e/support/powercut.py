"""What a power cut leaves of a folder: the file system calls of a program, recorded with strace, and replayed up to any
moment by the rules of POSIX.

Data that no fsync of its file covers may be lost or be zeros. A name that no fsync of its folder covers (created,
renamed, removed) may be as before or as after, whatever became of other names. An fsync covers what had come back from
the kernel before it began, and counts when it has come back itself. Nothing is known of order between calls but that.
"""

import os
import random
import re
from dataclasses import dataclass, field
from pathlib import Path

CALLS = (
    "open,openat,creat,write,pwrite64,writev,pwritev,pwritev2,ftruncate,truncate,fallocate,copy_file_range,sendfile,"
    "rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,rmdir,mkdir,mkdirat,"
    "fsync,fdatasync,sync_file_range,close,dup,dup2,dup3,mmap"
)
LINE = re.compile(r"^(\d+) +(.*)$")
RESUMED = re.compile(r"^<\.\.\. (\w+) resumed>(.*)$")
CALL = re.compile(r"^(\w+)\((.*)\) += +(-?\d+)(.*)$", re.S)
TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')
ROOT = 0  # the inode of the folder that is watched


def recorder(log: Path) -> tuple[str, ...]:
    """A wrapper for support.program.Program."""
    return ("strace", "-f", "-qqq", "-xx", "-s", "100000000", "-e", "signal=none", "-e", f"trace={CALLS}", "-o", str(log))


@dataclass
class Call:
    """One call that succeeded: begun and ended at these positions of the log."""

    begin: int
    end: int
    name: str
    arguments: list[str]
    result: int


def texts(argument: str) -> bytes:
    found = TEXT.fullmatch(argument.strip())
    assert found and not found.group(2), f"no whole text: {argument[:80]}"
    return bytes.fromhex(found.group(1).replace("\\x", ""))


def split_arguments(text: str) -> list[str]:
    """At the commas that are in no brackets; texts are hexadecimal and hold none."""
    parts, depth, start = [], 0, 0
    for i, c in enumerate(text):
        if c in "[{(":
            depth += 1
        elif c in ")}]":
            depth -= 1
        elif c == "," and depth == 0:
            parts.append(text[start:i].strip())
            start = i + 1
    return [*parts, text[start:].strip()]


def read_log(log: Path) -> list[Call]:
    """In the order in which they ended; but a descriptor is free for others as soon as its close() has begun."""
    calls, open_calls = [], {}
    for number, line in enumerate(log.read_text().splitlines()):
        pid, text = LINE.match(line).groups()
        begin = number
        resumed = RESUMED.match(text)
        if resumed:
            begin, first = open_calls.pop(pid)
            text = first + resumed.group(2)
        elif text.endswith("<unfinished ...>"):
            open_calls[pid] = (number, text.removesuffix("<unfinished ...>"))
            continue
        found = CALL.match(text)
        if not found or int(found.group(3)) < 0:
            continue  # "+++ exited", a call that failed and changed nothing
        name, arguments, result, _ = found.groups()
        calls.append(Call(begin, number, name, split_arguments(arguments), int(result)))
    return sorted(calls, key=lambda call: call.begin if call.name == "close" else call.end)


@dataclass
class Change:
    """Something that a power cut may undo, until it is durable."""

    begin: int
    end: int
    inode: int  # the file, or the folder whose names change
    write: tuple[int, bytes] | None = None
    truncate: int | None = None
    names: dict[bytes, int | None] = field(default_factory=dict)  # what each name is afterwards; None: nothing
    durable_at: int | None = None  # the position in the log from which on it is


def contents(root: Path) -> dict[bytes, bytes]:
    """path below the root -> bytes, of every file there is."""
    return {os.fsencode(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


class Recording:
    """The changes that a program made below one folder. `before` is what had lain there, durably."""

    def __init__(self, root: Path, log: Path, before: dict[bytes, bytes]):
        self.root = os.fsencode(root.resolve())
        self.kinds: dict[int, str] = {ROOT: "folder"}
        self.changes: list[Change] = []
        self.moments: list[int] = []
        self._names: dict[int, dict[bytes, int]] = {ROOT: {}}
        self._files: dict[int, tuple[int, int | None]] = {}  # descriptor -> inode, offset (None: O_APPEND)
        self._cwd = os.fsencode(root.resolve())
        for path, data in before.items():
            self._found(path, data)
        for call in read_log(log):
            getattr(self, "_" + call.name)(call)
        self.moments.append(self.moments[-1] + 1)

    def _found(self, path: bytes, data: bytes) -> None:
        folder = ROOT
        *above, name = path.split(b"/")
        for i, part in enumerate([*above, name]):
            inode = self._names[folder].get(part)
            if inode is None:
                inode = self._new("folder" if i < len(above) else "file")
                self._names[folder][part] = inode
                self.changes.append(Change(-1, -1, folder, names={part: inode}, durable_at=-1))
            folder = inode
        self.changes.append(Change(-1, -1, folder, write=(0, data), durable_at=-1))

    # ---- what a path or a descriptor stands for ----

    def _fd(self, argument: str) -> int:
        return -100 if argument == "AT_FDCWD" else int(argument)

    def _place(self, at: int, path: bytes) -> tuple[int, bytes] | None:
        """(folder's inode, name), or None outside of the root."""
        if not path.startswith(b"/") and at != -100:
            if at not in self._files:
                return None
            return self._walk(self._files[at][0], path)
        whole = os.path.normpath(path if path.startswith(b"/") else self._cwd + b"/" + path)
        if whole == self.root:
            return (ROOT, b".")
        if not whole.startswith(self.root + b"/"):
            return None
        return self._walk(ROOT, whole[len(self.root) + 1 :])

    def _walk(self, folder: int, path: bytes) -> tuple[int, bytes] | None:
        *above, name = path.split(b"/")
        for part in above:
            folder = self._names.get(folder, {}).get(part)
            if folder is None:
                return None
        return (folder, name)

    def _look(self, place: tuple[int, bytes]) -> int | None:
        return place[0] if place[1] == b"." else self._names[place[0]].get(place[1])

    # ---- changes ----

    def _add(self, call: Call, **change) -> None:
        self.changes.append(Change(call.begin, call.end, **change))
        self.moments.append(call.end)

    def _set_names(self, call: Call, folder: int, names: dict[bytes, int | None]) -> None:
        for name, inode in names.items():
            if inode is None:
                self._names[folder].pop(name, None)
            else:
                self._names[folder][name] = inode
        self._add(call, inode=folder, names=names)

    def _new(self, kind: str) -> int:
        inode = len(self.kinds)
        self.kinds[inode] = kind
        if kind == "folder":
            self._names[inode] = {}
        return inode

    # ---- calls ----

    def _openat(self, call: Call, shift: int = 1) -> None:
        at = self._fd(call.arguments[0]) if shift else -100
        flags = call.arguments[shift + 1].split("|")
        self._files.pop(call.result, None)
        place = self._place(at, texts(call.arguments[shift]))
        if place is None:
            return
        if "O_TMPFILE" in flags:
            self._files[call.result] = (self._new("file"), 0)
            return
        inode = self._look(place)
        if inode is None:
            assert "O_CREAT" in flags, f"opened what was never made: {place}"
            inode = self._new("file")
            self._set_names(call, place[0], {place[1]: inode})
        elif "O_TRUNC" in flags:
            self._add(call, inode=inode, truncate=0)
        self._files[call.result] = (inode, None if "O_APPEND" in flags else 0)

    def _open(self, call: Call) -> None:
        self._openat(call, 0)

    def _close(self, call: Call) -> None:
        self._files.pop(int(call.arguments[0]), None)

    def _dup(self, call: Call) -> None:
        assert int(call.arguments[0]) not in self._files, "a file's offset in two descriptors is not followed"

    _dup2 = _dup3 = _dup

    def _write_at(self, call: Call, fd: int, offset: int | None, data: bytes) -> None:
        if fd not in self._files:
            return
        inode, own = self._files[fd]
        assert own is not None, "O_APPEND is not followed"
        at = own if offset is None else offset
        self._add(call, inode=inode, write=(at, data[: call.result]))
        if offset is None:
            self._files[fd] = (inode, at + call.result)

    def _write(self, call: Call) -> None:
        if int(call.arguments[0]) in self._files:
            self._write_at(call, int(call.arguments[0]), None, texts(call.arguments[1]))

    def _pwrite64(self, call: Call) -> None:
        if int(call.arguments[0]) in self._files:
            self._write_at(call, int(call.arguments[0]), int(call.arguments[3]), texts(call.arguments[1]))

    def _ftruncate(self, call: Call) -> None:
        if int(call.arguments[0]) in self._files:
            self._add(call, inode=self._files[int(call.arguments[0])][0], truncate=int(call.arguments[1]))

    def _refuse(self, call: Call) -> None:
        """A way of writing that this model does not know must not go unnoticed."""
        fds = {int(argument) for argument in call.arguments if argument.isdigit()} & self._files.keys()
        assert not fds, f"{call.name} is not followed"

    _writev = _pwritev = _pwritev2 = _fallocate = _copy_file_range = _sendfile = _refuse

    def _mmap(self, call: Call) -> None:
        if "MAP_SHARED" in call.arguments[3] and "PROT_WRITE" in call.arguments[2]:
            assert int(call.arguments[4]) not in self._files, "mmap is not followed"

    def _mkdirat(self, call: Call, shift: int = 1) -> None:
        place = self._place(self._fd(call.arguments[0]) if shift else -100, texts(call.arguments[shift]))
        if place is not None:
            self._set_names(call, place[0], {place[1]: self._new("folder")})

    def _mkdir(self, call: Call) -> None:
        self._mkdirat(call, 0)

    def _unlinkat(self, call: Call, shift: int = 1) -> None:
        place = self._place(self._fd(call.arguments[0]) if shift else -100, texts(call.arguments[shift]))
        if place is not None:
            self._set_names(call, place[0], {place[1]: None})

    def _unlink(self, call: Call) -> None:
        self._unlinkat(call, 0)

    _rmdir = _unlink

    def _move(self, call: Call, source: tuple[int, bytes] | None, target: tuple[int, bytes] | None) -> None:
        assert (source is None) == (target is None), "moved across the border of what is watched"
        if source is None:
            return
        assert source[0] == target[0], "moved between folders: this model has no one change for that"
        self._set_names(call, source[0], {target[1]: self._look(source), source[1]: None})

    def _rename(self, call: Call) -> None:
        self._move(call, *(self._place(-100, texts(argument)) for argument in call.arguments[:2]))

    def _renameat(self, call: Call) -> None:
        a = call.arguments
        self._move(call, self._place(self._fd(a[0]), texts(a[1])), self._place(self._fd(a[2]), texts(a[3])))

    _renameat2 = _renameat

    def _link(self, call: Call) -> None:
        places = [self._place(-100, texts(argument)) for argument in call.arguments[:2]]
        assert places == [None, None], "links are not followed"

    def _linkat(self, call: Call) -> None:
        a = call.arguments
        places = [self._place(self._fd(a[i]), texts(a[i + 1])) for i in (0, 2)]
        assert places == [None, None], "links are not followed"

    _symlink = _link
    _symlinkat = _truncate = _creat = _sync_file_range = _refuse

    def _fsync(self, call: Call) -> None:
        fd = int(call.arguments[0])
        if fd not in self._files:
            return
        self.moments.append(call.end)
        for change in self.changes:
            if change.inode == self._files[fd][0] and change.end < call.begin and change.durable_at is None:
                change.durable_at = call.end

    _fdatasync = _fsync  # a file's size is part of what fdatasync writes

    # ---- what is left ----

    def survivor(self, moment: int, keep: "Keep") -> dict[bytes, bytes]:
        """path below the root -> bytes, after a cut when the calls before this position of the log had ended."""
        data: dict[int, bytearray] = {}
        names: dict[int, dict[bytes, int]] = {}
        for change in self.changes:
            if change.begin >= moment:
                continue
            durable = change.durable_at is not None and change.durable_at < moment
            fate = Fate.KEPT if durable else keep(change)
            if fate is Fate.LOST:
                continue
            if change.names:
                apply_names(names.setdefault(change.inode, {}), change.names)
            else:
                apply_data(data.setdefault(change.inode, bytearray()), change, fate)
        return dict(self._files_below(ROOT, b"", names, data))

    def _files_below(self, folder: int, path: bytes, names: dict, data: dict):
        for name, inode in names.get(folder, {}).items():
            if self.kinds[inode] == "folder":
                yield from self._files_below(inode, path + name + b"/", names, data)
            else:
                yield path + name, bytes(data.get(inode, b""))


class Fate:
    KEPT, LOST, ZEROS = "kept", "lost", "zeros"


def apply_names(names: dict[bytes, int], changes: dict[bytes, int | None]) -> None:
    for name, inode in changes.items():
        if inode is None:
            names.pop(name, None)
        else:
            names[name] = inode


def apply_data(data: bytearray, change: Change, fate: str) -> None:
    if change.truncate is not None:
        if change.truncate < len(data):
            del data[change.truncate :]
        else:
            data.extend(bytes(change.truncate - len(data)))
        return
    at, block = change.write
    if len(data) < at + len(block):
        data.extend(bytes(at + len(block) - len(data)))
    data[at : at + len(block)] = block if fate == Fate.KEPT else bytes(len(block))


Keep = object  # a function from a Change that is not durable to its Fate

WORST = {
    "nothing": lambda change: Fate.LOST,
    "names, no data": lambda change: Fate.KEPT if change.names else Fate.LOST,
    "names, zeros": lambda change: Fate.KEPT if change.names else Fate.ZEROS,
    "data, no names": lambda change: Fate.LOST if change.names else Fate.KEPT,
    "everything": lambda change: Fate.KEPT,
}


def by_chance(seed: int):
    """Each change has a fate of its own."""
    chance = random.Random(seed)
    return lambda change: chance.choice((Fate.KEPT, Fate.LOST) if change.names else (Fate.KEPT, Fate.LOST, Fate.ZEROS))


def restore(survivor: dict[bytes, bytes], root: Path) -> None:
    """Make a folder hold exactly that; what it held before the recording stays."""
    for path, data in survivor.items():
        target = root / os.fsdecode(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
