/* ops.c - the table of the driver for MySQL and MariaDB, and the slots that fit nowhere else. */
#include "internal.h"

#include "source/registry.h"

#include <stdio.h>
#include <string.h>

static rv_code server(rv_source *source, rv_server_info *out, rv_error *err)
{
    const rvi_my *my = (const rvi_my *)source;
    if (my->conn == NULL)
        return rv_fail(err, RV_E_SOURCE_LOST, "the connection to MySQL was given up");
    const char *version = mysql_get_server_info(my->conn); /* "10.11.19-MariaDB-0+deb12u1", "8.0.31" */
    rv_server_info info = {.version_number = my->version, .pooled = my->pooled};
    snprintf(info.product, sizeof info.product, "%s", my->mariadb ? "MariaDB" : "MySQL");
    version = version != NULL ? version : "unknown";
    snprintf(info.version, sizeof info.version, "%.*s", (int)strcspn(version, "-"), version);
    info.tls = mysql_get_ssl_cipher(my->conn) != NULL;
    memcpy(info.tls_detail, my->tls_detail, sizeof info.tls_detail);
    *out = info;
    return RV_OK;
}

static rv_code begin(rv_source *source, const rv_read_options *options, rv_error *err)
{
    rvi_my *my = (rvi_my *)source;
    RV_TRY(rvi_my_txn_open(my, options, err));
    my->options.shared_snapshot = NULL; /* borrowed for this call */
    my->snapshot = options->snapshot;
    my->begun = true;
    return RV_OK;
}

static void end(rv_source *source)
{
    rvi_my *my = (rvi_my *)source;
    rvi_my_txn_end(my);
    my->options = (rv_read_options){0};
    my->snapshot = false;
    my->begun = false;
}

/* The thread that waits looks at this several times a second: nothing here can block, so it may run as a waker. */
static void interrupt(rv_source *source)
{
    atomic_store(&((rvi_my *)source)->interrupted, true);
}

const rv_source_ops rvi_mysql_ops = {
    .kind = "mysql",
    .caps = RV_SOURCE_CAP_STREAM | RV_SOURCE_CAP_LONG_STREAM | RV_SOURCE_CAP_SNAPSHOT |
            RV_SOURCE_CAP_INTERRUPT | RV_SOURCE_CAP_KEYS | RV_SOURCE_CAP_ALIGNED_SNAPSHOT |
            RV_SOURCE_CAP_SETTLE | RV_SOURCE_CAP_PRESSURE,
    .default_port = 3306,
    .open = rvi_my_open,
    .server = server,
    .describe = rvi_my_describe,
    .list = rvi_my_list,
    .begin = begin,
    .end = end,
    .scan_open = rvi_my_scan_open,
    .scan_next = rvi_my_scan_next,
    .scan_close = rvi_my_scan_close,
    .scan_position = rvi_my_scan_position,
    .key_ends = rvi_my_key_ends,
    .split = rvi_my_split,
    .begin_aligned = rvi_my_begin_aligned,
    .settle = rvi_my_settle,
    .pressure = rvi_my_pressure,
    .interrupt = interrupt,
    .close = rvi_my_close,
};
