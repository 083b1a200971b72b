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


def test_cells_that_changed_places_are_noticed(table):
    """A column's digest does not depend on the order of its values. The file's checksums do, and so does a row's hash."""
    cut = {"mode": "chunked", "chunk_column": "id", "chunk_count": 3, "compression": "none"}
    cut |= {"parquet": {"encoding": {"note": "plain"}}}  # whose length does not depend on the order
    exports = [
        table.export(name, table="t", destination={"type": "local", "path": name}, meta_columns={"row_hash": hashed}, **cut)
        for name, hashed in (("plain", False), ("hashed", True))
    ]

    def copies() -> dict[str, dict]:
        table.configure("sqlite://a.db", *exports).run().ok()
        return {name: check_delivery(table.folder / name)[-1] for name in ("plain", "hashed")}

    before = copies()
    with sqlite3.connect(table.folder / "a.db") as db:
        notes = dict(db.execute("SELECT id, note FROM t WHERE id IN (11, 22)").fetchall())
        db.executemany("UPDATE t SET note = ? WHERE id = ?", [(notes[11], 22), (notes[22], 11)])
    db.close()
    after = copies()
    for name in ("plain", "hashed"):
        digests = [[column["checksum"] for column in manifest["columns"]] for manifest in (before[name], after[name])]
        assert [old == new for old, new in zip(*digests, strict=True)] == [True] * 4 + [False] * (name == "hashed")
        first = [manifest[name]["parts"][0] for manifest in (before, after)]
        assert first[0]["rows"] == first[1]["rows"] and first[0]["content_fingerprint"] != first[1]["content_fingerprint"]

    swapped = (table.folder / "plain" / after["plain"]["parts"][0]["path"]).read_bytes()
    with sqlite3.connect(table.folder / "a.db") as db:
        db.executemany("UPDATE t SET note = ? WHERE id = ?", [(notes[11], 11), (notes[22], 22)])
    db.close()
    table.configure("sqlite://a.db", exports[0])
    assert table.run(env={"RIVET_CRASH_AT": "after-chunk-complete:2"}).rc == -signal.SIGKILL
    kept = max((table.folder / "plain").glob("*_chunk0.parquet"))
    assert kept.stat().st_size == len(swapped), "nothing but the bytes gives it away"
    kept.write_bytes(swapped)
    [summary] = table.run_json("--validate")["per_export"]
    assert any("is not what was written" in note and kept.name in note for note in summary["notes"])
    assert kept.read_bytes() != swapped and summary["validated"] is True


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
