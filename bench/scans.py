"""How fast DuckDB reads our files and its own of the same rows: the whole table, one row, a stretch of rows.

Every query folds a hash of all columns, so all of them are decoded, and its result must be the same for both files."""
import time
from dataclasses import dataclass, field

import duckdb

# Predicates by table; {n}: its rows. Keys are sorted as the table is; the others are spread over all of it.
POINTS = {
    "orders": ["id = {n} // 2", "customer_id = 4242", "sku = 'SKU-31415-M'"],
    "content_items": ["id = {n} // 2", "author_id = 77", "starts_with(slug, 'item-31415-')"],
}
RANGES = {
    "orders": ["id BETWEEN {n} // 3 AND {n} // 3 + {n} // 100", "created_at >= TIMESTAMPTZ '2024-06-01 00:00:00+00'"],
    "content_items": ["id BETWEEN {n} // 3 AND {n} // 3 + {n} // 100", "published_on BETWEEN '2020-01-01' AND '2020-02-01'"],
}
KINDS = ("full scan", "point", "range")


@dataclass
class Scan:
    """One kind of query with so many threads: seconds of both files, summed over its predicates, best of all rounds."""
    kind: str
    threads: str
    seconds: dict = field(default_factory=dict)

    @property
    def ratio(self):
        return self.seconds["rivet"] / self.seconds["duckdb"]


def predicates(kind, table, rows):
    if kind == "full scan":
        return ["true"]
    return [text.format(n=rows) for text in (POINTS if kind == "point" else RANGES)[table]]


def query(files, columns, predicate):
    listed = ", ".join(f'"{name}"' for name in columns)
    return f"SELECT count(*), bit_xor(hash({listed})) FROM read_parquet('{files}') WHERE {predicate}"


def seconds_of(session, sql):
    begin = time.perf_counter()
    answer = session.execute(sql).fetchone()
    return time.perf_counter() - begin, answer


def measure(session, kind, threads, texts, files, columns, rounds):
    """Both files in turns; what is kept is the best of each query."""
    scan = Scan(kind, threads, {name: 0.0 for name in files})
    for text in texts:
        best = {name: float("inf") for name in files}
        for turn in range(rounds):
            answers = set()
            for name in sorted(files, reverse=turn % 2 == 1):
                seconds, answer = seconds_of(session, query(files[name], columns, text))
                best[name] = min(best[name], seconds)
                answers.add(answer)
            if len(answers) != 1:
                raise RuntimeError(f"the files give different answers for {text}: {answers}")
        for name, seconds in best.items():
            scan.seconds[name] += seconds
    return scan


def scans(table, ours, theirs, rows, rounds):
    """Scan for each kind, with one thread and with DuckDB's default."""
    files = {"rivet": ours, "duckdb": theirs}
    for threads in ("1", "default"):
        session = duckdb.connect()
        if threads == "1":
            session.execute("SET threads = 1")
        columns = [row[0] for row in session.execute(f"DESCRIBE SELECT * FROM read_parquet('{theirs}')").fetchall()]
        for kind in KINDS:
            yield measure(session, kind, threads, predicates(kind, table, rows), files, columns,
                          rounds if kind == "full scan" else 2 * rounds)
