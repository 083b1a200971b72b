/* ops.c - the table of the SQLite driver. */
#include "source/registry.h"
#include "source/sqlite/internal.h"

const rv_source_ops rvi_sqlite_ops = {
    .kind = "sqlite",
    .caps = RV_SOURCE_CAP_PHYSICAL | RV_SOURCE_CAP_STREAM | RV_SOURCE_CAP_SNAPSHOT | RV_SOURCE_CAP_INTERRUPT,
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
    .interrupt = rvi_sqlite_interrupt,
    .close = rvi_sqlite_close,
};
