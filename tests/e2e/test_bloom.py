"""Bloom filters, from the configuration to what a reader does with them."""

import duckdb
import pytest

from support.delivery import check_delivery, part_paths


def test_chosen_columns_have_filters_and_the_others_none(program, pg15, shop):
    program.configure(pg15.url(shop), program.export("t", parquet={"bloom": ["id", "name"]})).run().ok()
    [manifest] = check_delivery(program.out)
    [path] = part_paths(program.out, manifest)
    having = duckdb.sql(
        f"SELECT path_in_schema FROM parquet_metadata('{path}') WHERE bloom_filter_length > 0 ORDER BY 1"
    ).fetchall()
    assert having == [("id",), ("name",)]
    for (name,) in pg15.query("SELECT name FROM t WHERE id % 50 = 0", shop):
        probe = f"SELECT bloom_filter_excludes FROM parquet_bloom_probe('{path}', 'name', '{name}')"
        assert duckdb.sql(probe).fetchall() == [(False,)]
    probe = f"SELECT bloom_filter_excludes FROM parquet_bloom_probe('{path}', 'name', 'nobody')"
    assert duckdb.sql(probe).fetchall() == [(True,)]


@pytest.mark.parametrize(
    "column, code, says",
    [
        ("ID", "RIVET_CONFIG_VALUE", "'ID'"),
        ("tags", "RIVET_FORMAT_UNSUPPORTED", "a list"),
        ("flag", "RIVET_FORMAT_UNSUPPORTED", "a boolean"),
    ],
)
def test_columns_that_cannot_have_a_filter_stop_the_run(program, pg15, database, column, code, says):
    table = "CREATE TABLE t (id int, tags int[], flag bool); INSERT INTO t VALUES (1, '{1}', true)"
    pg15.execute(table, database)
    program.configure(pg15.url(database), program.export("t", parquet={"bloom": [column]}))
    result = program.run().failed(1, code)
    assert says in result.err and not list(program.out.glob("*"))
    doctor = program.call("doctor", "-c", "rivet.yaml")
    assert doctor.rc == 1 and says in doctor.text + doctor.err
