/* watch.c - what a server tells about others: snapshots that several connections take at one moment, what is being
 * written, and what others endure.
 *
 * A snapshot of MySQL cannot be joined. Connections that all say START TRANSACTION WITH CONSISTENT SNAPSHOT see the
 * same when no transaction was committed between the first and the last of them. Nothing is locked to make it so: it
 * is tried, proved or not, and tried again. Three proofs, by what the server is:
 *
 *   position  MariaDB with a binary log takes the snapshot and the log's position under one lock (LOCK_commit_ordered),
 *             and each session tells its own as binlog_snapshot_file and _position. Equal ones are one moment.
 *   gtid      MySQL with gtid_mode=ON: a transaction owns its GTID from before it is visible until it is counted as
 *             executed, which is after. So when none is owned, and the executed set is the same before the first start
 *             and after the last, none became visible in between.
 *   quiet     Otherwise: no other session ran a statement before the first start, and none has begun one until the
 *             last: the server numbers all statements, and Queries is the number of the one that asks. */
#include "internal.h"

#include "rivet/checked.h"
#include "rivet/clock.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    ALIGN_MS = 3000,        /* how long it is tried to begin together */
    LOOK_AGAIN_MS = 120,    /* longer than INNODB_TRX must be left alone; see add_transactions() */
    LOOK_LATER_MS = 480,    /* what that grows to; a rest of twice that is within any limit of a statement */
    SEE_ANYTHING_MS = 2000, /* how long a first look is tried for, whatever the time allowed */
    MAX_WRITERS = 1 << 16,
};
#define MOST_S 1e11 /* a time beyond every calendar of a server */

/* ---- one answer ---- */

static const char *cell(MYSQL_ROW row, unsigned i)
{
    return row != NULL && row[i] != NULL ? row[i] : "";
}

static int64_t number_of(const char *text, int64_t otherwise)
{
    char *end = NULL;
    long long value = strtoll(text, &end, 10);
    return end != text && value >= 0 ? value : otherwise;
}

/* The cells of all rows, one after the other, each behind a '\n'. */
static rv_code ask_text(rvi_my *my, const char *sql, unsigned first_column, rv_bytes *out, rv_error *err)
{
    RV_AUTO(mysql_free_result) MYSQL_RES *result = NULL;
    RV_TRY(rvi_my_ask(my, sql, &result, err));
    rv_bytes_clear(out);
    for (MYSQL_ROW row; (row = mysql_fetch_row(result)) != NULL;)
        for (unsigned i = first_column; i < mysql_num_fields(result); i++)
            RV_TRY(rv_bytes_printf(out, err, "\n%s", cell(row, i)));
    return RV_OK;
}

/* A number, or `otherwise` where this user may not know it; a lost connection fails. */
static rv_code ask_number(rvi_my *my, const char *sql, unsigned column, int64_t otherwise, int64_t *out,
                          rv_error *err)
{
    RV_AUTO(mysql_free_result) MYSQL_RES *result = NULL;
    rv_error failure = {0};
    rv_code rc = rvi_my_ask(my, sql, &result, &failure);
    *out = otherwise;
    if (rc != RV_OK && (my->conn == NULL || rc == RV_E_CANCELLED)) {
        if (err != NULL)
            *err = failure;
        return rc;
    }
    if (rc == RV_OK && column < mysql_num_fields(result))
        *out = number_of(cell(mysql_fetch_row(result), column), otherwise);
    return RV_OK;
}

/* ---- snapshots of several connections ---- */

typedef enum proof { BY_POSITION = 1, BY_GTID, BY_QUIET } proof;

typedef struct alignment {
    rvi_my **all;
    int n;
    proof how;
} alignment;

/* On all connections at once: sent to each before any answer is waited for. */
static rv_code run_on_all(const alignment *a, const char *sql, rv_error *err)
{
    for (int i = 0; i < a->n; i++) {
        rvi_my *my = a->all[i];
        RV_TRY(rvi_my_check_ready(my, err));
        rvi_my_enter(my, rvi_my_control_deadline());
        int failed = mysql_send_query(my->conn, sql, (unsigned long)strlen(sql));
        rv_code rc = failed == 0 ? RV_OK : rvi_my_call_failed(my, NULL, err);
        rvi_my_leave();
        RV_TRY(rc);
    }
    for (int i = 0; i < a->n; i++) {
        rvi_my *my = a->all[i];
        rvi_my_enter(my, rvi_my_control_deadline());
        rv_code rc = mysql_read_query_result(my->conn) == 0 ? RV_OK : rvi_my_call_failed(my, NULL, err);
        rvi_my_leave();
        RV_TRY(rc);
    }
    return RV_OK;
}

static rv_code choose_proof(alignment *a, const char **why_not, rv_error *err)
{
    rvi_my *my = a->all[0];
    RV_AUTO(rv_bytes_deinit) rv_bytes text = RV_BYTES_INIT(RVI_MY_SQL_BYTES);
    int64_t may_see = 0;
    a->how = BY_QUIET;
    if (my->mariadb) {
        RV_TRY(ask_text(my, "SHOW SESSION STATUS LIKE 'binlog_snapshot_file'", 1, &text, err));
        if (text.len > 1) {
            a->how = BY_POSITION;
            return RV_OK;
        }
    } else if (my->version >= 50600) {
        RV_TRY(ask_text(my, "SELECT @@GLOBAL.gtid_mode", 0, &text, err));
        if (text.len == 3 && memcmp(text.data, "\nON", 3) == 0) {
            a->how = BY_GTID;
            return RV_OK;
        }
    }
    RV_TRY(ask_number(my, "SELECT COUNT(*) FROM information_schema.INNODB_TRX", 0, -1, &may_see, err));
    if (may_see < 0)
        *why_not = "the server has no binary log position or GTIDs to prove that several connections see one "
                   "moment, and without the PROCESS privilege nothing else does";
    return RV_OK;
}

/* Behind one name there may be several servers. */
static rv_code are_one_server(const alignment *a, bool *out, rv_error *err)
{
    static const char sql[] = "SELECT @@hostname, @@port, @@server_id";
    RV_AUTO(rv_bytes_deinit) rv_bytes first = RV_BYTES_INIT(RVI_MY_SQL_BYTES);
    RV_AUTO(rv_bytes_deinit) rv_bytes other = RV_BYTES_INIT(RVI_MY_SQL_BYTES);
    assert(a->n > 0);
    RV_TRY(ask_text(a->all[0], sql, 0, &first, err));
    *out = true;
    for (int i = 1; i < a->n && *out; i++) {
        RV_TRY(ask_text(a->all[i], sql, 0, &other, err));
        *out = first.len == other.len && memcmp(first.data, other.data, first.len) == 0;
    }
    return RV_OK;
}

/* What must be the same before and after; *good false: no proof can come of it. Nothing here is read twice, and what
 * is owned is read before what is executed. */
static rv_code look_at_server(const alignment *a, rv_bytes *out, int64_t *statement, bool *good,
                              rv_error *err)
{
    static const char gtid_sql[] = "SELECT @@GLOBAL.gtid_owned, @@GLOBAL.gtid_executed";
    static const char queries_sql[] = "SHOW GLOBAL STATUS LIKE 'Queries'";
    static const char busy_sql[] =
        "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID()"
        " AND COMMAND NOT IN ('Sleep', 'Daemon', 'Binlog Dump', 'Binlog Dump GTID')";
    int64_t busy = 0;
    *good = true;
    if (a->how == BY_GTID) {
        RV_TRY(ask_text(a->all[0], gtid_sql, 0, out, err));
        *good = out->len > 1 && out->data[1] == '\n'; /* nothing is owned */
        return RV_OK;
    }
    RV_TRY(ask_number(a->all[0], queries_sql, 1, -1, statement, err));
    RV_TRY(ask_number(a->all[0], busy_sql, 0, -1, &busy, err));
    *good = *statement >= 0 && busy == 0;
    return RV_OK;
}

static rv_code have_one_position(const alignment *a, bool *out, rv_error *err)
{
    static const char sql[] = "SHOW SESSION STATUS LIKE 'binlog_snapshot_%'";
    RV_AUTO(rv_bytes_deinit) rv_bytes first = RV_BYTES_INIT(RVI_MY_SQL_BYTES);
    RV_AUTO(rv_bytes_deinit) rv_bytes other = RV_BYTES_INIT(RVI_MY_SQL_BYTES);
    RV_TRY(ask_text(a->all[0], sql, 1, &first, err));
    *out = true;
    for (int i = 1; i < a->n && *out; i++) {
        RV_TRY(ask_text(a->all[i], sql, 1, &other, err));
        *out = first.len == other.len && memcmp(first.data, other.data, first.len) == 0;
    }
    return RV_OK;
}

static rv_code start_all(const alignment *a, rv_error *err)
{
    return run_on_all(a, "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY", err);
}

/* Statements of ours between two looks: the count of busy sessions, one start each, and the one that looks again. */
static rv_code start_between_looks(const alignment *a, bool *aligned, rv_error *err)
{
    RV_AUTO(rv_bytes_deinit) rv_bytes before = RV_BYTES_INIT(RVI_MY_SQL_BYTES);
    RV_AUTO(rv_bytes_deinit) rv_bytes after = RV_BYTES_INIT(RVI_MY_SQL_BYTES);
    int64_t first = 0, last = 0;
    bool good = false;
    *aligned = false;
    RV_TRY(look_at_server(a, &before, &first, &good, err));
    if (!good)
        return RV_OK;
    RV_TRY(start_all(a, err));
    RV_TRY(look_at_server(a, &after, &last, &good, err));
    if (a->how == BY_GTID)
        *aligned = good && before.len == after.len && memcmp(before.data, after.data, before.len) == 0;
    else
        *aligned = last >= 0 && last - first == a->n + 2;
    return RV_OK;
}

static rv_code try_once(const alignment *a, bool *aligned, rv_error *err)
{
    RV_TRY(run_on_all(a, "COMMIT", err));
    RV_TRY(run_on_all(a, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", err));
    if (a->how != BY_POSITION)
        return start_between_looks(a, aligned, err);
    RV_TRY(start_all(a, err));
    return have_one_position(a, aligned, err);
}

static rv_code align(alignment *a, const char **why_not, rv_error *err)
{
    int64_t until_us = rvi_my_now_us() + ALIGN_MS * 1000;
    bool one_server = false, aligned = false;
    RV_TRY(are_one_server(a, &one_server, err));
    if (!one_server) {
        *why_not = "the connections lead to different servers";
        return RV_OK;
    }
    RV_TRY(choose_proof(a, why_not, err));
    while (*why_not == NULL && !aligned) {
        RV_TRY(try_once(a, &aligned, err));
        if (!aligned && rvi_my_now_us() >= until_us)
            *why_not = "the server commits too often for several connections to begin at one moment";
    }
    return RV_OK;
}

rv_code rvi_my_begin_aligned(rv_source *const *sources, int n, const rv_read_options *options,
                             const char **why_not, rv_error *err)
{
    enum { MOST = 64 };
    rvi_my *all[MOST];
    alignment a = {.all = all, .n = n};
    if (n > MOST)
        return rv_fail(err, RV_E_INTERNAL, "%d connections are to begin together", n);
    *why_not = NULL;
    for (int i = 0; i < n; i++) {
        all[i] = (rvi_my *)sources[i];
        if (all[i]->pooled)
            *why_not = "what stands between Rivet and the server may send each statement elsewhere";
    }
    if (*why_not != NULL)
        return RV_OK;
    for (int i = 0; i < n; i++) /* with all that begin() does; the snapshots are then taken anew */
        RV_TRY(sources[i]->ops->begin(sources[i], options, err));
    RV_TRY(align(&a, why_not, err));
    for (int i = 0; i < n && *why_not != NULL; i++)
        sources[i]->ops->end(sources[i]);
    return RV_OK;
}

/* ---- what others are writing ---- */

/* A session of another that runs a statement which may write, or is inside a transaction that has written. A
 * transaction that was prepared (XA) has no session, and `thread` 0. */
typedef struct writer {
    uint64_t thread, statement, trx; /* 0: none */
    int64_t since_us;                /* UNIX time */
    bool ended;
} writer;

typedef struct writers {
    writer *items;
    int64_t n, cap;
} writers;

/* RV_AUTO(writers): for the struct itself. */
static void writers_auto(writers *list)
{
    free(list->items);
}

static writer *find_writer(const writers *list, uint64_t thread, uint64_t trx)
{
    for (int64_t i = 0; i < list->n; i++)
        if (list->items[i].thread == thread && (thread != 0 || list->items[i].trx == trx))
            return &list->items[i];
    return NULL;
}

static rv_code add_writer(writers *list, const writer *seen, rv_error *err)
{
    writer *known = find_writer(list, seen->thread, seen->trx);
    if (known != NULL) {
        if (seen->statement != 0)
            known->statement = seen->statement;
        if (seen->trx != 0)
            known->trx = seen->trx;
        known->since_us = known->since_us < seen->since_us ? known->since_us : seen->since_us;
        return RV_OK;
    }
    if (list->n == list->cap) {
        int64_t cap = list->cap == 0 ? 64 : 2 * list->cap;
        size_t bytes = 0;
        bool too_many = cap > MAX_WRITERS || rv_mul_size(&bytes, (size_t)cap, sizeof *list->items);
        writer *grown = too_many ? NULL : realloc(list->items, bytes);
        if (grown == NULL)
            return rv_fail(err, RV_E_OUT_OF_MEMORY, "%" PRId64 " sessions that write", list->n);
        list->items = grown;
        list->cap = cap;
    }
    list->items[list->n++] = *seen;
    return RV_OK;
}

/* thread, number, seconds that it has lasted, the server's time in seconds since 1970; the last two as decimal numbers.
 * What is not known in microseconds is taken to have begun a second earlier. By the server's clock, because a cursor's
 * values, which this is compared with, were taken from that one. */
static rv_code add_row(MYSQL_ROW row, bool is_statement, writers *list, rv_error *err)
{
    uint64_t number = strtoull(cell(row, 1), NULL, 10);
    double lasted_s = strtod(cell(row, 2), NULL), now_s = strtod(cell(row, 3), NULL);
    if (!(now_s > 0 && now_s < MOST_S))
        return rv_fail(err, RV_E_SOURCE_PROTOCOL, "the server does not tell the time");
    if (!(lasted_s >= 0 && lasted_s < now_s))
        lasted_s = 0;
    const writer seen = {.thread = strtoull(cell(row, 0), NULL, 10),
                         .statement = is_statement ? number : 0,
                         .trx = is_statement ? 0 : number,
                         .since_us = (int64_t)((now_s - lasted_s - 1) * 1e6)};
    return add_writer(list, &seen, err);
}

/* Statements that only read cannot write late; one that calls a function which writes is inside a transaction that
 * has written. */
static rv_code add_statements(rvi_my *my, writers *list, rv_error *err)
{
    static const char mariadb_sql[] =
        "SELECT ID, QUERY_ID, TIME_MS / 1000, UNIX_TIMESTAMP(SYSDATE(6)) FROM information_schema.PROCESSLIST"
        " WHERE ID <> CONNECTION_ID() AND COMMAND IN ('Query', 'Execute', 'Connect', 'Slave_SQL', "
        "'Slave_worker')"
        " AND INFO IS NOT NULL AND INFO NOT RLIKE '^[[:space:](]*(select|show|explain|desc|set)[[:space:]]'";
    static const char mysql_sql[] =
        "SELECT t.PROCESSLIST_ID, s.EVENT_ID, s.TIMER_WAIT / 1000000000000, UNIX_TIMESTAMP(SYSDATE(6))"
        " FROM performance_schema.events_statements_current s JOIN performance_schema.threads t"
        " ON t.THREAD_ID = s.THREAD_ID WHERE s.END_EVENT_ID IS NULL AND t.PROCESSLIST_ID IS NOT NULL"
        " AND t.PROCESSLIST_ID <> CONNECTION_ID() AND s.NESTING_EVENT_LEVEL = 0"
        " AND s.EVENT_NAME NOT IN ('statement/sql/select', 'statement/com/Binlog Dump',"
        " 'statement/com/Binlog Dump GTID')";
    RV_AUTO(mysql_free_result) MYSQL_RES *result = NULL;
    RV_TRY(rvi_my_ask(my, my->mariadb ? mariadb_sql : mysql_sql, &result, err));
    for (MYSQL_ROW row; (row = mysql_fetch_row(result)) != NULL;)
        RV_TRY(add_row(row, true, list, err));
    return RV_OK;
}

/* INNODB_TRX is a copy, which a reader renews only when nobody has read it for 100 ms. Where something reads it
 * more often than that, it stays as it is without an end, and a transaction that has begun since is not in it. But it
 * tells what each transaction is running: so while we look, and rest between two looks, our own transaction
 * (show_ourselves()) runs statements that begin with the time. A copy that shows such a time was not made before it,
 * whoever made it.
 * Source: storage/innobase/trx/trx0i_s.cc, CACHE_MIN_IDLE_TIME_NS, can_cache_be_updated(). */
#define MARK "SELECT %" PRId64 " AS rivet_looks"

/* The time in a statement; 0: it is none of those. */
static int64_t mark_of(const char *statement)
{
    static const char verb[] = "SELECT ";
    bool is_select = strncmp(statement, verb, sizeof verb - 1) == 0;
    const char *number = is_select ? statement + sizeof verb - 1 : "";
    return strstr(number, " AS rivet_looks") != NULL ? number_of(number, 0) : 0;
}

/* Adds nothing where *is_fresh becomes false: the copy may be older than since_us. trx_started and NOW() are in the
 * session's zone alike. */
static rv_code add_transactions(rvi_my *my, int64_t since_us, writers *list, bool *is_fresh, rv_error *err)
{
    enum { OURS = 4, SQL_BYTES = 512 };
    char sql[SQL_BYTES];
    RV_AUTO(mysql_free_result) MYSQL_RES *result = NULL;
    snprintf(sql, sizeof sql,
             MARK ", trx_mysql_thread_id, trx_id, TIMESTAMPDIFF(SECOND, trx_started, NOW()),"
                  " UNIX_TIMESTAMP(SYSDATE(6)), CASE WHEN trx_mysql_thread_id = CONNECTION_ID()"
                  " THEN COALESCE(trx_query, '') END FROM information_schema.INNODB_TRX"
                  " WHERE trx_mysql_thread_id = CONNECTION_ID() OR trx_rows_modified > 0",
             rvi_my_now_us());
    *is_fresh = false;
    RV_TRY(rvi_my_ask(my, sql, &result, err));
    for (MYSQL_ROW row; (row = mysql_fetch_row(result)) != NULL;)
        if (row[1 + OURS] != NULL && mark_of(row[1 + OURS]) >= since_us)
            *is_fresh = true;
    mysql_data_seek(result, 0);
    for (MYSQL_ROW row; *is_fresh && (row = mysql_fetch_row(result)) != NULL;)
        if (row[1 + OURS] == NULL)
            RV_TRY(add_row(row + 1, false, list, err));
    return RV_OK;
}

/* A statement that has ended may have left its transaction open: from then on that one counts. */
static void follow(writer *tracked, const writer *now)
{
    if (tracked->statement != 0 && now != NULL && now->statement == tracked->statement)
        return;
    if (tracked->statement != 0) {
        tracked->statement = 0;
        tracked->trx = now != NULL ? now->trx : 0;
    }
    tracked->ended = tracked->trx == 0 || now == NULL || now->trx != tracked->trx;
}

/* From pause_ms to twice as long: several of us may be looking, and must not keep in step. Where the server sees it:
 * a copy that somebody else makes meanwhile is good for us as well. */
static rv_code rest(rvi_my *my, int64_t pause_ms, rv_error *err)
{
    char sql[128];
    RV_AUTO(mysql_free_result) MYSQL_RES *result = NULL;
    int64_t now_us = rvi_my_now_us(), ms = pause_ms + now_us % pause_ms;
    RV_TRY(rvi_my_check_stop(my, err));
    snprintf(sql, sizeof sql, MARK ", SLEEP(%" PRId64 ".%03" PRId64 ")", now_us, ms / 1000, ms % 1000);
    return rvi_my_ask(my, sql, &result, err);
}

/* Who writes at this moment; tried until it is seen or the time is over, at least once. *is_fresh false: it was
 * not seen. Statements are listed first, and once: a transaction that one of them leaves behind is in any copy that is
 * made later. Each look keeps the copy as it is for everybody else, too, so the pauses grow. */
static rv_code look(rvi_my *my, int64_t until_us, writers *list, bool *is_fresh, rv_error *err)
{
    int64_t since_us = 0;
    RV_TRY(add_statements(my, list, err));
    since_us = rvi_my_now_us();
    for (int64_t pause_ms = LOOK_AGAIN_MS;;) {
        RV_TRY(add_transactions(my, since_us, list, is_fresh, err));
        if (*is_fresh || rvi_my_now_us() >= until_us)
            return RV_OK;
        RV_TRY(rest(my, pause_ms, err));
        pause_ms = pause_ms < LOOK_LATER_MS ? 2 * pause_ms : LOOK_LATER_MS;
    }
}

static int64_t oldest_of(const writers *tracked)
{
    int64_t oldest_us = 0;
    for (int64_t i = 0; i < tracked->n; i++)
        if (!tracked->items[i].ended && (oldest_us == 0 || tracked->items[i].since_us < oldest_us))
            oldest_us = tracked->items[i].since_us;
    return oldest_us;
}

/* What was not seen to end has not ended. */
static rv_code follow_all(rvi_my *my, int64_t until_us, writers *tracked, rv_error *err)
{
    RV_AUTO(writers) writers now = {0};
    bool is_fresh = false;
    RV_TRY(look(my, until_us, &now, &is_fresh, err));
    for (int64_t i = 0; i < tracked->n && is_fresh; i++) {
        writer *w = &tracked->items[i];
        if (!w->ended)
            follow(w, find_writer(&now, w->thread, w->trx));
    }
    return RV_OK;
}

static rv_code sees_only_the_past(rv_error *err)
{
    rv_fail(err, RV_E_SOURCE_BUSY,
            "which transactions are open cannot be seen: something else reads information_schema.INNODB_TRX "
            "more than ten times a second, and meanwhile the server does not bring it up to date");
    rv_hint(err, "let that read it less often; or take PROCESS from Rivet's user: then cursor_lookback alone "
                 "decides how late a row may come");
    return RV_E_SOURCE_BUSY;
}

/* *is_allowed false: this user may not see what others do. */
static rv_code look_first(rvi_my *my, int64_t until_us, writers *list, bool *is_allowed, rv_error *err)
{
    int64_t patience_us = rvi_my_now_us() + SEE_ANYTHING_MS * 1000;
    rv_error failure = {0};
    bool is_fresh = false;
    rv_code rc = look(my, until_us > patience_us ? until_us : patience_us, list, &is_fresh, &failure);
    *is_allowed = rc == RV_OK || rc == RV_E_CANCELLED || my->conn == NULL || rc == RV_E_OUT_OF_MEMORY;
    if (!*is_allowed)
        return RV_OK;
    if (rc != RV_OK && err != NULL)
        *err = failure;
    RV_TRY(rc);
    return is_fresh ? RV_OK : sees_only_the_past(err);
}

static rv_code wait_for_writers(rvi_my *my, int64_t until_us, int64_t *open_since_us, rv_error *err)
{
    RV_AUTO(writers) writers tracked = {0};
    bool is_allowed = false;
    RV_TRY(look_first(my, until_us, &tracked, &is_allowed, err));
    *open_since_us = is_allowed ? oldest_of(&tracked) : -1;
    while (*open_since_us > 0 && rvi_my_now_us() < until_us) {
        RV_TRY(rest(my, LOOK_AGAIN_MS, err));
        RV_TRY(follow_all(my, until_us, &tracked, err));
        *open_since_us = oldest_of(&tracked);
    }
    return RV_OK;
}

/* A transaction of this session that INNODB_TRX lists: of one that has no snapshot the storage engine does not
 * know yet. Where one is open already, it is ended by this. */
static rv_code show_ourselves(rvi_my *my, rv_error *err)
{
    RV_TRY(rvi_my_run(my, "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY", rvi_my_control_deadline(),
                      err));
    my->in_transaction = true;
    return RV_OK;
}

static rv_code hide_ourselves(rvi_my *my, rv_error *err)
{
    if (my->pooled) /* the transaction that keeps a proxy from going elsewhere must see what is committed */
        return rvi_my_txn_renew(my, err);
    my->in_transaction = false;
    return rvi_my_run(my, "COMMIT", rvi_my_control_deadline(), err);
}

rv_code rvi_my_settle(rv_source *source, int64_t timeout_ms, int64_t *open_since_us, rv_error *err)
{
    rvi_my *my = (rvi_my *)source;
    int64_t until_us = rvi_my_now_us() + timeout_ms * 1000;
    bool is_shown = my->in_transaction && my->options.snapshot;
    RV_TRY(rvi_my_check_stop(my, err));
    if (is_shown)
        return wait_for_writers(my, until_us, open_since_us, err);
    RV_TRY(show_ourselves(my, err));
    RV_TRY(wait_for_writers(my, until_us, open_since_us, err));
    return hide_ourselves(my, err);
}

/* ---- pressure ---- */

/* Of a replica: how far it is behind its primary. A primary is not told how far its replicas are. */
static rv_code ask_lag(rvi_my *my, int64_t *out, rv_error *err)
{
    RV_AUTO(mysql_free_result) MYSQL_RES *result = NULL;
    rv_error failure = {0};
    bool new_name = !my->mariadb && my->version >= 80022;
    rv_code rc = rvi_my_ask(my, new_name ? "SHOW REPLICA STATUS" : "SHOW SLAVE STATUS", &result, &failure);
    *out = -1;
    if (rc != RV_OK && (my->conn == NULL || rc == RV_E_CANCELLED)) {
        if (err != NULL)
            *err = failure;
        return rc;
    }
    MYSQL_ROW row = rc == RV_OK ? mysql_fetch_row(result) : NULL;
    for (unsigned i = 0; row != NULL && i < mysql_num_fields(result); i++) {
        const char *name = mysql_fetch_field_direct(result, i)->name;
        if (strcmp(name, "Seconds_Behind_Master") == 0 || strcmp(name, "Seconds_Behind_Source") == 0) {
            int64_t s = number_of(cell(row, i), -1);
            *out = s >= 0 && s < INT64_MAX / 1000 ? s * 1000 : -1;
        }
    }
    return RV_OK;
}

/* Sessions of this user are taken for ours; its own rows any user may see. Threads_running counts the event scheduler
 * (which MySQL 8 has always running) as one that runs; it is taken off where this user sees it. Waits for row locks alone: for a table's
 * metadata lock somebody may wait because we read. Whether that copy is up to date is not asked here: it only sets
 * the pace, and the one counter that is no copy (Innodb_row_lock_current_waits) drifts. */
rv_code rvi_my_pressure(rv_source *source, rv_pressure *out, rv_error *err)
{
    static const char waits_sql[] =
        "SELECT COUNT(*) FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT'";
    static const char ours_sql[] =
        "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE COMMAND <> 'Sleep'"
        " AND (USER = SUBSTRING_INDEX(USER(), '@', 1) OR COMMAND = 'Daemon')";
    rvi_my *my = (rvi_my *)source;
    int64_t running = 0, ours = 0;
    rv_pressure got = {-1, -1, -1, -1};
    RV_TRY(ask_number(my, waits_sql, 0, -1, &got.lock_waits, err));
    RV_TRY(ask_number(my, "SHOW GLOBAL STATUS LIKE 'Threads_running'", 1, -1, &running, err));
    RV_TRY(ask_number(my, ours_sql, 0, -1, &ours, err));
    RV_TRY(ask_number(my, "SELECT @@GLOBAL.max_connections", 0, -1, &got.max_sessions, err));
    RV_TRY(ask_lag(my, &got.replica_lag_ms, err));
    if (running >= 0 && ours >= 0)
        got.active_sessions = running > ours ? running - ours : 0;
    *out = got;
    return RV_OK;
}
