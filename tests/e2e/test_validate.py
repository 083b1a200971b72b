"""rivet run --validate: every file is read back before it is published."""

import signal
import sqlite3

import pytest

from support.delivery import check_delivery
from support.program import Program


@pytest.fixture
def table(program: Program) -> Program:
    db = sqlite3.connect(program.folder / "a.db")
    db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, note TEXT, amount DECIMAL(10,2), day DATE)")
    db.executemany(
        "INSERT INTO t VALUES (?, ?, ?, ?)",
        [(i, None if i % 7 == 0 else f'line {i}\r\n"quoted"', "1.25", "2024-02-29") for i in range(3000)],
    )
    db.commit()
    db.close()
    return program


@pytest.mark.parametrize(
    "format",
    [
        {"format": "parquet"},
        {"format": "parquet", "compression": "none"},
        {"format": "csv", "compression": "none"},
        {"format": "csv", "compression": "gzip"},
        {"format": "csv", "compression": "zstd"},
    ],
    ids=str,
)
def test_a_validated_run_says_so_everywhere(table, format):
    table.configure("sqlite://a.db", table.export("t", **format))
    result = table.run("--validate")
    result.ok()
    assert "validated    yes (1 of 1 files" in result.text
    [manifest] = check_delivery(table.out)
    assert manifest["validated"] is True
    [metrics] = table.listing("metrics")
    assert metrics["validated"] is True
    [event] = [e for e in table.listing("journal") if e["event"] == "ValidationResult"]
    assert event["detail"] == {"passed": True, "files_validated": 1, "files": 1}


@pytest.mark.parametrize("harm", [False, True], ids=["whole", "damaged"])
def test_kept_files_of_a_resumed_run_are_read_back_too(table, harm):
    cut = {"mode": "chunked", "chunk_column": "id", "chunk_count": 6}
    table.configure("sqlite://a.db", table.export("t", **cut))
    assert table.run(env={"RIVET_CRASH_AT": "after-chunk-complete:4"}).rc == -signal.SIGKILL
    kept = sorted(table.out.glob("*.parquet"))
    assert len(kept) >= 4  # those of the completed chunks, and perhaps one that was put and not recorded
    if harm:  # its size stays
        content = bytearray(kept[1].read_bytes())
        content[len(content) // 3] ^= 1
        kept[1].write_bytes(content)
    [summary] = table.run_json("--validate")["per_export"]
    assert summary["resumed"] is True and summary["validated"] is True and summary["files"] == 6
    assert any("is not what was written" in note for note in summary["notes"]) is harm
    [manifest] = check_delivery(table.out)
    assert manifest["validated"] is True and manifest["row_count"] == 3000
    [event] = [e for e in table.listing("journal") if e["event"] == "ValidationResult"]
    assert event["detail"] == {"passed": True, "files_validated": 6, "files": 6}


def test_validated_is_null_unless_it_was_asked_for(table):
    table.configure("sqlite://a.db", table.export("t"))
    [summary] = table.run_json()["per_export"]
    assert summary["validated"] is None
    [manifest] = check_delivery(table.out)
    assert "validated" not in manifest
    [summary] = table.run_json("--validate")["per_export"]
    assert summary["validated"] is True
    assert [row["validated"] for row in table.listing("metrics")] == [True, None]


def test_the_standard_output_cannot_be_validated(table):
    export = table.export("t", format="csv")
    export["destination"] = {"type": "stdout"}
    table.configure("sqlite://a.db", export)
    assert "cannot be read back" in table.run("--validate").failed(2, "RIVET_USAGE").err
