/* ops.c - the PostgreSQL driver's table, and the slots that fit nowhere else. */
#include "internal.h"

#include "source/registry.h"

#include <stdio.h>
#include <string.h>

static rv_code server(rv_source *source, rv_server_info *out, rv_error *err)
{
    const rvi_pg *pg = (const rvi_pg *)source;
    if (pg->conn == NULL)
        return rv_fail(err, RV_E_SOURCE_LOST, "the connection to PostgreSQL was given up");
    const char *version = PQparameterStatus(pg->conn, "server_version"); /* "15.8 (Debian 15.8-0+deb12u1)" */
    rv_server_info info = {.product = "PostgreSQL", .version_number = pg->version, .pooled = pg->pooled};
    version = version != NULL ? version : "unknown";
    snprintf(info.version, sizeof info.version, "%.*s", (int)strcspn(version, " "), version);
    info.tls = PQsslInUse(pg->conn) != 0;
    memcpy(info.tls_detail, pg->tls_detail, sizeof info.tls_detail);
    *out = info;
    return RV_OK;
}

static rv_code begin(rv_source *source, const rv_read_options *options, rv_error *err)
{
    rvi_pg *pg = (rvi_pg *)source;
    pg->options = *options;
    if (options->snapshot)
        RV_TRY(rvi_pg_txn_open(pg, options, err));
    pg->snapshot = options->snapshot;
    pg->begun = true;
    return RV_OK;
}

static void end(rv_source *source)
{
    rvi_pg *pg = (rvi_pg *)source;
    rvi_pg_txn_end(pg);
    pg->options = (rv_read_options){0};
    pg->snapshot = false;
    pg->begun = false;
}

/* The thread that waits looks at this several times a second: nothing here can block, so it may run as a waker. */
static void interrupt(rv_source *source)
{
    atomic_store(&((rvi_pg *)source)->interrupted, true);
}

const rv_source_ops rvi_postgres_ops = {
    .kind = "postgres",
    .caps = RV_SOURCE_CAP_PHYSICAL | RV_SOURCE_CAP_STREAM | RV_SOURCE_CAP_SNAPSHOT | RV_SOURCE_CAP_INTERRUPT,
    .default_port = 5432,
    .open = rvi_pg_open,
    .server = server,
    .describe = rvi_pg_describe,
    .list = rvi_pg_list,
    .begin = begin,
    .end = end,
    .scan_open = rvi_pg_scan_open,
    .scan_next = rvi_pg_scan_next,
    .scan_close = rvi_pg_scan_close,
    .interrupt = interrupt,
    .close = rvi_pg_close,
};
