"""Starting, awaiting and ending programs that serve: free loopback ports, folders of the account they run as."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from support.account import as_account, die_with_parent, own

START_SECONDS = 60
STOP_SECONDS = 20


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(ready: Callable[[], bool], seconds: float, what: str) -> None:
    """Poll a condition; fails with what was waited for."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds} s for {what}")
        time.sleep(0.01)


def end_process(process: subprocess.Popen | None, number: int = signal.SIGQUIT) -> None:
    if process is None or process.poll() is not None:
        return
    process.send_signal(number)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def output_of(command: list, **more) -> str:
    """Run a program as the account of the servers; what it printed. Fails with that if the program does."""
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd="/",
        env=server_environment(),
        **as_account(),
        **more,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def serve(command: list, log: Path, **environment: str) -> subprocess.Popen:
    """Start a server as its account; it ends with us, however we end."""
    with open(log, "ab") as said:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            cwd="/",
            env=server_environment() | environment,
            preexec_fn=die_with_parent,
            **as_account(),
        )


def server_environment() -> dict:
    return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": "/nonexistent"}


def own_folder(path: Path) -> Path:
    path.mkdir(parents=True)
    path.chmod(0o755)
    return own(path)


def own_file(path: Path, text: str) -> Path:
    path.write_text(text)
    return own(path)
