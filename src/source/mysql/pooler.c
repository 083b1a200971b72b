/* pooler.c - does something stand between us and the server?
 *
 * ProxySQL answers a statement of its own and names itself; it also makes up the connection's number, so that nothing
 * else shows. Of every other proxy (MaxScale, RDS Proxy, ProxySQL's like) the number tells: what the server says of the
 * connection that it runs a statement on is not what the handshake said, or changes between two statements.
 *
 * What follows from it is in settings.c: everything between begin() and end() is one transaction, which is what keeps
 * a proxy on one server connection, and the settings are put back before it ends. */
#include "internal.h"

#include "rivet/log.h"

#include <inttypes.h>
#include <string.h>

/* A question that a server without a proxy need not understand. *out: whether it was understood. */
static rv_code is_understood(rvi_my *my, const char *sql, bool *out, rv_error *err)
{
    rv_code rc = rvi_my_run(my, sql, rvi_my_control_deadline(), err);
    *out = rc == RV_OK;
    bool refused = rc != RV_OK && my->conn != NULL && rc != RV_E_CANCELLED;
    if (refused && err != NULL)
        rv_error_clear(err);
    return refused ? RV_OK : rc;
}

/* In the very words that ProxySQL looks for. Source: ProxySQL, MySQL_Session.cpp, "SELECT @@version_comment". */
static rv_code ask_comment(rvi_my *my, const char **name, rv_error *err)
{
    static const char *const proxies[] = {"ProxySQL", "proxysql", "MaxScale", "maxscale"};
    RV_AUTO(mysql_free_result) MYSQL_RES *result = NULL;
    RV_TRY(rvi_my_ask(my, "SELECT @@version_comment LIMIT 1", &result, err));
    MYSQL_ROW row = mysql_fetch_row(result);
    for (size_t i = 0; row != NULL && row[0] != NULL && i < sizeof proxies / sizeof proxies[0]; i++)
        if (strstr(row[0], proxies[i]) != NULL)
            *name = proxies[i];
    return RV_OK;
}

static rv_code ask_number(rvi_my *my, uint64_t *out, rv_error *err)
{
    RV_AUTO(mysql_free_result) MYSQL_RES *result = NULL;
    RV_TRY(rvi_my_ask(my, "SELECT CONNECTION_ID()", &result, err));
    MYSQL_ROW row = mysql_fetch_row(result);
    if (row == NULL || row[0] == NULL)
        return rv_fail(err, RV_E_SOURCE_PROTOCOL, "the server does not tell the connection's number");
    *out = strtoull(row[0], NULL, 10);
    return RV_OK;
}

static rv_code ask_numbers(rvi_my *my, bool *differ, rv_error *err)
{
    uint64_t first = 0, second = 0;
    RV_TRY(ask_number(my, &first, err));
    RV_TRY(ask_number(my, &second, err));
    *differ = first != second || first != mysql_thread_id(my->conn);
    return RV_OK;
}

rv_code rvi_my_find_pooler(rvi_my *my, rv_error *err)
{
    const char *name = NULL;
    bool proxysql = false, differ = false;
    RV_TRY(ask_comment(my, &name, err));
    if (name == NULL)
        RV_TRY(ask_numbers(my, &differ, err));
    if (name == NULL && !differ)
        RV_TRY(is_understood(my, "PROXYSQL INTERNAL SESSION", &proxysql, err));
    my->pooled = name != NULL || differ || proxysql;
    my->is_direct = !my->pooled;
    if (my->pooled)
        rv_log(RV_LOG_DEBUG, "%s stands between us and the server: what is read together is one transaction",
               name != NULL ? name
               : proxysql   ? "ProxySQL"
                            : "a proxy");
    return RV_OK;
}
