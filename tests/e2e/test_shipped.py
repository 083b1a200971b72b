"""What users get: the release build as it is installed, and its guards, which no build may leave out."""

import os
import sqlite3
import subprocess
from pathlib import Path

import pytest

from support.delivery import check_delivery
from support.program import RELEASE, Program


def make_table(program: Program) -> None:
    with sqlite3.connect(program.folder / "shop.db") as db:
        db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER, at TEXT, w TEXT)")
        db.executemany("INSERT INTO t VALUES (?, ?, '2024-02-30', 'x')", ((i, i % 7) for i in range(1, 1001)))
    db.close()


def configure(program: Program, **keys) -> Program:
    return program.configure("sqlite://shop.db", program.export("t", **keys))


def one_byte_other(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def a_gate(program: Program):
    return configure(program, quality={"row_count_min": 1001}).run()


def a_value(program: Program):
    return configure(program, columns={"at": "date"}).run()


def a_value_too_large(program: Program):
    return configure(program, columns={"id": "decimal(2,0)"}).run()


def other_columns(program: Program):
    configure(program).run().ok()
    with sqlite3.connect(program.folder / "shop.db") as db:
        db.execute("ALTER TABLE t DROP COLUMN w")
    db.close()
    return configure(program, on_schema_drift="fail").run()


def a_damaged_file(program: Program):
    configure(program).run().ok()
    [path] = program.out.glob("*.parquet")
    one_byte_other(path)
    return program.call("inspect", "--verify", str(path))


def a_damaged_manifest(program: Program):
    configure(program).run().ok()
    for path in program.out.glob("manifest*.json"):
        path.write_text("{")
    return configure(program, on_existing="replace").run()


def a_copy_that_is_there(program: Program):
    configure(program).run().ok()
    return configure(program, on_existing="fail").run()


def another_database(program: Program):
    with sqlite3.connect(program.state) as db:
        db.execute("CREATE TABLE other (a)")
    db.close()
    return configure(program).run()


def an_unknown_key(program: Program):
    return configure(program, chunk_sice=5).run()


GUARDS = {
    a_gate: (3, "RIVET_QUALITY_FAILED"),
    a_value: (1, "RIVET_VALUE_UNPARSEABLE"),
    a_value_too_large: (1, "RIVET_VALUE_OUT_OF_RANGE"),
    other_columns: (4, "RIVET_SCHEMA_DRIFT"),
    a_damaged_file: (3, "RIVET_FILE_DAMAGED"),
    a_damaged_manifest: (3, "RIVET_MANIFEST_INVALID"),
    a_copy_that_is_there: (1, "RIVET_DEST_EXISTS"),
    another_database: (1, "RIVET_STATE_UNUSABLE"),
    an_unknown_key: (1, "RIVET_CONFIG_UNKNOWN_KEY"),
}


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.__name__)
def test_a_release_refuses_what_the_tested_build_refuses(release, program, guard, tmp_path):
    hints = []
    for binary in (release.binary, program.binary):
        one = Program(tmp_path / binary.parents[2].name, binary)
        one.folder.mkdir()
        make_table(one)
        said = guard(one).failed(*GUARDS[guard])
        hints.append([line.strip() for line in said.err.splitlines() if line.lstrip().startswith("hint:")])
    assert hints[0] == hints[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """The root of what make install would write."""
    root = tmp_path_factory.mktemp("installed")
    command = ["meson", "install", "-C", str(RELEASE.parents[2]), "--no-rebuild", "--destdir", str(root)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    [binary] = root.glob("**/bin/rivet")
    return binary.parents[1]


def test_what_is_installed_needs_nothing_of_the_checkout(installed, tmp_path):
    program = Program(tmp_path, installed / "bin" / "rivet")
    dynamic = subprocess.run(["readelf", "-d", program.binary], capture_output=True, text=True, check=True).stdout
    assert "NEEDED" in dynamic and "RPATH" not in dynamic and "RUNPATH" not in dynamic
    linked = subprocess.run(["ldd", program.binary], capture_output=True, text=True, check=True).stdout
    assert "not found" not in linked and "san.so" not in linked
    make_table(program)
    configure(program)
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    for words in (["--version"], ["doctor", "-c", "rivet.yaml"], ["run", "-c", "rivet.yaml", "--validate"]):
        done = subprocess.run(
            [program.binary, *words], cwd=tmp_path, env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
    [manifest] = check_delivery(program.out)
    assert manifest["row_count"] == 1000
    assert b"RIVET_CRASH_AT" not in program.binary.read_bytes(), "nothing that only tests need"


def test_the_page_and_the_completions_come_along(installed):
    found = {str(path.relative_to(installed)) for path in installed.rglob("*") if path.is_file()}
    assert found == {
        "bin/rivet",
        "share/man/man1/rivet.1",
        "share/bash-completion/completions/rivet.bash",
        "share/zsh/site-functions/_rivet",
        "share/fish/vendor_completions.d/rivet.fish",
    }
    assert os.access(installed / "bin" / "rivet", os.X_OK)
    assert (installed / "share/man/man1/rivet.1").read_text().startswith(".TH")
