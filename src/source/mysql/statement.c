/* statement.c - prepared statements of the binary protocol.
 *
 * A row is decoded where the network left it. The library calls a method of its own with every row's bytes and
 * length, to fill buffers that an application has bound; its table of methods is public (mysql.h,
 * st_mariadb_methods: "can be overwritten"), so this driver's connections carry a copy in which that one method hands
 * the row over instead. Nothing is copied, lengths are known, and no column costs a call. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

enum { ROWS_BETWEEN_LOOKS = 256 }; /* at the clock and for a cancellation, while rows come without waiting */

struct rvi_my_statement {
    rvi_my *my;
    MYSQL_STMT *handle;
    MYSQL_FIELD *columns; /* as the server described them when the statement was prepared: the library's own
                             description is overwritten by every execution; NULL: no rows */
    int n_columns;
    const uint8_t *row; /* the row last read, in the network's buffer */
    size_t row_len;
    bool kept; /* the row did not fit into its page and waits for the next one */
};

/* In the place of the library's db_stmt_fetch_to_bind(). */
/* NOLINTNEXTLINE(readability-non-const-parameter): the signature is the library's */
static int take_row(MYSQL_STMT *handle, unsigned char *row, unsigned long len)
{
    rvi_my_statement *statement = handle->user_data;
    if (statement != NULL) {
        statement->row = row;
        statement->row_len = len;
    }
    return 0;
}

void rvi_my_take_rows(rvi_my *my)
{
    my->methods = *my->conn->methods;
    my->methods.db_stmt_fetch_to_bind = take_row;
    my->conn->methods = &my->methods;
}

/* ---- life ---- */

static rv_code prepare(rvi_my_statement *statement, const char *sql, rv_error *err)
{
    rvi_my *my = statement->my;
    statement->handle = mysql_stmt_init(my->conn);
    if (statement->handle == NULL ||
        mysql_stmt_attr_set(statement->handle, STMT_ATTR_CB_USER_DATA, statement))
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "a prepared statement");
    if (mysql_stmt_prepare(statement->handle, sql, strlen(sql)) != 0)
        return rvi_my_call_failed(my, statement->handle, err);
    if (mysql_stmt_field_count(statement->handle) == 0)
        return RV_OK;
    unsigned n = mysql_stmt_field_count(statement->handle);
    statement->columns = calloc(n, sizeof *statement->columns);
    if (statement->columns == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "a prepared statement");
    memcpy(statement->columns, mariadb_stmt_fetch_fields(statement->handle), n * sizeof *statement->columns);
    statement->n_columns = (int)n;
    return RV_OK;
}

rv_code rvi_my_prepare(rvi_my *my, const char *sql, rvi_my_statement **out, rv_error *err)
{
    RV_TRY(rvi_my_check_ready(my, err));
    rvi_my_statement *statement = calloc(1, sizeof *statement);
    if (statement == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "a prepared statement");
    statement->my = my;
    /* Preparing takes the table's metadata lock, which may be a long wait that the user's limits govern. */
    rvi_my_enter(my, my->begun ? rvi_my_lock_deadline(my) : rvi_my_control_deadline());
    rv_code rc = prepare(statement, sql, err);
    rvi_my_leave();
    if (rc != RV_OK) {
        rvi_my_statement_close(statement);
        return rc;
    }
    *out = statement;
    return RV_OK;
}

const MYSQL_FIELD *rvi_my_statement_fields(const rvi_my_statement *statement, int *n)
{
    *n = statement->n_columns;
    return statement->columns;
}

int rvi_my_statement_params(const rvi_my_statement *statement)
{
    return (int)mysql_stmt_param_count(statement->handle);
}

void rvi_my_statement_close(rvi_my_statement *statement)
{
    if (statement == NULL)
        return;
    if (statement->my->in_flight == statement)
        (void)rvi_my_abandon_statement(statement->my);
    if (statement->handle != NULL) {
        rvi_my_enter(statement->my, rvi_my_control_deadline());
        (void)mysql_stmt_close(statement->handle);
        rvi_my_leave();
    }
    free(statement->columns);
    free(statement);
}

/* ---- executing ---- */

static rv_code bind(const rvi_my_param *param, MYSQL_BIND *out, rv_error *err)
{
    *out = (MYSQL_BIND){.buffer_type = param->is_null ? MYSQL_TYPE_NULL : param->type};
    if (param->is_null)
        return RV_OK;
    switch ((int)param->type) {
    case MYSQL_TYPE_LONGLONG:
        out->buffer = (void *)&param->number;
        out->is_unsigned = param->is_unsigned;
        return RV_OK;
    case MYSQL_TYPE_STRING:
    case MYSQL_TYPE_VAR_STRING:
    case MYSQL_TYPE_VARCHAR:
    case MYSQL_TYPE_NEWDECIMAL:
    case MYSQL_TYPE_TINY_BLOB:
    case MYSQL_TYPE_MEDIUM_BLOB:
    case MYSQL_TYPE_LONG_BLOB:
    case MYSQL_TYPE_BLOB:
        out->buffer = (void *)(param->len > 0 ? param->bytes : "");
        out->buffer_length = param->len;
        out->length_value = param->len;
        return RV_OK;
    default:
        return rv_fail(err, RV_E_INTERNAL, "a parameter of type %d", (int)param->type);
    }
}

static rv_code altered(const MYSQL_FIELD *field, rv_error *err)
{
    rv_code rc = rv_fail(err, RV_E_SOURCE_QUERY, "%s has another type since the statement was prepared",
                         field != NULL ? field->name : "the result");
    rv_hint(err, "run again: the table was altered meanwhile");
    return rc;
}

/* What decides how a column's bytes are read. */
static bool arrives_alike(const MYSQL_FIELD *a, const MYSQL_FIELD *b)
{
    enum { BINARY = 63 }; /* the collation that is no text. Spec: MySQL internals, "Character Set" */
    return a->type == b->type && ((a->flags ^ b->flags) & (UNSIGNED_FLAG | ENUM_FLAG | SET_FLAG)) == 0 &&
           (a->charsetnr == BINARY) == (b->charsetnr == BINARY) &&
           (a->type != MYSQL_TYPE_NEWDECIMAL || a->decimals == b->decimals);
}

/* A server prepares a statement again, unasked, when its table was altered. */
static rv_code check_columns(const rvi_my_statement *statement, rv_error *err)
{
    const MYSQL_FIELD *now = mariadb_stmt_fetch_fields(statement->handle);
    if ((int)mysql_stmt_field_count(statement->handle) != statement->n_columns)
        return altered(NULL, err);
    for (int i = 0; i < statement->n_columns; i++)
        if (!arrives_alike(&now[i], &statement->columns[i]))
            return altered(&now[i], err);
    return RV_OK;
}

static rv_code send(rvi_my_statement *statement, const rvi_my_param *params, int n_params, rv_error *err)
{
    RV_AUTO(rvi_my_memory_free) MYSQL_BIND *binds = calloc((size_t)n_params + 1, sizeof *binds);
    if (binds == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "the parameters of a statement");
    if ((unsigned long)n_params != mysql_stmt_param_count(statement->handle))
        return rv_fail(err, RV_E_INTERNAL, "%d parameters for a statement of %lu", n_params,
                       mysql_stmt_param_count(statement->handle));
    for (int i = 0; i < n_params; i++)
        RV_TRY(bind(&params[i], &binds[i], err));
    if (n_params > 0 && mysql_stmt_bind_param(statement->handle, binds) != 0)
        return rvi_my_call_failed(statement->my, statement->handle, err);
    if (mysql_stmt_execute(statement->handle) != 0)
        return rvi_my_call_failed(statement->my, statement->handle, err);
    statement->kept = false;
    statement->my->in_flight = statement->n_columns > 0 ? statement : NULL;
    return check_columns(statement, err);
}

/* ---- rows ---- */

/* A row that no value of which may be longer than the columns allow is no longer than this. The library takes a row of
 * more than 16 MB in pieces, and gives up as soon as they are more than its own limit: so a value that is refused
 * anyway is never held in memory. One piece is left as room, so that no row that is allowed comes near the limit. */
static void limit_rows(rvi_my *my, const rvi_sql_rows *rows)
{
    enum { VALUE_HEADER = 9, KEY_CELL = 64 << 10 };
    size_t most = RVI_MY_PACKET_PIECE + (size_t)rows->n_cells * (VALUE_HEADER + KEY_CELL);
    for (int i = 0; i < rows->schema->n_fields; i++)
        if (rows->columns[i].max_bytes > RVI_MY_MAX_PACKET || most > RVI_MY_MAX_PACKET)
            most = RVI_MY_MAX_PACKET;
        else
            most += (size_t)rows->columns[i].max_bytes;
    my->row_limit = most < RVI_MY_MAX_PACKET ? most : RVI_MY_MAX_PACKET;
    my->conn->net.max_packet_size = my->row_limit;
}

/* The next row, or *end. */
static rv_code next_row(rvi_my_statement *statement, bool *end, rv_error *err)
{
    statement->row = NULL;
    int got = mysql_stmt_fetch(statement->handle);
    *end = got == MYSQL_NO_DATA;
    if (got == 0 && statement->row != NULL)
        return RV_OK;
    statement->my->in_flight = NULL;
    return *end ? RV_OK : rvi_my_call_failed(statement->my, statement->handle, err);
}

static rv_code look_around(rvi_my *my, rv_error *err)
{
    RV_TRY(rvi_my_check_stop(my, err));
    if (rvi_my_now_us() < my->deadline_us)
        return RV_OK;
    my->stopped = RV_E_SOURCE_LOST;
    return rvi_my_call_failed(my, NULL, err);
}

/* After n rows of the page: by their average, what is still to come of it. The last rows come one by one, since nothing
 * tells that no more follow. */
static int64_t bytes_to_come(const rvi_my_rows *rows, int64_t n, const rv_page *page)
{
    int64_t more = rows->asked - n;
    return more > ROWS_BETWEEN_LOOKS ? (int64_t)((double)page->wire_bytes / (double)n * (double)more) : 0;
}

/* The row in hand goes into the batch; if the page is full, it stays in hand and *full is set. */
static rv_code append_row(rvi_my_statement *statement, rvi_my_rows *rows, int64_t max_rows, bool *full,
                          rv_error *err)
{
    rvi_sql_rows *base = &rows->base;
    size_t max_bytes = base->max_bytes;
    if (max_rows > 0 && base->batch->rows == 0)
        base->max_bytes = SIZE_MAX;
    rv_code rc = rvi_my_rows_append(rows, statement->row, statement->row_len, err);
    base->max_bytes = max_bytes;
    *full = rc == RV_E_LIMIT_EXCEEDED && max_rows > 0 && base->batch->rows > 0;
    statement->kept = *full;
    return *full ? RV_OK : rc;
}

static rv_code read_rows(rvi_my_statement *statement, rvi_my_rows *rows, int64_t max_rows, rv_page *page,
                         bool *end, rv_error *err)
{
    enum { PACKET_HEADER = 4 };
    bool full = false;
    for (int64_t n = 0; !full && (max_rows == 0 || n < max_rows); n++) {
        if (n % ROWS_BETWEEN_LOOKS == ROWS_BETWEEN_LOOKS - 1) {
            RV_TRY(look_around(statement->my, err));
            rvi_my_gather(mysql_get_socket(statement->my->conn), bytes_to_come(rows, n, page));
        }
        if (!statement->kept) {
            RV_TRY(next_row(statement, end, err));
            if (*end) {
                rvi_my_gather(mysql_get_socket(statement->my->conn), 0);
                return RV_OK;
            }
            page->wire_bytes += PACKET_HEADER + statement->row_len;
        }
        RV_TRY(append_row(statement, rows, max_rows, &full, err));
    }
    *end = false;
    return RV_OK;
}

rv_code rvi_my_execute(rvi_my_statement *statement, const rvi_my_param *params, int n_params,
                       rvi_my_rows *rows, int64_t max_rows, int64_t deadline_us, rv_page *page, bool *end,
                       rv_error *err)
{
    rvi_my *my = statement->my;
    bool at_end = statement->n_columns == 0;
    RV_TRY(rvi_my_check_ready(my, err));
    if (!at_end)
        limit_rows(my, &rows->base);
    rvi_my_enter(my, deadline_us);
    rv_code rc = send(statement, params, n_params, err);
    if (rc == RV_OK && !at_end)
        rc = read_rows(statement, rows, max_rows, page, &at_end, err);
    rvi_my_leave();
    page->statement_us += rvi_my_now_us() - my->sent_us;
    RV_TRY(rc);
    *end = at_end;
    return RV_OK;
}

rv_code rvi_my_fetch(rvi_my_statement *statement, rvi_my_rows *rows, int64_t max_rows, int64_t deadline_us,
                     rv_page *page, bool *end, rv_error *err)
{
    rvi_my *my = statement->my;
    bool at_end = false;
    if (my->conn == NULL || my->in_flight != statement)
        return rv_fail(err, RV_E_SOURCE_LOST, "the statement whose rows are to be read was given up");
    rvi_my_enter(my, deadline_us);
    rv_code rc = read_rows(statement, rows, max_rows, page, &at_end, err);
    rvi_my_leave();
    page->statement_us += rvi_my_now_us() - my->sent_us;
    RV_TRY(rc);
    *end = at_end;
    return RV_OK;
}

rv_code rvi_my_statement_drain(rvi_my_statement *statement, int64_t deadline_us, rv_error *err)
{
    rv_code rc = RV_OK;
    rvi_my_enter(statement->my, deadline_us);
    for (bool end = false; !end && rc == RV_OK;)
        rc = next_row(statement, &end, err);
    rvi_my_leave();
    return rc;
}
