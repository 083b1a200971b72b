"""A file's rows, as each reader and as the oracle sees them, against the rows that were put in."""

import struct

import oracle
import readers
import rows


def check_readers(path, columns, names=tuple(readers.READERS)):
    truths = [[rows.truth(c["type"], v) for v in c["values"]] for c in columns]
    for name in names:
        for c, truth, got in zip(columns, truths, readers.READERS[name](path, columns)):
            if got is None:
                continue
            if name == "clickhouse" and c["type"].startswith("list<"):
                truth = [[] if v is None else v for v in truth]  # an Array is never NULL there
            assert len(got) == len(truth), (name, c["name"])
            wrong = [i for i in range(len(got)) if got[i] != truth[i]]
            assert not wrong, (name, c["name"], wrong[:3], got[wrong[0]], truth[wrong[0]])


def check_oracle(path, columns):
    """The file agrees with itself, and its values decoded by the specification are the ones put in."""
    file = oracle.File(path).check()
    for i, c in enumerate(columns):
        truth = [rows.truth(c["type"], v) for v in c["values"]]
        assert [oracle_value(c["type"], v) for v in file.rows(i)] == truth, c["name"]
    return file


def oracle_value(kind, value):
    if value is None:
        return None
    if kind.startswith("list<"):
        return [oracle_value(readers.element_of(kind), v) for v in value]
    if kind.startswith("float"):
        return readers.neutral_float(kind, struct.unpack("<f" if kind == "float32" else "<d", value)[0])
    if kind.startswith("decimal") and isinstance(value, bytes):
        return int.from_bytes(value, "big", signed=True)
    if kind in ("string", "enum", "interval", "json"):
        return value.decode()
    return value % 2**64 if kind == "uint64" else value
