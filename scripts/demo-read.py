"""Read a demo's output with DuckDB, which shares no code with Rivet: what a manifest says, then two questions."""
import json
import pathlib
import sys

import duckdb


def heading(text):
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n== {text}", flush=True)


def show_manifest(path):
    manifest = json.loads(path.read_text())
    short = {key: manifest[key] for key in ("run_id", "status", "row_count", "part_count") if key in manifest}
    short["parts"] = [{key: part[key] for key in ("path", "rows", "size_bytes", "content_fingerprint") if key in part}
                      for part in manifest["parts"]]
    heading(f"From {path}")
    print(json.dumps(short, indent=2))


def ask(question, sql):
    heading(question)
    print(sql.strip())
    duckdb.sql(sql).show()


def main():
    out = pathlib.Path(sys.argv[1])
    show_manifest(out / "orders" / "manifest.json")
    ask("Every row is there (read by DuckDB)", f"""
SELECT (SELECT count(*) FROM '{out}/users/*.parquet')         AS users,
       (SELECT count(*) FROM '{out}/orders/*.parquet')        AS orders,
       (SELECT count(*) FROM '{out}/events/*.parquet')        AS events,
       (SELECT count(*) FROM '{out}/content_items/*.parquet') AS content_items""")
    ask("Types survive: decimals add up exactly, names keep their script", f"""
SELECT u.country, any_value(u.name ORDER BY u.id) AS somebody, count(*) AS orders, sum(o.total) AS total,
       max(o.updated_at) AT TIME ZONE 'UTC' AS last_update_utc
FROM '{out}/orders/*.parquet' o JOIN '{out}/users/*.parquet' u ON u.id = o.user_id
WHERE o.state = 'shipped' GROUP BY u.country ORDER BY total DESC LIMIT 5""")


main()
