/* connect.c - from a configuration to a connection, without a say for the environment.
 *
 * libpq fills every parameter that it is not given from PG* variables, ~/.pgpass, ~/.postgresql and service files.
 * An export must not depend on whose shell it runs in, so every parameter that has such a source is given. libpq
 * takes an empty value for "not given", hence the path that cannot exist. Three variables cannot be overruled that
 * way; they, and PGPASSWORD where the configuration has no password, are refused by name rather than obeyed. */
#include "internal.h"

#include "rivet/log.h"

#include <arpa/inet.h>
#include <assert.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    DEFAULT_PORT = 5432,
    DEFAULT_CONNECT_S = 30,
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

/* Nothing leaves this machine: a socket, or the loopback interface. A list of hosts is never taken for local. */
static bool is_local(const char *host)
{
    uint8_t v4[4];
    if (strchr(host, ',') != NULL)
        return false;
    if (host[0] == '/' || host[0] == '@' || strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0)
        return true;
    return inet_pton(AF_INET, host, v4) == 1 && v4[0] == 127;
}

static const char *ssl_mode(const rv_tls_config *tls)
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

/* libpq 15 has no word for the system's certificates ("system" came with 16), so find their bundle. */
static const char *system_ca_file(void)
{
    static const char *const bundles[] = {
        "/etc/ssl/certs/ca-certificates.crt", /* Debian, Ubuntu, Alpine */
        "/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora, RHEL */
        "/etc/ssl/ca-bundle.pem",             /* SUSE */
        "/etc/ssl/cert.pem",                  /* BSD, macOS */
    };
    for (size_t i = 0; i < sizeof bundles / sizeof bundles[0]; i++)
        if (access(bundles[i], R_OK) == 0)
            return bundles[i];
    return NULL;
}

static rv_code set_tls(parameters *p, const rv_tls_config *tls, const char *host, rv_error *err)
{
    const char *mode = ssl_mode(tls), *ca_file = tls->ca_file;
    bool verifies = strncmp(mode, "verify", 6) == 0;
    if (tls->mode == RV_TLS_UNSET && !is_local(host)) {
        rv_fail(err, RV_E_SOURCE_TLS,
                "'%s' is another machine and source.tls is not set: nothing would be encrypted", host);
        rv_hint(err, "set source.tls.mode: verify-full (or disable, to send data and password in the clear)");
        return RV_E_SOURCE_TLS;
    }
    if (verifies && ca_file == NULL)
        ca_file = system_ca_file();
    if (verifies && ca_file == NULL) {
        rv_fail(err, RV_E_SOURCE_TLS,
                "the system has no bundle of trusted certificates to verify the server with");
        rv_hint(err, "set source.tls.ca_file, or install the package ca-certificates");
        return RV_E_SOURCE_TLS;
    }
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
    snprintf(p->timeout, sizeof p->timeout, "%d",
             cfg->connect_timeout_s > 0 ? cfg->connect_timeout_s : DEFAULT_CONNECT_S);
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

/* ---- the handshake ---- */

static rv_code handshake(rvi_pg *pg, int64_t deadline_us, int timeout_s, rv_error *err)
{
    PostgresPollingStatusType next = PGRES_POLLING_WRITING;
    for (;;) {
        if (next == PGRES_POLLING_OK)
            return RV_OK;
        if (next == PGRES_POLLING_FAILED)
            return rvi_pg_fail_connect(pg->conn, err);
        rv_code rc = rvi_pg_wait(pg, next == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline_us, err);
        if (rc == RV_E_SOURCE_LOST)
            return rv_fail(err, RV_E_SOURCE_CONNECT, "no connection to \"%s\", port %s within %d s",
                           PQhost(pg->conn), PQport(pg->conn), timeout_s);
        RV_TRY(rc);
        next = PQconnectPoll(pg->conn);
    }
}

static void log_notice(void *context, const char *message)
{
    char line[512];
    (void)context;
    rvi_pg_one_line(line, sizeof line, message);
    rv_log(RV_LOG_DEBUG, "PostgreSQL: %s", line);
}

static rv_code start(rvi_pg *pg, const rv_source_config *cfg, rv_error *err)
{
    parameters p = {.n = 0};
    int timeout_s = cfg->connect_timeout_s > 0 ? cfg->connect_timeout_s : DEFAULT_CONNECT_S;
    RV_TRY(set_parameters(&p, cfg, err));
    int64_t deadline_us = rvi_pg_now_us() + (int64_t)timeout_s * 1000000;
    /* Resolves the host's name, the one thing here that blocks; the resolver has its own time limits. */
    pg->conn = PQconnectStartParams(p.keywords, p.values, 0);
    if (pg->conn == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "a connection to PostgreSQL");
    PQsetNoticeProcessor(pg->conn, log_notice, NULL);
    PQsetErrorVerbosity(pg->conn, PQERRORS_VERBOSE); /* so that a refused login shows its SQLSTATE */
    if (PQstatus(pg->conn) == CONNECTION_BAD)
        return rvi_pg_fail_connect(pg->conn, err);
    pg->sent_us = rvi_pg_now_us();
    RV_TRY(handshake(pg, deadline_us, timeout_s, err));
    PQsetErrorVerbosity(pg->conn, PQERRORS_DEFAULT);
    if (PQsetnonblocking(pg->conn, 1) != 0)
        return rvi_pg_fail_connect(pg->conn, err);
    return RV_OK;
}

/* ---- what kind of server this is ---- */

/* A pooler takes logins itself: only a statement shows that a server is there, and which process answers. */
static rv_code greet(rvi_pg *pg, rv_error *err)
{
    rvi_pg_statement hello = {.sql = "SELECT pg_catalog.pg_backend_pid(), pg_catalog.version()"};
    RV_AUTO(PQclear) PGresult *result = NULL;
    RV_TRY(rvi_pg_query(pg, &hello, rvi_pg_control_deadline(), &result, err));
    pg->version = PQserverVersion(pg->conn);
    /* The login's process id is what a pooler made up, or that of a server we no longer talk to. */
    int login_pid = PQbackendPID(pg->conn);
    pg->pooled = login_pid != 0 && login_pid != strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    /* config.sgml, client_connection_check_interval: needs POLLRDHUP of the server's system; an error elsewhere. */
    pg->watches_client = pg->version >= 140000 && strstr(PQgetvalue(result, 0, 1), "linux") != NULL;
    const char *stored_as = PQparameterStatus(pg->conn, "server_encoding");
    pg->raw_text = stored_as != NULL && strcmp(stored_as, "SQL_ASCII") == 0;
    const char *encoding = PQparameterStatus(pg->conn, "client_encoding");
    if (encoding != NULL && strcmp(encoding, "UTF8") != 0)
        return rv_fail(err, RV_E_SOURCE_UNSUPPORTED,
                       "the server sends text as %s although UTF8 was asked for", encoding);
    return RV_OK;
}

static void describe_tls(rvi_pg *pg, const rv_source_config *cfg)
{
    if (!PQsslInUse(pg->conn))
        return;
    const char *protocol = PQsslAttribute(pg->conn, "protocol"), *mode = ssl_mode(&cfg->tls);
    const char *checked = "certificate not verified";
    if (strcmp(mode, "verify-full") == 0)
        checked = "certificate verified for ";
    else if (strcmp(mode, "verify-ca") == 0)
        checked = "certificate verified, host name not";
    snprintf(pg->tls_detail, sizeof pg->tls_detail, "%s, %s%s", protocol != NULL ? protocol : "TLS", checked,
             strcmp(mode, "verify-full") == 0 ? PQhost(pg->conn) : "");
}

rv_code rvi_pg_open(rv_source **out, const rv_source_config *cfg, rv_cancel *cancel, rv_error *err)
{
    rvi_pg *pg = calloc(1, sizeof *pg);
    if (pg == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "a connection to PostgreSQL");
    pg->base.cancel = cancel;
    pg->money_scale = -1;
    atomic_init(&pg->interrupted, false);
    rv_code rc = start(pg, cfg, err);
    if (rc == RV_OK)
        rc = greet(pg, err);
    if (rc != RV_OK) {
        rvi_pg_close(&pg->base);
        return rc;
    }
    describe_tls(pg, cfg);
    *out = &pg->base;
    return RV_OK;
}

void rvi_pg_close(rv_source *source)
{
    rvi_pg *pg = (rvi_pg *)source;
    if (pg == NULL)
        return;
    PQfinish(pg->conn); /* NULL is fine */
    free(pg);
}
