"""Hostile and mistaken configurations: every problem in one pass, each with its place and its code, and
nothing run."""

import re
from pathlib import Path

import pytest

from support.delivery import check_delivery

FINDING = re.compile(r"^rivet\.yaml:(\d+):(\d+): (error|warning) (RIVET_\w+): ", re.M)
URL = "source:\n  url: postgresql://u@127.0.0.1:1/d\n"
EXPORT = (
    "exports:\n  - name: t\n    table: t\n    format: parquet\n    destination: {type: local, path: out}\n"
)


def cases() -> dict[str, tuple[list[str], str]]:
    """Of configurations.txt: name -> what is reported, text."""
    _, *parts = re.split(
        r"^=== (.*)\n", (Path(__file__).parent / "configurations.txt").read_text(), flags=re.M
    )
    found = {}
    for name, body in zip(parts[::2], parts[1::2]):
        expected, text = body.split("---\n", 1)
        found[name] = (expected.split("\n")[:-1], text.rstrip("\n") + "\n")
    return found


CASES = cases()


def reported(err: str) -> list[str]:
    return [f"{line}:{column} {severity} {code}" for line, column, severity, code in FINDING.findall(err)]


@pytest.mark.parametrize("command", ["run", "doctor"])
@pytest.mark.parametrize("name", CASES)
def test_what_is_wrong_is_reported_with_its_place(program, name, command):
    expected, text = CASES[name]
    program.config.write_text(text)
    result = program.call(command, "-c", "rivet.yaml")
    assert result.rc == 1 and reported(result.err) == expected, result.err
    assert {path.name for path in program.folder.iterdir()} == {"rivet.yaml"}, "nothing was made"


RAW = {
    "nothing at all": (b"", ["1:1 error RIVET_CONFIG_MISSING_KEY", "1:1 error RIVET_CONFIG_NO_EXPORTS"]),
    "a tab for indentation": (b"source:\n\turl: x\n", ["2:1 error RIVET_CONFIG_SYNTAX"]),
    "byte order mark and CRLF": (
        ("\ufeff" + URL + EXPORT.replace("parquet", "parket")).replace("\n", "\r\n").encode(),
        ["6:13 error RIVET_CONFIG_VALUE"],
    ),
    "nested without end": (
        b"source: " + b"[" * 2000 + b"]" * 2000 + b"\n",
        ["1:40 error RIVET_CONFIG_SYNTAX"],
    ),
}


@pytest.mark.parametrize("name", RAW)
def test_bytes_that_a_text_file_cannot_show(program, name):
    program.config.write_bytes(RAW[name][0])
    result = program.run()
    assert result.rc == 1 and reported(result.err) == RAW[name][1], result.err


@pytest.mark.parametrize(
    "data",
    [
        b"source:\n  url: a\0b\n",
        b'source:\n  url: "caf\xe9"\n',
        b"\xff\xfe\x00",
        b"source: \xed\xa0\x80\n",
        bytes(range(256)),
    ],
    ids=repr,
)
def test_bytes_that_are_no_text(program, data):
    program.config.write_bytes(data)
    result = program.run().failed(1, "RIVET_CONFIG_SYNTAX")
    assert "\x1b" not in result.err and "\x07" not in result.err, "no control character reaches the terminal"


def test_control_characters_of_the_file_do_not_reach_the_terminal(program):
    program.config.write_text('"\\e[2J\\a": x\nsource: {"\\e[31m": 1}\n')
    result = program.run()
    assert result.rc == 1 and "\x1b" not in result.err and "\x07" not in result.err


def test_a_huge_file_is_refused_soon(program):
    program.config.write_text(URL + EXPORT + "# padding\n" * 2_000_000)
    result = program.run(seconds=30)
    assert result.rc != 0 and result.code.startswith("RIVET_"), result.err


def test_more_problems_than_anyone_reads_are_cut(program):
    program.config.write_text(URL + EXPORT + "".join(f"wrong{i}: 1\n" for i in range(5000)))
    result = program.run()
    assert result.rc == 1 and result.err.count("\n") < 2000 and len(result.err) < 500_000


@pytest.mark.parametrize("path", [".", "/dev/null", "/dev/full", "nowhere/rivet.yaml"])
def test_a_configuration_that_is_no_file(program, path):
    result = program.call("run", "-c", path, seconds=20)
    assert result.rc == 1 and result.code.startswith("RIVET_CONFIG_")


def test_variables_are_expanded_in_values_and_nowhere_else(program, pg15, shop):
    """A value cannot become syntax: neither of YAML nor of the configuration."""
    name = 'x", "mode": "cdc'
    program.config.write_text(
        "# ${NOT_SET}\nsource:\n  url: ${URL}\nexports:\n  - name: ${NAME}\n    table: t\n    format: csv\n"
        "    destination: {type: local, path: '${OUT}/$${kept}'}\n"
    )
    variables = {"URL": pg15.url(shop), "NAME": name, "OUT": str(program.folder / "a: b # c")}
    program.run(env=variables).failed(1, "RIVET_CONFIG_VALUE")
    program.config.write_text(program.config.read_text().replace("/$${kept}", ""))
    program.run(env=variables).ok()
    [manifest] = check_delivery(program.folder / "a: b # c")
    assert manifest["export_name"] == name


def test_query_files_cannot_leave_the_folder(program, pg15, shop, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.sql").write_text("SELECT 'secret' AS v")
    (program.folder / "link.sql").symlink_to(outside / "secret.sql")
    (program.folder / "folder").symlink_to(outside)
    for path in ("link.sql", "folder/secret.sql", "./../outside/secret.sql", str(outside / "secret.sql")):
        program.configure(pg15.url(shop), program.export("q", query_file=path))
        program.run().failed(1, "RIVET_CONFIG_PATH_ESCAPE")
    (program.folder / "inside").mkdir()
    (program.folder / "inside" / "q.sql").write_text("SELECT 1 AS v")
    (program.folder / "ok.sql").symlink_to("inside/q.sql")
    for path in ("inside/q.sql", "./inside/q.sql", "ok.sql"):
        program.configure(pg15.url(shop), program.export("q", query_file=path)).run().ok()


def test_relative_paths_start_where_the_documentation_says(program, pg15, shop, tmp_path_factory):
    """Files named by the configuration lie beside it; the destination is relative to the working
    directory."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (program.folder / "url").write_text(pg15.url(shop))
    (program.folder / "q.sql").write_text("SELECT id FROM t")
    program.configure(
        {"url_file": "url"},
        program.export("q", query_file="q.sql", destination={"type": "local", "path": "out"}),
    )
    program.call("run", "-c", str(program.config), cwd=elsewhere).ok()
    check_delivery(elsewhere / "out")
    assert program.state.exists() and not (elsewhere / ".rivet_state.db").exists()


def test_every_key_that_comes_later_is_refused_by_name(program):
    """The contract's keys are known; a feature that is not there yet is never silently left out."""
    later = {
        "wave": 1,
        "parallel_safe": True,
        "verify": "content",
        "target": "duckdb",
        "source_group": "a",
        "reconcile_required": True,
    }
    for key, value in later.items():
        program.configure("postgresql://u@127.0.0.1:1/d", program.export("t", **{key: value}))
        result = program.run().failed(1, "RIVET_CONFIG_NOT_SUPPORTED_YET")
        assert f"exports[0].{key}" in result.err
