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

/* A snapshot that is shared ends with its owner's transaction; the server then says that it is unknown or invalid.
 * Spec: snapmgr.c, ImportSnapshot(). */
static rv_code open_snapshot(rvi_pg *pg, const rv_read_options *options, rv_error *err)
{
    static const char *const gone[] = {"22023", "42704", "55000"};
    rv_error failure = {0};
    rv_code rc = rvi_pg_txn_open(pg, options, &failure);
    for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++)
        if (rc != RV_OK && options->shared_snapshot != NULL && strcmp(failure.native, gone[i]) == 0) {
            rc = rv_fail(err, RV_E_SOURCE_SNAPSHOT_AGE, "the shared snapshot has ended: %s", failure.message);
            rv_native(err, failure.native);
            rv_hint(err, "run again: whoever held the snapshot lost it");
            return rc;
        }
    if (err != NULL && rc != RV_OK)
        *err = failure;
    return rc;
}

static rv_code begin(rv_source *source, const rv_read_options *options, rv_error *err)
{
    rvi_pg *pg = (rvi_pg *)source;
    pg->options = *options;
    pg->options.shared_snapshot = NULL; /* borrowed for this call */
    if (options->snapshot)
        RV_TRY(open_snapshot(pg, options, err));
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
    .caps = RV_SOURCE_CAP_PHYSICAL | RV_SOURCE_CAP_STREAM | RV_SOURCE_CAP_SNAPSHOT | RV_SOURCE_CAP_INTERRUPT |
            RV_SOURCE_CAP_KEYS | RV_SOURCE_CAP_SHARED_SNAPSHOT | RV_SOURCE_CAP_HISTORY |
            RV_SOURCE_CAP_PRESSURE,
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
    .scan_position = rvi_pg_scan_position,
    .key_ends = rvi_pg_key_ends,
    .split = rvi_pg_split,
    .horizon = rvi_pg_horizon,
    .share_snapshot = rvi_pg_share_snapshot,
    .pressure = rvi_pg_pressure,
    .interrupt = interrupt,
    .close = rvi_pg_close,
};
