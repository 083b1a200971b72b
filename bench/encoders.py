"""Other writers of Parquet, from rows that lie in memory: sizes to compare with, and DuckDB's processor time.

    encoders.py TABLE FILES OUT_FOLDER REPETITIONS

FILES are Parquet files of the table, so every program writes the same rows in the same order. Writes
<OUT_FOLDER>/<program>-<table>.parquet for each and prints {program: {"cpu_s": [...], "bytes": n}} as JSON. The time is
user and system of the whole process around the writing alone; DuckDB has one thread."""
import json
import pathlib
import resource
import sys


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def timed(write, file, repetitions):
    spent = []
    for _ in range(repetitions):
        file.unlink(missing_ok=True)
        before = cpu_seconds()
        write()
        spent.append(round(cpu_seconds() - before, 3))
    return {"cpu_s": spent, "bytes": file.stat().st_size}


def duckdb_writers(table, files, folder, repetitions):
    import duckdb

    session = duckdb.connect()
    session.execute(f"CREATE TABLE rows AS SELECT * FROM read_parquet('{files}')")
    session.execute("SET threads = 1")
    for name, version in (("duckdb", ""), ("duckdb v2", ", PARQUET_VERSION v2")):
        file = folder / f"{name.replace(' ', '-')}-{table}.parquet"
        copy = f"COPY rows TO '{file}' (FORMAT parquet, COMPRESSION zstd{version})"
        yield name, timed(lambda: session.execute(copy), file, repetitions if name == "duckdb" else 1)


def pyarrow_writer(table, files, folder):
    import pyarrow.parquet as pq

    rows = pq.read_table(sorted(pathlib.Path(files).parent.glob(pathlib.Path(files).name)))
    file = folder / f"pyarrow-{table}.parquet"
    yield "pyarrow", timed(lambda: pq.write_table(rows, file, compression="zstd"), file, 1)


def main(table, files, folder, repetitions):
    folder = pathlib.Path(folder)
    found = dict(duckdb_writers(table, files, folder, int(repetitions)))
    found.update(pyarrow_writer(table, files, folder))
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:5])
