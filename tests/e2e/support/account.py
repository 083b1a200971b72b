"""The account that servers run as. PostgreSQL refuses root, so root makes a system user for them once."""

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

NAME = "rivet-test"
REPOSITORY = Path(__file__).resolve().parents[3]
PR_SET_PDEATHSIG = 1  # prctl(2)


def server_account() -> pwd.struct_passwd:
    """Ourselves, or the system user `rivet-test` when we are root."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    try:
        return pwd.getpwnam(NAME)
    except KeyError:
        subprocess.run(["useradd", "-r", "-d", "/nonexistent", "-s", "/usr/sbin/nologin", NAME], check=True)
        return pwd.getpwnam(NAME)


def as_account() -> dict:
    """Arguments that make subprocess start a program as that account."""
    if os.geteuid() != 0:
        return {}
    account = server_account()
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def own(path: Path) -> Path:
    """Give a file or folder to the account."""
    account = server_account()
    os.chown(path, account.pw_uid, account.pw_gid)
    return path


def temp_base() -> Path:
    """A new folder that every account may enter; its name is short because Unix sockets lie below it."""
    base = Path(tempfile.mkdtemp(prefix="rivet-"))
    base.chmod(0o755)
    return base


def die_with_parent() -> None:
    """In a new server, before exec: when the tests are killed, the server shuts down as well."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)


def reachable(folder: Path, base: Path) -> Path:
    """`folder`, or a copy below `base` if the account may not enter one of the folders above it."""
    if os.geteuid() != 0 or all(parent.stat().st_mode & 0o001 for parent in [folder, *folder.parents]):
        return folder
    copy = base / "copy" / str(folder).strip("/").replace("/", "-")
    if not copy.exists():
        shutil.copytree(folder, copy, symlinks=True)
    return copy
