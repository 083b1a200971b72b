"""The examples for schedulers in docs/operations.md work as they are printed, in the environment that the scheduler gives.

Only what differs from machine to machine is replaced: the program's path, the folders and the database's address."""

import configparser
import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from support.account import REPOSITORY
from support.delivery import check_delivery
from support.program import RIVET

PAGE = (REPOSITORY / "docs" / "operations.md").read_text()
CRON_PATH = "/usr/bin:/bin"  # crontab(5)
UNIT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # systemd.exec(5)
PLACES = {
    "program": "/usr/local/bin/rivet",
    "folder": "/srv/etl",
    "url": "postgresql://me@db.example.com/shop?sslmode=verify-full",
    "environment": "/etc/rivet/shop.env",
}


@pytest.fixture
def places(program, pg15) -> dict[str, str]:
    """What stands for the places of the page, with an export that can be run there."""
    database = pg15.new_database("scheduled")
    pg15.execute("CREATE TABLE orders (id int PRIMARY KEY); INSERT INTO orders VALUES (1), (2), (3)", database)
    export = program.export("orders", destination={"type": "local", "path": "out"})
    program.configure("${DATABASE_URL}", export)
    return {
        "program": str(RIVET),
        "folder": str(program.folder),
        "url": pg15.url(database),
        "environment": str(program.folder / "shop.env"),
    }


def example(language: str, begin: str) -> str:
    """The one block of the page that begins so."""
    [found] = re.findall(rf"^```{language}\n({re.escape(begin)}.*?)^```$", PAGE, re.M | re.S)
    return found


def moved(text: str, places: dict[str, str], *which: str) -> str:
    for name in which:
        assert PLACES[name] in text, f"the page has no {PLACES[name]} any more"
        text = text.replace(PLACES[name], places[name])
    return text


def check_result(folder: Path) -> None:
    result = json.loads((folder / "last.json").read_text())
    assert (result["success_count"], result["total_rows"]) == (1, 3)
    assert len(check_delivery(folder / "out")) == 1


def test_the_line_for_cron(program, places):
    *variables, line = moved(example("text", "DATABASE_URL="), places, "program", "folder", "url").splitlines()
    schedule = re.fullmatch(r"(?:(?:\*|\d+) ){4}(?:\*|\d+)\s+(.*)", line)
    assert schedule and "%" not in line, "cron makes a new line of each %"
    env = dict(variable.split("=", 1) for variable in variables)
    env |= {"HOME": str(program.folder), "LOGNAME": "etl", "SHELL": "/bin/sh", "PATH": CRON_PATH}
    done = subprocess.run(
        ["/bin/sh", "-c", schedule.group(1)], cwd="/", env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=120
    )
    log = (program.folder / "rivet.log").read_text()
    assert (done.returncode, done.stderr) == (0, b""), f"{done.stderr!r}\n{log}"
    check_result(program.folder)


def test_the_unit_for_systemd(program, places):
    text = moved(example("ini", "# /etc/systemd/system/rivet.service\n"), places, "program", "folder", "environment")
    unit = program.folder / "rivet.service"
    unit.write_text(text)
    Path(places["environment"]).write_text(f"DATABASE_URL={places['url']}\n")
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, timeout=60
    )
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")

    parsed = configparser.ConfigParser(interpolation=None)
    parsed.optionxform = str
    parsed.read_string(text)
    service = parsed["Service"]
    env = {"PATH": UNIT_PATH, "LANG": "C.UTF-8"}
    env |= dict(line.split("=", 1) for line in Path(service["EnvironmentFile"]).read_text().splitlines())
    done = subprocess.run(
        shlex.split(service["ExecStart"]),
        cwd=service["WorkingDirectory"],
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    check_result(program.folder)


def test_the_unit_is_restarted_for_what_passes():
    """By the table of exit statuses on the same page."""
    unit = example("ini", "# /etc/systemd/system/rivet.service\n")
    [final] = re.findall(r"^RestartPreventExitStatus=(.*)$", unit, re.M)
    rows = re.findall(r"^\| (\d+(?:, \d+)*) \| (.*?) \|", PAGE, re.M)
    passing = {status for status, means in rows if re.match("everything|passing|interrupted", means)}
    assert passing == {"0", "75", "130, 143"}
    assert set(final.split()) == {status for status, _ in rows} - passing
    assert "Restart=on-failure" in unit.splitlines()


def test_the_time_of_the_timer():
    [time] = re.findall(r"`OnCalendar=([^`]*)`", PAGE)
    [cron] = re.findall(r"^(\d+) (\d+) \* \* \* ", PAGE, re.M)
    done = subprocess.run(
        ["systemd-analyze", "calendar", time], capture_output=True, text=True, check=True, timeout=60
    )
    assert f"*-*-* {int(cron[1]):02}:{int(cron[0]):02}:00" in done.stdout
