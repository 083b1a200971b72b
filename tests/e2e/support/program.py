"""Running the program under test: a clean environment, a folder of its own, everything it says kept."""

import json
import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from support.account import REPOSITORY

SECONDS = 120  # most runs take well under one; a hang must not take the suite with it
SANITIZER = re.compile(r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|Assertion .* failed")
SANITIZER_EXIT = 99


def program_path(variable: str, kind: str) -> Path:
    return Path(os.environ.get(variable) or REPOSITORY / "build" / kind / "src" / "cli" / "rivet")


RIVET = program_path("RIVET_BIN", "asan")
RELEASE = program_path("RIVET_RELEASE_BIN", "release")


def hear_signals() -> None:
    """Whoever started the tests may ignore some, as nohup does, and rivet leaves an ignored signal ignored."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@dataclass
class Result:
    """How a command ended. `rc` is negative for a signal, as in subprocess."""

    rc: int
    out: bytes
    err: str
    seconds: float

    @property
    def text(self) -> str:
        return self.out.decode()

    @property
    def json(self) -> dict:
        return json.loads(self.out)

    @property
    def code(self) -> str:
        """The code of the first error that was printed; warnings do not count."""
        found = re.search(r'(?:\berror |"code": ?")(RIVET_[A-Z0-9_]+)', self.err)
        return found.group(1) if found else ""

    def ok(self) -> "Result":
        assert self.rc == 0, f"exit {self.rc}\n{self.err}\n{self.out[-2000:]!r}"
        return self

    def failed(self, rc: int, code: str) -> "Result":
        assert (self.rc, self.code) == (rc, code), (
            f"exit {self.rc} {self.code}, expected {rc} {code}\n{self.err}"
        )
        return self


@dataclass
class Program:
    """A folder with a configuration, and the program that is run in it."""

    folder: Path
    binary: Path = RIVET
    env: dict = field(default_factory=dict)
    wrapper: tuple = ()  # a command that runs the program: strace, time
    account: dict = field(default_factory=dict)  # subprocess arguments: as whom

    @property
    def config(self) -> Path:
        return self.folder / "rivet.yaml"

    @property
    def out(self) -> Path:
        """The destination of the exports made by export()."""
        return self.folder / "out"

    @property
    def state(self) -> Path:
        return self.folder / ".rivet_state.db"

    def configure(self, source: dict | str, *exports: dict) -> "Program":
        """Write rivet.yaml. JSON is YAML too; hand-written text is for the tests of the configuration."""
        source = {"url": source} if isinstance(source, str) else source
        document = {"source": source, "exports": list(exports)}
        self.config.write_text(json.dumps(document, indent=2, ensure_ascii=False))
        return self

    def export(self, name: str = "t", **keys) -> dict:
        """An export of the table of its own name to ./out as Parquet, unless told otherwise."""
        entry = {
            "name": name,
            "format": "parquet",
            "destination": {"type": "local", "path": str(self.out)},
        } | keys
        if not {"table", "query", "query_file"} & entry.keys():
            entry["table"] = name
        return entry

    def start(
        self,
        *arguments: str,
        env: dict | None = None,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        cwd: Path | None = None,
    ) -> subprocess.Popen:
        command = [*map(str, self.wrapper), str(self.binary), *map(str, arguments)]
        return subprocess.Popen(
            command,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            cwd=cwd or self.folder,
            env=environment(self.folder) | self.env | (env or {}),
            preexec_fn=hear_signals,
            **self.account,
        )

    def finish(self, process: subprocess.Popen, seconds: float = SECONDS) -> Result:
        started = time.monotonic()
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            out, err = process.communicate()
            raise AssertionError(f"no end within {seconds} s: {err!r}") from None
        text = (err or b"").decode(errors="replace")
        assert not SANITIZER.search(text) and process.returncode != SANITIZER_EXIT, text
        return Result(process.returncode, out or b"", text, time.monotonic() - started)

    def call(self, *arguments: str, seconds: float = SECONDS, **start) -> Result:
        return self.finish(self.start(*arguments, **start), seconds)

    def run(self, *arguments: str, seconds: float = SECONDS, **start) -> Result:
        """rivet run on the configuration of this folder."""
        return self.call("run", "-c", "rivet.yaml", *arguments, seconds=seconds, **start)

    def run_json(self, *arguments: str, **start) -> dict:
        """A run that must succeed; its aggregate."""
        return self.run("--json", *arguments, **start).ok().json

    def listing(self, *arguments: str) -> list:
        """What a listing command prints as JSON."""
        return self.call(*arguments, "-c", "rivet.yaml", "--json").ok().json


def environment(home: Path) -> dict:
    """Nothing of ours but the path; sanitizers stop at the first finding."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "ASAN_OPTIONS": f"exitcode={SANITIZER_EXIT}:detect_leaks=1:abort_on_error=0",
        "UBSAN_OPTIONS": f"print_stacktrace=1:halt_on_error=1:exitcode={SANITIZER_EXIT}",
        "LSAN_OPTIONS": f"exitcode={SANITIZER_EXIT}",
    }
