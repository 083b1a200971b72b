/* pgconn/connect.c - from a configuration to a connection, without a say for the environment.
 *
 * libpq fills every parameter that it is not given from PG* variables, ~/.pgpass, ~/.postgresql and service files.
 * A run must not depend on whose shell it runs in, so every parameter that has such a source is given. libpq
 * takes an empty value for "not given", hence the path that cannot exist. Three variables cannot be overruled that
 * way; they, and PGPASSWORD where the configuration has no password, are refused by name rather than obeyed. */
#include "rivet/pgconn.h"

#include "rivet/log.h"

#include <assert.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    DEFAULT_PORT = 5432,
    MAX_PARAMETERS = 48,
    USER_BYTES = 256,
    PASSWD_BYTES = 16 << 10, /* getpwuid_r(); glibc suggests 1 KiB */
};

/* Not a directory, so nothing can ever lie below it. */
static const char no_such_file[] = "/dev/null/none";

/* What PQconnectStartParams() takes. Values are borrowed, or lie in the small buffers. */
typedef struct parameters {
    const char *keywords[MAX_PARAMETERS + 1], *values[MAX_PARAMETERS + 1];
    int n;
    char port[12], timeout[12], user[USER_BYTES];
} parameters;

static void set(parameters *p, const char *keyword, const char *value)
{
    assert(p->n < MAX_PARAMETERS);
    p->keywords[p->n] = keyword;
    p->values[p->n++] = value;
}

static rv_code refuse_environment(bool has_password, rv_error *err)
{
    static const char *const stronger[] = {"PGSERVICE", "PGHOSTADDR", "PGOPTIONS"};
    const char *name = NULL;
    for (size_t i = 0; i < sizeof stronger / sizeof stronger[0]; i++)
        if (getenv(stronger[i]) != NULL)
            name = stronger[i];
    if (name == NULL && !has_password && getenv("PGPASSWORD") != NULL) {
        rv_fail(err, RV_E_CONFIG_VALUE, "PGPASSWORD is set, but the configuration gives no password");
        rv_hint(err, "set source.password_env: PGPASSWORD, or unset the variable");
    } else if (name != NULL) {
        rv_fail(err, RV_E_CONFIG_VALUE, "the environment variable %s would overrule the configuration", name);
        rv_hint(err, "unset %s: Rivet takes the connection from its configuration alone", name);
    } else {
        return RV_OK;
    }
    return RV_E_CONFIG_VALUE;
}

/* libpq's own default, read from the system instead of PGUSER. */
static rv_code default_user(char out[USER_BYTES], rv_error *err)
{
    struct passwd entry, *found = NULL;
    char text[PASSWD_BYTES];
    if (getpwuid_r(geteuid(), &entry, text, sizeof text, &found) != 0 || found == NULL ||
        strlen(found->pw_name) >= USER_BYTES) {
        rv_fail(err, RV_E_SOURCE_AUTH, "no user is given to connect as");
        rv_hint(err, "set source.user");
        return RV_E_SOURCE_AUTH;
    }
    memcpy(out, found->pw_name, strlen(found->pw_name) + 1);
    return RV_OK;
}

/* ---- TLS ---- */

const char *rv_pg_ssl_mode(const rv_tls_config *tls)
{
    switch (tls->mode) {
    case RV_TLS_UNSET:
    case RV_TLS_DISABLE:
        return "disable";
    case RV_TLS_REQUIRE: /* with a CA file libpq would verify as well, but only if it finds the file */
        return tls->ca_file != NULL && !tls->accept_invalid_certs ? "verify-ca" : "require";
    case RV_TLS_VERIFY_CA:
        return tls->accept_invalid_certs ? "require" : "verify-ca";
    case RV_TLS_VERIFY_FULL:
        if (tls->accept_invalid_certs)
            return "require";
        return tls->accept_invalid_hostnames ? "verify-ca" : "verify-full";
    }
    return "verify-full";
}

static rv_code set_tls(parameters *p, const rv_tls_config *tls, const char *host, rv_error *err)
{
    const char *mode = rv_pg_ssl_mode(tls), *ca_file = tls->ca_file;
    bool verifies = strncmp(mode, "verify", 6) == 0;
    RV_TRY(rv_tls_check_host(tls, host, err));
    if (verifies)
        RV_TRY(rv_tls_find_ca_file(tls, &ca_file, err));
    /* Without verification no file either: libpq verifies under sslmode=require if it finds one. */
    set(p, "sslmode", mode);
    set(p, "sslrootcert", verifies ? ca_file : no_such_file);
    set(p, "sslcert", no_such_file);
    set(p, "sslkey", no_such_file);
    set(p, "sslcrl", no_such_file);
    set(p, "sslcrldir", no_such_file);
    set(p, "sslcompression", "0");
    set(p, "sslsni", "1");
    set(p, "ssl_min_protocol_version", "TLSv1.2");
    set(p, "ssl_max_protocol_version", "TLSv1.3");
    return RV_OK;
}

/* ---- parameters ---- */

static rv_code set_identity(parameters *p, const rv_source_config *cfg, rv_error *err)
{
    const char *user = cfg->user;
    if (user == NULL || user[0] == '\0') {
        RV_TRY(default_user(p->user, err));
        user = p->user;
    }
    set(p, "user", user);
    set(p, "dbname", cfg->database != NULL && cfg->database[0] != '\0' ? cfg->database : user);
    if (cfg->password != NULL) {
        const char *password = rv_secret_reveal(cfg->password);
        if (strlen(password) != rv_secret_len(cfg->password))
            return rv_fail(err, RV_E_SOURCE_AUTH,
                           "the password holds a zero byte, which PostgreSQL cannot take");
        set(p, "password", password);
    }
    set(p, "passfile", no_such_file);
    return RV_OK;
}

static rv_code set_parameters(parameters *p, const rv_source_config *cfg, rv_error *err)
{
    const char *host = cfg->host != NULL && cfg->host[0] != '\0' ? cfg->host : "localhost";
    bool named = cfg->application_name != NULL && cfg->application_name[0] != '\0';
    RV_TRY(refuse_environment(cfg->password != NULL && rv_secret_len(cfg->password) > 0, err));
    snprintf(p->port, sizeof p->port, "%d", cfg->port > 0 ? cfg->port : DEFAULT_PORT);
    snprintf(p->timeout, sizeof p->timeout, "%d", rv_pg_connect_timeout_s(cfg));
    set(p, "host", host);
    set(p, "port", p->port);
    RV_TRY(set_identity(p, cfg, err));
    RV_TRY(set_tls(p, &cfg->tls, host, err));
    set(p, "application_name", named ? cfg->application_name : "rivet");
    set(p, "client_encoding", "UTF8");
    set(p, "connect_timeout", p->timeout);
    set(p, "gssencmode", "disable");
    set(p, "channel_binding", "prefer");
    set(p, "krbsrvname", "postgres");
    set(p, "target_session_attrs", "any");
    /* A peer that vanished is noticed within a minute even while it has nothing to say. */
    set(p, "keepalives", "1");
    set(p, "keepalives_idle", "30");
    set(p, "keepalives_interval", "10");
    set(p, "keepalives_count", "3");
    set(p, "tcp_user_timeout", "60000");
    return RV_OK;
}

/* ---- the beginning ---- */

int rv_pg_connect_timeout_s(const rv_source_config *cfg)
{
    enum { DEFAULT_CONNECT_S = 30 };
    return cfg->connect_timeout_s > 0 ? cfg->connect_timeout_s : DEFAULT_CONNECT_S;
}

static void log_notice(void *context, const char *message)
{
    char line[512];
    (void)context;
    rv_pg_one_line(line, sizeof line, message);
    rv_log(RV_LOG_DEBUG, "PostgreSQL: %s", line);
}

rv_code rv_pg_connect_start(PGconn **out, const rv_source_config *cfg, rv_error *err)
{
    parameters p = {.n = 0};
    RV_TRY(set_parameters(&p, cfg, err));
    /* Resolves the host's name, the one thing here that blocks; the resolver has its own time limits. */
    PGconn *conn = PQconnectStartParams(p.keywords, p.values, 0);
    if (conn == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "a connection to PostgreSQL");
    PQsetNoticeProcessor(conn, log_notice, NULL);
    PQsetErrorVerbosity(conn, PQERRORS_VERBOSE); /* so that a refused login shows its SQLSTATE */
    if (PQstatus(conn) == CONNECTION_BAD) {
        rv_code rc = rv_pg_fail_connect(conn, err);
        PQfinish(conn);
        return rc;
    }
    *out = conn;
    return RV_OK;
}
