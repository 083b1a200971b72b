"""A server as it may be after years, or in another country: transaction numbers of a later round, and money that is
written as other locales write it."""

import subprocess
from decimal import Decimal

import pyarrow.parquet as pq
import pytest

from support.delivery import check_delivery, part_paths
from support.servers import PostgresServer, own_folder
from support.servers.process import output_of
from test_incremental import all_rows, configure, feed  # noqa: F401 - a fixture, on the server of pg15 below

ROUND = 3
LOCALES = {"C.UTF-8": 2, "de_DE.UTF-8": 2, "ja_JP.UTF-8": 0, "ar_BH.UTF-8": 3}  # and the digits of a coin


class OldServer(PostgresServer):
    """Its 32-bit transaction numbers have been used up some times."""

    def _init(self) -> None:
        super()._init()
        output_of([self._bin / "pg_resetwal", "-e", str(ROUND), self.folder / "data"])


@pytest.fixture(scope="module")
def pg15(base) -> PostgresServer:
    """In place of the usual one."""
    locales = own_folder(base / "locales")
    for name in LOCALES.keys() - {"C.UTF-8"}:
        command = ["localedef", "-i", name.split(".")[0], "-f", "UTF-8", str(locales / name)]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
    server = OldServer(15, base, "pg15-old", environment={"LOCPATH": str(locales)}).start()
    yield server
    server.stop()


@pytest.mark.parametrize("locale, digits", LOCALES.items(), ids=LOCALES)
@pytest.mark.parametrize("format", ["parquet", "csv"])
def test_money_is_a_number_whatever_the_locale_writes(program, pg15, database, locale, digits, format):
    pg15.execute(f"ALTER DATABASE \"{database}\" SET lc_monetary = '{locale}'", database)
    with pg15.connect(database) as session:
        assert session.execute("SHOW lc_monetary").fetchone() == (locale,)
        session.execute(
            "CREATE TABLE t (m money PRIMARY KEY, a money[]);"
            "INSERT INTO t SELECT v, ARRAY[v, NULL] FROM (SELECT (i * 1234567.891)::numeric::money v"
            " FROM generate_series(-3, 3) i) x"
        )
        expected = sorted(Decimal(text) for (text,) in session.execute("SELECT m::numeric::text FROM t").fetchall())
    assert {-value.as_tuple().exponent for value in expected} == {digits} and expected[0] < -3700000
    program.configure(pg15.url(database), program.export("t", mode="chunked", chunk_by_key="m", chunk_size=3, format=format))
    program.run().ok()
    [manifest] = check_delivery(program.out)
    paths = part_paths(program.out, manifest)
    if format == "csv":
        found = [Decimal(line.split(",")[0]) for path in paths for line in path.read_text().splitlines()[1:]]
    else:
        rows = [row for path in paths for row in pq.read_table(path).to_pylist()]
        assert all(row["a"] == [row["m"], None] for row in rows)
        found = [row["m"] for row in rows]
    assert sorted(found) == expected


def test_late_rows_of_a_later_round_are_exported_once(program, pg15, feed):  # noqa: F811
    [(number,)] = pg15.query("SELECT pg_current_xact_id()::text::bigint", feed)
    assert number >> 32 == ROUND
    configure(program, pg15, feed, cursor_lookback="400d")
    with pg15.connect(feed) as late:
        late.autocommit = False
        late.execute("INSERT INTO t VALUES (5000, 1, '2024-03-01+00')")
        pg15.execute("INSERT INTO t VALUES (6000, 1, '2024-05-01+00')", feed)
        program.run().ok()
        program.run().ok()
        assert (5000, 1) not in all_rows(program)
        late.commit()
    program.run().ok()
    program.run().ok()
    rows = all_rows(program)
    assert (5000, 1) in rows and len(rows) == len(set(rows)) == 1002
