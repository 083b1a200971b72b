"""One table from PostgreSQL to one zstd Parquet file by another program, for comparison.

    rivals.py NAME PORT TABLE FILE

Each is used as its own documentation shows it, with its defaults but for zstd. Prints the program's version."""
import sys
from importlib.metadata import version


def connectorx(port, table, file):
    import connectorx
    import pyarrow.parquet

    rows = connectorx.read_sql(f"postgresql://postgres@127.0.0.1:{port}/bench", f"SELECT * FROM {table}",
                               return_type="arrow")
    pyarrow.parquet.write_table(rows, file, compression="zstd")
    return version("connectorx")


def chdb(port, table, file):
    import chdb

    chdb.query(f"INSERT INTO FUNCTION file('{file}', Parquet) "
               f"SELECT * FROM postgresql('127.0.0.1:{port}', 'bench', '{table}', 'postgres', '') "
               "SETTINGS output_format_parquet_compression_method = 'zstd'")
    return version("chdb")


PROGRAMS = {"connectorx": connectorx, "chdb": chdb}

if __name__ == "__main__":
    print(PROGRAMS[sys.argv[1]](*sys.argv[2:5]))
