#include "state/postgres/internal.h"

#include <stdio.h>
#include <string.h>

static const char grant_hint[] = "the user needs CREATE on the database, or a schema " RVI_STATE_PG_SCHEMA
                                 " of its own: CREATE SCHEMA " RVI_STATE_PG_SCHEMA " AUTHORIZATION the_user";
static const char busy_hint[] =
    "another process is writing to it; try again, and look for one that hangs if this persists";
static const char away_hint[] =
    "the server cannot be reached, or takes no more connections; what was recorded is safe there: run again";

typedef struct rule {
    const char *prefix; /* of the SQLSTATE: PostgreSQL 17 documentation, appendix A */
    rv_code code;
    const char *hint; /* NULL: the server's, if it has one */
} rule;

static const rule rules[] = {
    {"55P03", RV_E_STATE_BUSY, busy_hint}, /* lock_timeout */
    {"57014", RV_E_STATE_BUSY, busy_hint}, /* statement_timeout */
    {"40", RV_E_STATE_BUSY, busy_hint},    /* deadlock, serialization */
    {"25P03", RV_E_STATE_BUSY, "this process was stopped in the middle of recording; run again"},
    {"08", RV_E_STATE_BUSY, away_hint},
    {"57P", RV_E_STATE_BUSY, away_hint},
    {"53300", RV_E_STATE_BUSY, away_hint},
    {"53100", RV_E_STATE_UNUSABLE, "free some space on the disk of the server that holds the state store"},
    {"53", RV_E_STATE_BUSY, away_hint},
    {"42501", RV_E_STATE_UNUSABLE, grant_hint},
    {"25006", RV_E_STATE_UNUSABLE, "the server is read-only, perhaps a standby: name the primary"},
    {"XX001", RV_E_STATE_CORRUPT, "restore the database from a backup"},
    {"XX002", RV_E_STATE_CORRUPT, "restore the database from a backup"},
};

static rv_code fail(const rvi_state_pg *store, rv_code code, const char *sqlstate, const char *message,
                    rv_error *err)
{
    char line[320];
    rv_pg_one_line(line, sizeof line, message);
    rv_fail(err, code, "%s (state store '%s')", line, store->location);
    rv_native(err, sqlstate);
    if (err)
        rv_redact_error(store->redactor, err);
    return code;
}

static const char *field(const PGresult *result, int code)
{
    const char *text = PQresultErrorField(result, code);
    return text ? text : "";
}

rv_code rvi_state_pg_fail_result(const rvi_state_pg *store, const PGresult *result, rv_error *err)
{
    const char *sqlstate = field(result, PG_DIAG_SQLSTATE);
    if (!sqlstate[0])
        return rvi_state_pg_fail_lost(store, PQresultErrorMessage(result), err);
    rv_code code = RV_E_STATE_UNUSABLE;
    const char *hint = field(result, PG_DIAG_MESSAGE_HINT);
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (strncmp(sqlstate, rules[i].prefix, strlen(rules[i].prefix)) == 0) {
            code = rules[i].code;
            hint = rules[i].hint;
            break;
        }
    rv_code rc = fail(store, code, sqlstate, field(result, PG_DIAG_MESSAGE_PRIMARY), err);
    if (hint[0])
        rv_hint(err, "%s", hint);
    return rc;
}

rv_code rvi_state_pg_fail_lost(const rvi_state_pg *store, const char *why, rv_error *err)
{
    rv_code rc = fail(store, RV_E_STATE_BUSY, "", why[0] ? why : "the connection was lost", err);
    rv_hint(err, "%s", away_hint);
    return rc;
}

/* The hints of pgconn speak of the source's keys; here everything is in the URL. */
static const char *connect_hint(rv_code code)
{
    switch ((int)code) {
    case RV_E_SOURCE_AUTH:
        return "check user and password in RIVET_STATE_URL and the server's pg_hba.conf; write special "
               "characters of a password as %XX";
    case RV_E_SOURCE_TLS:
        return "add ?sslmode=verify-full, and &sslrootcert=FILE for a private authority (or sslmode=disable, "
               "to send everything in the clear) to RIVET_STATE_URL";
    case RV_E_SOURCE_NOT_FOUND:
        return "create the database that RIVET_STATE_URL names";
    case RV_E_CONFIG_VALUE:
        return "RIVET_STATE_URL alone says how to connect";
    default:
        return away_hint;
    }
}

rv_code rvi_state_pg_fail_connect(const rvi_state_pg *store, const rv_error *from, rv_error *err)
{
    if (from->code == RV_E_OUT_OF_MEMORY)
        return rv_fail(err, from->code, "%s", from->message);
    const bool passing = from->retry != RV_RETRY_NEVER;
    rv_code rc =
        fail(store, passing ? RV_E_STATE_BUSY : RV_E_STATE_UNUSABLE, from->native, from->message, err);
    rv_hint(err, "%s", passing ? away_hint : connect_hint(from->code));
    return rc;
}
