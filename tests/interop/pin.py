"""Pin anew what the tests of sizes and golden files compare with, or show sizes beside those of other writers.

    build/venv/bin/python tests/interop/pin.py             writes sizes.json and golden.json
    build/venv/bin/python tests/interop/pin.py --compare   prints a table, writes nothing

Needs write_torture, as the tests do. Look at the difference before it is committed: every line is a promise."""

import hashlib
import json
import pathlib
import sys
import tempfile

import golden
import shapes
import torture_writer

FOLDER = pathlib.Path(__file__).resolve().parent


def load(name):
    return json.loads((FOLDER / f"{name}.json").read_text())


def save(name, content):
    (FOLDER / f"{name}.json").write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def rows_digest(column):
    """Tells a change of the rows from a change of the writer."""
    return hashlib.sha256(json.dumps(column["values"]).encode()).hexdigest()[:16]


def measure(write, name):
    """{"rows": digest, "bytes": size} of a shape, written with the defaults."""
    column = shapes.SHAPES[name]()
    path = pathlib.Path(write([column]))
    path.unlink()
    return {"rows": rows_digest(column), "bytes": write.report["bytes"]}


def pin_sizes(write):
    found = {name: measure(write, name) for name in shapes.SHAPES}
    save("sizes", {"libzstd": write.report["zstd"], "shapes": found})


def pin_golden(write):
    found = {name: golden.digest(write(columns, **options)) for name, columns, options in golden.files()}
    save("golden", {"libzstd": write.report["zstd"], "files": found})


def others(path, folder):
    """Sizes of the same rows by DuckDB (zstd; zstd and version 2 encodings) and pyarrow (zstd)."""
    import duckdb
    import pyarrow.parquet as pq

    target = pathlib.Path(folder) / "other.parquet"
    for version in ("", ", PARQUET_VERSION v2"):
        duckdb.execute(f"COPY (FROM '{path}') TO '{target}' (FORMAT parquet, COMPRESSION zstd{version})")
        yield target.stat().st_size
    pq.write_table(pq.read_table(path), target, compression="zstd")
    yield target.stat().st_size


def compare(write):
    print(f"{'shape':28} {'rivet':>9} {'duckdb':>9} {'v2':>9} {'pyarrow':>9}  rivet / smaller of duckdb, pyarrow")
    total = [0] * 4
    for name, make in shapes.SHAPES.items():
        path = write([make()])
        sizes = [write.report["bytes"], *others(path, write.folder)]
        total = [a + b for a, b in zip(total, sizes)]
        show(name, sizes)
    show("all", total)


def show(name, sizes):
    ours, duck, _, arrow = sizes
    print(f"{name:28} " + " ".join(f"{size:9}" for size in sizes) + f"  {ours / min(duck, arrow):.3f}", flush=True)


def main(arguments):
    with tempfile.TemporaryDirectory() as folder:
        write = torture_writer.Writer(folder)
        if arguments == ["--compare"]:
            compare(write)
        elif not arguments:
            pin_sizes(write)
            pin_golden(write)
        else:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
