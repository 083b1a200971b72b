/* ops.c - the table of the SQLite driver. */
#include "source/registry.h"
#include "source/sqlite/select.h"

/* No CAP_SHARED_SNAPSHOT: sqlite3_snapshot_get() is not in the libraries that distributions build. No
 * CAP_HISTORY: rows carry no trace of their transaction, and none is needed to know which are decided, because
 * writers go one after another: whatever a read sees is all there is, and a row that comes later with an older
 * cursor value was made so. */
const rv_source_ops rvi_sqlite_ops = {
    .kind = "sqlite",
    .caps = RV_SOURCE_CAP_PHYSICAL | RV_SOURCE_CAP_STREAM | RV_SOURCE_CAP_SNAPSHOT | RV_SOURCE_CAP_INTERRUPT |
            RV_SOURCE_CAP_KEYS,
    .default_port = 0,
    .open = rvi_sqlite_open,
    .server = rvi_sqlite_server,
    .describe = rvi_sqlite_describe,
    .list = rvi_sqlite_list,
    .begin = rvi_sqlite_begin,
    .end = rvi_sqlite_end,
    .scan_open = rvi_sqlite_scan_open,
    .scan_next = rvi_sqlite_scan_next,
    .scan_close = rvi_sqlite_scan_close,
    .scan_position = rvi_sqlite_scan_position,
    .key_ends = rvi_sqlite_key_ends,
    .split = rvi_sqlite_split,
    .interrupt = rvi_sqlite_interrupt,
    .close = rvi_sqlite_close,
};
