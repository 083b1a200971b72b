/* settings.c - what begin() and end() do to a session: settings, transaction, and all of it undone.
 *
 * What a setting was is asked before it is set, so that end() leaves the session as it was found: behind a proxy the
 * session belongs to somebody else afterwards. Where one stands in between, a transaction is opened first, because
 * only that keeps a multiplexing proxy from sending the next statement to another server's session; the settings and
 * their undoing are inside it. A session that cannot be put back is closed.
 *
 * Nothing here writes, locks a table or flushes: START TRANSACTION WITH CONSISTENT SNAPSHOT only opens a read view. */
#include "internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    VALUE_BYTES = 1 << 10, /* of a setting's text */
    NO_LIMIT_S = 31536000, /* the most that wait_timeout and net_write_timeout take: a year */
    MAX_EXECUTION_TIME_MS = 1 << 30,
    MYSQL_5_7_8 = 50708,   /* max_execution_time */
    MYSQL_5_7_20 = 50720,  /* transaction_read_only instead of tx_read_only */
    MARIADB_11_1 = 110101, /* the same */
};

typedef struct setting {
    const char *name;
    bool is_text;
    char value[VALUE_BYTES]; /* "": not to be set */
} setting;

typedef struct settings {
    setting items[16];
    int n;
} settings;

static setting *add(settings *all, const char *name)
{
    assert(all->n < (int)(sizeof all->items / sizeof all->items[0]));
    setting *item = &all->items[all->n++];
    *item = (setting){.name = name};
    return item;
}

static void add_number(settings *all, const char *name, int64_t value)
{
    snprintf(add(all, name)->value, VALUE_BYTES, "%" PRId64, value);
}

static int64_t whole_seconds(int64_t ms, int64_t most)
{
    int64_t s = ms / 1000 + (ms % 1000 != 0);
    return s < most ? s : most;
}

/* ---- what is set ---- */

/* MariaDB takes seconds with decimals; before MySQL 5.7.8 there is no such limit. */
static void add_statement_limit(const rvi_my *my, int64_t ms, settings *all)
{
    int64_t limit_ms = ms < MAX_EXECUTION_TIME_MS ? ms : MAX_EXECUTION_TIME_MS;
    if (my->mariadb)
        snprintf(add(all, "max_statement_time")->value, VALUE_BYTES, "%" PRId64 ".%03" PRId64,
                 limit_ms / 1000, limit_ms % 1000);
    else if (my->version >= MYSQL_5_7_8)
        add_number(all, "max_execution_time", limit_ms);
}

static void add_limits(const rvi_my *my, settings *all)
{
    const rv_read_options *o = &my->options;
    add_statement_limit(my, o->statement_timeout_ms, all);
    if (o->lock_timeout_ms > 0) {
        int64_t s = whole_seconds(o->lock_timeout_ms, NO_LIMIT_S);
        add_number(all, "lock_wait_timeout", s); /* metadata locks: ALTER, LOCK TABLES */
        add_number(all, "innodb_lock_wait_timeout", s);
    }
    add_number(all, "net_write_timeout", NO_LIMIT_S);
    add_number(all, "wait_timeout",
               o->idle_timeout_ms > 0 ? whole_seconds(o->idle_timeout_ms, NO_LIMIT_S) : NO_LIMIT_S);
}

static const char *read_only_name(const rvi_my *my)
{
    bool new_name = my->version >= (my->mariadb ? MARIADB_11_1 : MYSQL_5_7_20);
    return new_name ? "transaction_read_only" : "tx_read_only";
}

static void list_settings(const rvi_my *my, settings *all)
{
    *all = (settings){.n = 0};
    setting *zone = add(all, "time_zone");
    zone->is_text = true;
    snprintf(zone->value, sizeof zone->value, "+00:00");
    add(all, "sql_mode")->is_text = true; /* from what it is: see keep_modes() */
    /* init_connect, or the server for everybody, may have set these; the first would cut results without a word. */
    snprintf(add(all, "sql_select_limit")->value, VALUE_BYTES, "18446744073709551615");
    add_number(all, "sql_big_selects", 1); /* and this to refuse them, by max_join_size */
    add_number(all, "sql_auto_is_null", 0);
    add_limits(my, all);
    if (my->pooled) { /* SET NAMES was sent to another server's session, for all we know */
        static const char *const charsets[][2] = {
            {"character_set_client", "utf8mb4"},
            {"collation_connection", "utf8mb4_general_ci"}, /* says character_set_connection as well */
            {"character_set_results", "utf8mb4"},
        };
        for (size_t i = 0; i < sizeof charsets / sizeof charsets[0]; i++) {
            setting *charset = add(all, charsets[i][0]);
            charset->is_text = true;
            snprintf(charset->value, sizeof charset->value, "%s", charsets[i][1]);
        }
    } else { /* inside a transaction these say nothing about it, or end it */
        add_number(all, "autocommit", 1);
        add_number(all, read_only_name(my), 1);
    }
}

/* A query may need the modes that it was written for. Four are changed: values would come padded, and a zero or
 * impossible date, if the table has one, could not be asked for as a bound. */
static rv_code keep_modes(const char *before, char out[VALUE_BYTES], rv_error *err)
{
    static const char *const dropped[] = {"PAD_CHAR_TO_FULL_LENGTH", "NO_ZERO_DATE", "NO_ZERO_IN_DATE",
                                          "ALLOW_INVALID_DATES"};
    size_t len = 0;
    for (const char *at = before; *at != '\0'; at += strspn(at, ",")) {
        size_t n = strcspn(at, ",");
        bool keep = true;
        for (size_t i = 0; i < sizeof dropped / sizeof dropped[0]; i++)
            keep = keep && !(strlen(dropped[i]) == n && memcmp(dropped[i], at, n) == 0);
        if (keep && len + n + 1 < VALUE_BYTES) {
            memcpy(out + len, at, n);
            len += n;
            out[len++] = ',';
        } else if (keep) {
            return rv_fail(err, RV_E_LIMIT_EXCEEDED, "the session's sql_mode has more than %d bytes",
                           VALUE_BYTES);
        }
        at += n;
    }
    snprintf(out + len, VALUE_BYTES - len, "ALLOW_INVALID_DATES");
    return RV_OK;
}

/* ---- setting and undoing ---- */

static rv_code ask_values(rvi_my *my, const settings *all, MYSQL_RES **out, rv_error *err)
{
    RV_AUTO(rv_bytes_deinit) rv_bytes sql = RV_BYTES_INIT(RVI_MY_SQL_BYTES);
    const char *text = NULL;
    for (int i = 0; i < all->n; i++)
        RV_TRY(rv_bytes_printf(&sql, err, "%s@@SESSION.%s", i > 0 ? ", " : "SELECT ", all->items[i].name));
    RV_TRY(rv_bytes_cstr(&sql, &text, err));
    return rvi_my_ask(my, text, out, err);
}

static bool is_number(const char *text)
{
    return text[0] != '\0' && text[strspn(text, "0123456789.")] == '\0';
}

static rv_code append_set(rv_bytes *sql, const setting *item, const char *value, rv_error *err)
{
    RV_TRY(rv_bytes_printf(sql, err, "%s%s = ", sql->len > 0 ? ", " : "SET SESSION ", item->name));
    if (item->is_text)
        return rvi_my_append_literal(sql, value, err);
    if (!is_number(value))
        return rv_fail(err, RV_E_SOURCE_PROTOCOL, "the server says that %s is '%s'", item->name, value);
    return rv_bytes_append_str(sql, value, err);
}

static rv_code set_session(rvi_my *my, rv_error *err)
{
    RV_AUTO(rv_bytes_deinit) rv_bytes sql = RV_BYTES_INIT(RVI_MY_SQL_BYTES);
    RV_AUTO(mysql_free_result) MYSQL_RES *result = NULL;
    const char *text = NULL;
    settings all;
    list_settings(my, &all);
    RV_TRY(ask_values(my, &all, &result, err));
    MYSQL_ROW before = mysql_fetch_row(result);
    if (before == NULL)
        return rv_fail(err, RV_E_SOURCE_PROTOCOL, "the server does not tell the session's settings");
    rv_bytes_clear(&my->undo);
    for (int i = 0; i < all.n; i++) {
        setting *item = &all.items[i];
        const char *was = before[i] != NULL ? before[i] : "";
        if (strcmp(item->name, "sql_mode") == 0)
            RV_TRY(keep_modes(was, item->value, err));
        RV_TRY(append_set(&sql, item, item->value, err));
        RV_TRY(append_set(&my->undo, item, was, err));
    }
    RV_TRY(rv_bytes_cstr(&sql, &text, err));
    return rvi_my_run(my, text, rvi_my_control_deadline(), err);
}

rv_code rvi_my_limit_statements(rvi_my *my, int64_t ms, rv_error *err)
{
    RV_AUTO(rv_bytes_deinit) rv_bytes sql = RV_BYTES_INIT(RVI_MY_SQL_BYTES);
    const char *text = NULL;
    settings all = {.n = 0};
    add_statement_limit(my, ms, &all);
    if (all.n == 0)
        return RV_OK;
    RV_TRY(append_set(&sql, &all.items[0], all.items[0].value, err));
    RV_TRY(rv_bytes_cstr(&sql, &text, err));
    return rvi_my_run(my, text, rvi_my_control_deadline(), err);
}

/* ---- transactions ---- */

/* A server that ignores the snapshot only warns of it: handler.cc, "WITH CONSISTENT SNAPSHOT was ignored". */
static rv_code check_snapshot(rvi_my *my, rv_error *err)
{
    if (mysql_warning_count(my->conn) == 0)
        return RV_OK;
    rv_fail(err, RV_E_SOURCE_UNSUPPORTED,
            "the server has opened a transaction without a consistent snapshot");
    rv_hint(err,
            "tables must be InnoDB and the isolation level must be settable; or use consistency: statement");
    return RV_E_SOURCE_UNSUPPORTED;
}

static rv_code start_transaction(rvi_my *my, rv_error *err)
{
    int64_t deadline_us = rvi_my_control_deadline();
    bool snapshot = my->options.snapshot;
    RV_TRY(rvi_my_run(my,
                      snapshot ? "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"
                               : "SET TRANSACTION ISOLATION LEVEL READ COMMITTED",
                      deadline_us, err));
    RV_TRY(rvi_my_run(my,
                      snapshot ? "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
                               : "START TRANSACTION READ ONLY",
                      deadline_us, err));
    my->in_transaction = true;
    return snapshot ? check_snapshot(my, err) : RV_OK;
}

static rv_code open_transaction(rvi_my *my, rv_error *err)
{
    if (my->pooled)
        RV_TRY(start_transaction(my, err));
    my->ending = my->pooled; /* what is set behind a proxy is put back, so nothing comes in between */
    rv_code rc = set_session(my, err);
    my->ending = false;
    RV_TRY(rc);
    RV_TRY(rvi_my_check_stop(my, err));
    return my->options.snapshot && !my->pooled ? start_transaction(my, err) : RV_OK;
}

rv_code rvi_my_txn_open(rvi_my *my, const rv_read_options *options, rv_error *err)
{
    assert(!my->in_transaction && my->undo.len == 0);
    my->options = *options;
    rv_code rc = open_transaction(my, err);
    if (rc != RV_OK)
        rvi_my_txn_end(my);
    return rc;
}

static rv_code undo_all(rvi_my *my)
{
    const char *undo = NULL;
    int64_t deadline_us = rvi_my_now_us() + RVI_MY_END_MS * 1000;
    if (my->undo.len > 0) {
        RV_TRY(rv_bytes_cstr(&my->undo, &undo, NULL));
        RV_TRY(rvi_my_run(my, undo, deadline_us, NULL));
    }
    return my->in_transaction ? rvi_my_run(my, "COMMIT", deadline_us, NULL) : RV_OK;
}

void rvi_my_txn_end(rvi_my *my)
{
    my->ending = true;
    if (my->conn != NULL && rvi_my_abandon_statement(my) && undo_all(my) != RV_OK)
        rvi_my_drop(my);
    rv_bytes_clear(&my->undo);
    my->in_transaction = false;
    my->ending = false;
}

rv_code rvi_my_txn_renew(rvi_my *my, rv_error *err)
{
    rv_read_options options = my->options;
    rvi_my_txn_end(my);
    RV_TRY(rvi_my_check_ready(my, err));
    return rvi_my_txn_open(my, &options, err);
}
