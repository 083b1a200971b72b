"""The command line itself: help, usage errors, completions, the shape of failures."""

import json
import shutil
import subprocess

import pytest

from support.program import Program

COMMANDS = [
    ("run",),
    ("init",),
    ("doctor",),
    ("state", "show"),
    ("state", "files"),
    ("metrics",),
    ("journal",),
    ("inspect",),
    ("completions",),
    ("schema", "config"),
]
LATER = ["check", "plan", "apply", "validate", "reconcile", "repair", "cdc", "load"]


def test_help_lists_every_command_and_none_that_comes_later(program: Program):
    text = program.call("--help").ok().text
    for command in COMMANDS:
        assert " ".join(command) in text
    for name in LATER:
        assert f"\n  {name} " not in text and program.call(name).failed(2, "RIVET_USAGE")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(program: Program, command):
    result = program.call(*command, "--help").ok()
    assert " ".join(command) in result.text and result.err == ""


def test_version_is_one_line(program: Program):
    result = program.call("--version").ok()
    assert result.text.startswith("rivet ") and result.text.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("run",),
        ("run", "--what", "-c", "x"),
        ("run", "-c"),
        ("frobnicate",),
        ("state",),
        ("state", "shw"),
        ("run", "-c", "x", "extra"),
        ("metrics", "-c", "x", "-l", "0"),
        ("completions", "tcsh"),
        ("inspect",),
        ("inspect", "a.parquet", "b.parquet"),
        ("inspect", "a.parquet", "--rows", "1001"),
        ("--log-level", "loud"),
        ("run", "-c", "x", "-p", "novalue"),
        ("run", "--json=yes", "-c", "x"),
    ],
    ids=lambda arguments: " ".join(arguments) or "nothing",
)
def test_wrong_use_is_exit_2_with_advice(program: Program, arguments):
    result = program.call(*arguments).failed(2, "RIVET_USAGE")
    assert result.out == b""


def test_a_misspelt_option_gets_a_suggestion(program: Program):
    assert "did you mean --config?" in program.call("run", "--confg", "x").err
    assert "did you mean 'doctor'?" in program.call("docter").err


def test_json_errors_are_one_object(program: Program, pg15):
    program.configure(pg15.url("no such database"), program.export("t"))
    result = program.run("--json-errors")
    error = json.loads(result.err.strip().splitlines()[-1])
    assert result.rc == error["exit_class"] == 1 and error["code"] == "RIVET_SOURCE_NOT_FOUND"
    assert (
        error["native_code"] == "3D000" and error["retryable"] is False and "export 't'" in error["context"]
    )
    usage = json.loads(program.call("run", "--json-errors").err)
    assert usage["exit_class"] == 2 and usage["code"] == "RIVET_USAGE" and usage["error"]


def test_json_errors_carry_all_findings(program: Program):
    program.config.write_text("source: {type: postgres}\nexports:\n  - nme: x\n")
    report = json.loads(program.run("--json-errors").err)
    assert report["exit_class"] == 1 and len(report["findings"]) > 2
    found = {(one["code"], one["line"], one["column"]) for one in report["findings"]}
    assert ("RIVET_CONFIG_UNKNOWN_KEY", 3, 5) in found


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions_are_a_script_that_shell_accepts(program: Program, shell):
    script = program.folder / f"rivet.{shell}"
    script.write_bytes(program.call("completions", shell).ok().out)
    assert "doctor" in script.read_text()
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    check = subprocess.run([shell, "-n", script], capture_output=True, text=True)
    assert (check.returncode, check.stderr) == (0, "")


def test_bash_completion_completes(program: Program):
    script = program.folder / "rivet.bash"
    script.write_bytes(program.call("completions", "bash").ok().out)
    words = "COMP_WORDS=(rivet $1 $2); COMP_CWORD=$3"
    ask = f"source {script}; {words}; _rivet; printf '%s\\n' \"${{COMPREPLY[@]}}\""

    def complete(first: str, second: str, at: int) -> list[str]:
        answer = subprocess.run(
            ["bash", "-c", ask, "bash", first, second, str(at)], capture_output=True, text=True
        )
        return answer.stdout.split()

    assert complete("do", "", 1) == ["doctor"]
    assert "show" in complete("state", "", 2)
    assert complete("run", "--summ", 2) == ["--summary-output"]
    assert complete("inspect", str(script)[:-2], 2) == [str(script)]


def test_the_json_schema_is_one(program: Program):
    schema = json.loads(program.call("schema", "config").ok().out)
    assert schema["type"] == "object" and {"source", "exports"} <= schema["properties"].keys()


def test_a_debug_log_goes_to_stderr(program: Program, pg15, shop):
    program.configure(pg15.url(shop), program.export("t"))
    result = program.run("--json", "--log-level", "debug").ok()
    assert result.json["total_rows"] == 1000


def test_a_missing_configuration_is_named(program: Program):
    result = program.run()
    assert result.rc == 1 and result.code == "RIVET_CONFIG_UNREADABLE" and "rivet.yaml" in result.err
