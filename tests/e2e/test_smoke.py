"""The commands a new user types, on small data: what they say, what they write, what they leave in state."""

import csv
import io
import json
import sqlite3

import pyarrow.parquet as pq
import pytest

from support.delivery import check_delivery, part_paths, visible
from support.program import Program
from support.readers import READERS, read

EXPECTED = (
    "SELECT id, n, price::text, (extract(epoch FROM at) * 1000000)::bigint, name, note FROM t ORDER BY id"
)


def rows_of(paths: list, reader: str) -> list[tuple]:
    columns = read(paths, reader)
    return sorted(zip(*columns.values()))


@pytest.fixture
def ready(program: Program, pg15, shop) -> Program:
    """A folder whose configuration exports the small table."""
    return program.configure(pg15.url(shop), program.export("t"))


@pytest.mark.parametrize("reader", READERS)
def test_a_table_arrives_whole_in_one_command(ready, pg15, shop, reader):
    ready.run().ok()
    [manifest] = check_delivery(ready.out)
    assert rows_of(part_paths(ready.out, manifest), reader) == pg15.query(EXPECTED, shop)


def test_the_card_and_the_aggregate_tell_the_same(ready):
    card = ready.run("--summary-output", "summary.json").ok()
    assert "✓ t  success" in card.text and "1,000" in card.text
    aggregate = json.loads((ready.folder / "summary.json").read_text())
    assert (aggregate["total_exports"], aggregate["success_count"], aggregate["failed_count"]) == (1, 1, 0)
    assert (aggregate["total_rows"], aggregate["total_files"]) == (1000, 1)
    [export] = aggregate["per_export"]
    [manifest] = check_delivery(ready.out)
    assert export["run_id"] == manifest["run_id"] and export["run_id"] in card.text
    assert export["bytes"] == manifest["parts"][0]["size_bytes"]
    assert (export["status"], export["mode"], export["error_message"]) == ("success", "full", None)


def test_json_is_the_only_thing_on_stdout(ready):
    result = ready.run("--json").ok()
    assert result.json["per_export"][0]["rows"] == 1000
    assert "✓ t  success" in result.err


def test_the_manifest_follows_its_contract(ready, pg15, shop):
    ready.run().ok()
    [manifest] = check_delivery(ready.out)
    assert manifest["manifest_version"] == 1 and manifest["status"] == "success"
    assert manifest["export_name"] == "t" and manifest["run_id"].startswith("t_20")
    assert manifest["source"]["schema"] == "public" and manifest["source"]["table"] == "t"
    assert manifest["destination"]["kind"] == "local" and manifest["format"] == "parquet"
    assert manifest["compression"] == "zstd" and manifest["row_count"] == 1000
    assert manifest["schema_fingerprint"].startswith("xxh3:")
    assert manifest["parts"][0]["path"] == f"{manifest['run_id']}.parquet"


def test_runs_accumulate_and_each_keeps_its_manifest(ready):
    for _ in range(3):
        ready.run().ok()
    manifests = check_delivery(ready.out)
    assert len({manifest["run_id"] for manifest in manifests}) == 3
    assert sum(manifest["row_count"] for manifest in manifests) == 3000
    assert "earlier run" in ready.run().ok().text


def test_replace_keeps_only_the_newest_copy(program, pg15, shop):
    program.configure(pg15.url(shop), program.export("t", on_existing="replace"))
    program.run().ok()
    program.run().ok()
    [manifest] = check_delivery(program.out)
    assert manifest["row_count"] == 1000


def test_fail_refuses_a_folder_that_holds_a_run(program, pg15, shop):
    program.configure(pg15.url(shop), program.export("t", on_existing="fail"))
    program.run().ok()
    before = check_delivery(program.out)
    program.run().failed(1, "RIVET_DEST_EXISTS")
    assert check_delivery(program.out) == before


@pytest.mark.parametrize("inline", [True, False], ids=["query", "query_file"])
def test_a_query_is_exported(program, pg15, shop, inline):
    sql = "SELECT id, upper(name) AS loud FROM t WHERE id <= 10 ORDER BY id"
    (program.folder / "ten.sql").write_text(sql)
    key = {"query": sql} if inline else {"query_file": "ten.sql"}
    program.configure(pg15.url(shop), program.export("ten", **key)).run().ok()
    [manifest] = check_delivery(program.out)
    assert rows_of(part_paths(program.out, manifest), "duckdb") == pg15.query(sql, shop)


def test_parameters_reach_configuration_and_query(program, pg15, shop):
    query = "SELECT id FROM t WHERE id <= ${LAST}"
    program.configure(pg15.url(shop), program.export("few", query=query))
    aggregate = program.run_json("-p", "LAST=3", "-p", "LAST=5", env={"LAST": "7"})
    assert aggregate["total_rows"] == 5, "the last --param wins, and over the environment"
    assert program.run_json(env={"LAST": "7"})["total_rows"] == 7
    program.run().failed(1, "RIVET_CONFIG_UNSET_VARIABLE")


def test_csv_holds_what_the_table_holds(program, pg15, shop):
    program.configure(pg15.url(shop), program.export("t", format="csv")).run().ok()
    [manifest] = check_delivery(program.out)
    text = part_paths(program.out, manifest)[0].read_text()
    rows = sorted(csv.DictReader(io.StringIO(text, newline="")), key=lambda row: int(row["id"]))
    expected = pg15.query(
        "SELECT id::text, n::text, price::text, name, coalesce(note, '') FROM t ORDER BY t.id", shop
    )
    assert [(r["id"], r["n"], r["price"], r["name"], r["note"]) for r in rows] == expected
    assert rows[0]["at"] == "2024-02-29T12:35:56.789012Z"


def test_data_on_stdout_is_alone_there(program, pg15, shop):
    for form in ("parquet", "csv"):
        program.configure(pg15.url(shop), program.export("t", format=form, destination={"type": "stdout"}))
        result = program.run().ok()
        assert "✓ t  success" in result.err
        if form == "parquet":
            assert pq.read_table(io.BytesIO(result.out)).num_rows == 1000
        else:
            assert len(list(csv.reader(io.StringIO(result.text, newline="")))) == 1001
    program.run("--json").failed(2, "RIVET_USAGE")


def test_only_the_named_exports_run(program, pg15, shop):
    program.configure(
        pg15.url(shop), program.export("t"), program.export("u", table="t"), program.export("v", table="t")
    )
    aggregate = program.run_json("-e", "v", "-e", "t")
    assert {one["export_name"] for one in aggregate["per_export"]} == {"t", "v"}
    wrong = program.run("-e", "w")
    assert wrong.rc == 1 and wrong.code == "RIVET_CONFIG_UNKNOWN_EXPORT"


def test_a_failing_export_does_not_stop_the_others(program, pg15, shop):
    program.configure(pg15.url(shop), program.export("missing"), program.export("t"))
    result = program.run("--json").failed(1, "RIVET_SOURCE_NOT_FOUND")
    assert [one["status"] for one in result.json["per_export"]] == ["failed", "success"]
    assert result.json["per_export"][0]["error_code"] == "RIVET_SOURCE_NOT_FOUND"
    check_delivery(program.out)


def test_an_empty_table_is_a_manifest_without_parts_or_a_skipped_run(program, pg15, database):
    pg15.execute("CREATE TABLE t (id int)", database)
    skipped = program.export(
        "s", table="t", skip_empty=True, destination={"type": "local", "path": str(program.folder / "s")}
    )
    program.configure(pg15.url(database), program.export("t"), skipped)
    first, second = program.run_json()["per_export"]
    assert (first["status"], first["files"]) == ("success", 0)
    [manifest] = check_delivery(program.out)
    assert (manifest["row_count"], manifest["part_count"]) == (0, 0) and len(manifest["columns"]) == 1
    assert (second["status"], second["files"]) == ("skipped", 0)
    assert visible(program.folder / "s") == []


def test_placeholders_name_the_folder(program, pg15, shop):
    path = str(program.folder / "{export}" / "{table}" / "{date}" / "{run_id}")
    program.configure(
        pg15.url(shop), program.export("orders", table="t", destination={"type": "local", "path": path})
    )
    run_id = program.run_json()["per_export"][0]["run_id"]
    [folder] = (program.folder / "orders" / "t").glob(f"????-??-??/{run_id}")
    check_delivery(folder)


def test_a_sqlite_file_needs_no_server(program):
    with sqlite3.connect(program.folder / "shop.db") as db:
        db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, price REAL, name TEXT NOT NULL, data BLOB)")
        rows = [(i, i / 4, f"name {i} äöü", bytes([i % 256, 0, 255])) for i in range(1, 501)]
        db.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", rows)
    db.close()
    program.configure("sqlite://shop.db", program.export("t")).run().ok()
    [manifest] = check_delivery(program.out)
    table = pq.read_table(part_paths(program.out, manifest)[0])
    assert list(zip(*(column.to_pylist() for column in table.columns))) == rows


def test_state_commands_show_what_ran(ready):
    assert ready.listing("state", "show") == []
    ready.run().ok()
    ready.run().ok()
    [manifest, newest] = check_delivery(ready.out)
    [export] = ready.listing("state", "show")
    assert (export["export_name"], export["last_run_id"], export["rows"]) == ("t", newest["run_id"], 1000)
    files = ready.listing("state", "files")
    assert [one["file_name"] for one in files] == [newest["parts"][0]["path"], manifest["parts"][0]["path"]]
    assert len(ready.listing("state", "files", "-l", "1")) == 1
    runs = ready.listing("metrics")
    assert [(one["run_id"], one["status"]) for one in runs] == [
        (newest["run_id"], "success"),
        (manifest["run_id"], "success"),
    ]
    assert runs[0]["total_rows"] == 1000 and runs[0]["peak_rss_bytes"] > 0 and runs[0]["statements"] >= 1
    events = [one["event"] for one in ready.listing("journal", "-e", "t", "-l", "1")]
    assert events[0] == "PlanResolved" and events[-1] == "RunCompleted"
    assert "FileWritten" in events and "ChunkCompleted" in events
    for command in (("state", "show"), ("state", "files"), ("metrics",), ("journal",)):
        assert "t" in ready.call(*command, "-c", "rivet.yaml").ok().text


def test_a_failed_run_is_in_metrics_and_not_in_files(program, pg15, shop):
    program.configure(pg15.url(shop), program.export("t", query="SELECT id / (500 - id) FROM t"))
    program.run().failed(1, "RIVET_SOURCE_QUERY")
    [run] = program.listing("metrics")
    assert (run["status"], run["error_code"]) == ("failed", "RIVET_SOURCE_QUERY")
    assert program.listing("state", "files") == []
    assert not list(program.out.glob("*.parquet"))


def test_init_then_run_works_unedited(program, pg15, shop):
    pg15.execute('CREATE TABLE "Odd Name" (id int); CREATE VIEW v AS SELECT id FROM t', shop)
    program.call("init", "--source", pg15.url(shop), "-o", "rivet.yaml").ok()
    aggregate = program.run_json()
    assert {one["export_name"] for one in aggregate["per_export"]} == {"t", "v", "Odd_Name_1"}
    assert aggregate["failed_count"] == 0 and aggregate["total_rows"] >= 1000
    again = program.call("init", "--source", pg15.url(shop), "-o", "rivet.yaml")
    assert again.rc == 1 and "never overwrites" in again.err


def test_init_takes_one_table_from_environment_or_file(program, pg15, shop):
    url = pg15.url(shop, password="secret/word")
    (program.folder / "url").write_text(url + "\n")
    program.call(
        "init", "--source-env", "DB", "--table", "public.t", "-o", "rivet.yaml", env={"DB": url}
    ).ok()
    assert "secret" not in program.config.read_text()
    assert program.run_json(env={"DB": url})["total_rows"] == 1000
    program.config.unlink()
    program.call("init", "--source-file", "url", "--table", "t", "-o", "rivet.yaml").ok()
    assert program.run_json()["total_rows"] == 1000
    text = program.call("init", "--source", url, "--table", "t").ok()
    assert "secret" not in text.text + text.err


def test_init_of_a_sqlite_file(program):
    with sqlite3.connect(program.folder / "shop.db") as db:
        db.execute('CREATE TABLE "order" (id INTEGER PRIMARY KEY, "a b" TEXT)')
        db.execute('INSERT INTO "order" VALUES (1, NULL)')
    db.close()
    program.call("init", "--source", "sqlite://shop.db", "-o", "rivet.yaml").ok()
    assert program.run_json()["total_rows"] == 1


def test_init_of_nothing_says_so(program, pg15, database):
    program.call("init", "--source", pg15.url(database)).failed(1, "RIVET_SOURCE_NOT_FOUND")
    program.call("init", "--source", pg15.url(database), "--table", "nowhere").failed(
        1, "RIVET_SOURCE_NOT_FOUND"
    )
    program.call("init").failed(2, "RIVET_USAGE")


def test_doctor_passes_where_a_run_would(ready):
    result = ready.call("doctor", "-c", "rivet.yaml").ok()
    assert "✗" not in result.text and "PostgreSQL 15" in result.text
    report = ready.call("doctor", "-c", "rivet.yaml", "--json").ok().json
    assert report["all_ok"] and {"source", "state", "export t"} <= {one["name"] for one in report["checks"]}
    assert not ready.out.exists() and not ready.state.exists(), "doctor leaves nothing behind"


def test_doctor_says_what_fails_and_how_to_mend_it(program, pg15, shop):
    blocked = program.folder / "file"
    blocked.write_text("")
    program.configure(
        pg15.url(shop),
        program.export("missing"),
        program.export("t", destination={"type": "local", "path": str(blocked / "out")}),
    )
    result = program.call("doctor", "-c", "rivet.yaml", "--json")
    failed = {one["name"]: one["code"] for one in result.json["checks"] if not one["ok"]}
    assert failed == {
        "export missing": "RIVET_SOURCE_NOT_FOUND",
        "destination of t": "RIVET_DEST_UNAVAILABLE",
    }
    assert result.rc == 1
    program.configure(pg15.url(shop, port=1), program.export("t"))
    refused = program.call("doctor", "-c", "rivet.yaml")
    assert refused.rc == 75 and "RIVET_SOURCE_CONNECT" in refused.text


def test_commands_do_not_touch_what_they_only_read(ready):
    ready.run().ok()
    before = {path: path.read_bytes() for path in ready.folder.iterdir() if path.is_file()}
    for command in (("doctor",), ("state", "show"), ("state", "files"), ("metrics",), ("journal",)):
        ready.call(*command, "-c", "rivet.yaml").ok()
    assert {path: path.read_bytes() for path in ready.folder.iterdir() if path.is_file()} == before


LISTINGS = (("state", "show"), ("state", "files"), ("state", "progression"), ("metrics",), ("journal",))


@pytest.mark.parametrize("harm", ["a variable that is not set", "a file that is being edited"])
def test_what_happened_is_shown_whatever_the_configuration_is_now(program, harm):
    sqlite3.connect(program.folder / "a.db").execute("CREATE TABLE t (id INTEGER PRIMARY KEY)").connection.commit()
    program.env = {"SHOP": "sqlite://a.db"}
    program.configure({"url_env": "SHOP"}, program.export("t"))
    program.run().ok()
    before = [program.listing(*command) for command in LISTINGS]
    if harm.startswith("a variable"):
        program.env = {}
        program.run().failed(1, "RIVET_CONFIG_UNSET_VARIABLE")
    else:
        program.config.write_text("source: {url: 'sqlite:\n")
        assert program.run().rc == 1
    assert [program.listing(*command) for command in LISTINGS] == before
    program.config.unlink()
    for command in LISTINGS:
        program.call(*command, "-c", "rivet.yaml").failed(1, "RIVET_CONFIG_UNREADABLE")


def test_twenty_runs_in_a_row_never_overwrite_each_other(ready):
    processes = []
    for _ in range(20):
        processes.append(ready.run())
    assert all(result.rc == 0 for result in processes)
    manifests = check_delivery(ready.out)
    assert len(manifests) == 20 and sum(manifest["row_count"] for manifest in manifests) == 20000
