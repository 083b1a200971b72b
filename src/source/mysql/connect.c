/* connect.c - a session with a server: the handshake, TLS, and what kind of server answers.
 *
 * The client library takes nothing from option files unless it is asked to, and is never asked to. By default it
 * would go on in plain text where a server has no TLS, so whatever mode of TLS is wanted is both enforced in the
 * library and looked at afterwards. Passwords in the clear (the plugin for PAM, LDAP and cloud tokens) are only ever
 * sent to a server whose certificate was verified. */
#include "internal.h"

#include "source/sql/farewell.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    DEFAULT_PORT = 3306,
    DEFAULT_CONNECT_S = 30,
};

/* ---- where to ---- */

typedef struct address {
    const char *host;   /* NULL: a socket */
    const char *socket; /* its path */
    int port;
} address;

/* The library takes a host with '=' for a list of options, one with "://" for a plugin and commas for several hosts. */
static rv_code find_address(const rv_source_config *cfg, address *out, rv_error *err)
{
    const char *host = cfg->host != NULL && cfg->host[0] != '\0' ? cfg->host : "localhost";
    *out = (address){.port = cfg->port > 0 ? cfg->port : DEFAULT_PORT};
    if (host[0] == '/') {
        out->socket = host;
        return RV_OK;
    }
    if (strpbrk(host, "=,;/ ") != NULL)
        return rv_fail(err, RV_E_CONFIG_VALUE, "'%s' is no name or address of a host", host);
    out->host = host;
    return RV_OK;
}

/* The library loads plugins that log in from where this variable says, whatever its options say. */
static rv_code refuse_environment(rv_error *err)
{
    static const char stronger[] = "MARIADB_PLUGIN_DIR";
    if (getenv(stronger) == NULL)
        return RV_OK;
    rv_fail(err, RV_E_CONFIG_VALUE, "the environment variable %s would overrule the configuration", stronger);
    rv_hint(err, "unset %s: Rivet takes the connection from its configuration alone", stronger);
    return RV_E_CONFIG_VALUE;
}

/* ---- TLS ---- */

typedef enum tls_check { TLS_NONE = 0, TLS_UNVERIFIED, TLS_VERIFIED_CA, TLS_VERIFIED_HOST } tls_check;

static tls_check wanted_tls(const rv_tls_config *tls)
{
    switch (tls->mode) {
    case RV_TLS_UNSET:
    case RV_TLS_DISABLE:
        return TLS_NONE;
    case RV_TLS_REQUIRE:
        return tls->ca_file != NULL && !tls->accept_invalid_certs ? TLS_VERIFIED_CA : TLS_UNVERIFIED;
    case RV_TLS_VERIFY_CA:
        return tls->accept_invalid_certs ? TLS_UNVERIFIED : TLS_VERIFIED_CA;
    case RV_TLS_VERIFY_FULL:
        if (tls->accept_invalid_certs)
            return TLS_UNVERIFIED;
        return tls->accept_invalid_hostnames ? TLS_VERIFIED_CA : TLS_VERIFIED_HOST;
    }
    return TLS_VERIFIED_HOST;
}

static rv_code set_tls(MYSQL *conn, const rv_tls_config *tls, const address *to, rv_error *err)
{
    tls_check check = wanted_tls(tls);
    my_bool on = 1;
    RV_TRY(rv_tls_check_host(tls, to->host != NULL ? to->host : to->socket, err));
    if (check == TLS_NONE)
        return RV_OK;
    mysql_optionsv(conn, MYSQL_OPT_SSL_ENFORCE, &on);
    mysql_optionsv(conn, MARIADB_OPT_TLS_VERSION, "TLSv1.2,TLSv1.3");
    if (check >= TLS_VERIFIED_CA) {
        const char *ca_file = NULL;
        RV_TRY(rv_tls_find_ca_file(tls, &ca_file, err));
        if (access(ca_file, R_OK) != 0)
            return rv_fail(err, RV_E_SOURCE_TLS, "the file of trusted certificates '%s' cannot be read",
                           ca_file);
        mysql_optionsv(conn, MYSQL_OPT_SSL_CA, ca_file);
    }
    if (check == TLS_VERIFIED_HOST)
        mysql_optionsv(conn, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &on);
    return RV_OK;
}

/* ---- options ---- */

static const char *login_plugins(const rv_tls_config *tls)
{
    return wanted_tls(tls) >= TLS_VERIFIED_CA
               ? "mysql_native_password,caching_sha2_password,sha256_password,client_ed25519,mysql_clear_"
                 "password"
               : "mysql_native_password,caching_sha2_password,sha256_password,client_ed25519";
}

static rv_code set_options(MYSQL *conn, const rv_source_config *cfg, const address *to, rv_error *err)
{
    unsigned timeout_s = (unsigned)(cfg->connect_timeout_s > 0 ? cfg->connect_timeout_s : DEFAULT_CONNECT_S);
    unsigned off = 0, protocol = to->host != NULL ? MYSQL_PROTOCOL_TCP : MYSQL_PROTOCOL_SOCKET;
    size_t max_packet = RVI_MY_MAX_PACKET;
    my_bool no = 0;
    bool named = cfg->application_name != NULL && cfg->application_name[0] != '\0';
    mysql_optionsv(conn, MYSQL_OPT_PROTOCOL, &protocol);
    mysql_optionsv(conn, MYSQL_OPT_CONNECT_TIMEOUT, &timeout_s);
    mysql_optionsv(conn, MYSQL_OPT_LOCAL_INFILE, &off);
    mysql_optionsv(conn, MYSQL_OPT_RECONNECT, &no);
    mysql_optionsv(conn, MYSQL_REPORT_DATA_TRUNCATION, &no);
    mysql_optionsv(conn, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    mysql_optionsv(conn, MYSQL_OPT_MAX_ALLOWED_PACKET, &max_packet);
    mysql_optionsv(conn, MARIADB_OPT_RESTRICTED_AUTH, login_plugins(&cfg->tls));
    mysql_optionsv(conn, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", named ? cfg->application_name : "rivet");
    mysql_optionsv(conn, MYSQL_OPT_CONNECT_ATTR_ADD, "program_version", RIVET_VERSION);
    return set_tls(conn, &cfg->tls, to, err);
}

/* ---- the handshake ---- */

static rv_code connect_failed(rvi_my *my, const address *to, rv_error *err)
{
    int timeout_s = my->config->connect_timeout_s > 0 ? my->config->connect_timeout_s : DEFAULT_CONNECT_S;
    if (my->stopped == RV_E_SOURCE_TLS) {
        rv_fail(err, RV_E_SOURCE_TLS, "the server offers no TLS although source.tls demands it");
        rv_hint(
            err,
            "set up TLS on the server (or set source.tls.mode: disable, to send everything in the clear)");
        return RV_E_SOURCE_TLS;
    }
    if (my->stopped == RV_E_SOURCE_LOST) {
        rv_fail(err, RV_E_SOURCE_CONNECT, "no connection to \"%s\", port %d within %d s",
                to->host != NULL ? to->host : to->socket, to->port, timeout_s);
        rv_hint(err,
                "check source.host and source.port: does MySQL or MariaDB listen there, and does no firewall "
                "drop what this machine sends?");
        return RV_E_SOURCE_CONNECT;
    }
    rv_code rc = rvi_my_call_failed(my, NULL, err);
    if (rc != RV_E_SOURCE_LOST)
        return rc;
    if (err != NULL)
        err->code = RV_E_SOURCE_CONNECT;
    return RV_E_SOURCE_CONNECT;
}

/* What a mode of TLS promises is checked where it counts: the library has changed its mind on defaults before. */
static rv_code check_tls(rvi_my *my, rv_error *err)
{
    if (wanted_tls(&my->config->tls) == TLS_NONE || mysql_get_ssl_cipher(my->conn) != NULL)
        return RV_OK;
    return rv_fail(err, RV_E_SOURCE_TLS, "the connection is not encrypted although source.tls demands it");
}

/* The library reads TLS from a socket that blocks, and asks our hook only where a read would have blocked. */
static rv_code unblock(rvi_my *my, rv_error *err)
{
    int fd = (int)mysql_get_socket(my->conn), flags = fcntl(fd, F_GETFL);
    if (flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0)
        return RV_OK;
    return rv_fail(err, RV_E_SOURCE_CONNECT, "the connection's socket cannot be used without blocking");
}

static rv_code shake_hands(rvi_my *my, const address *to, int64_t deadline_us, rv_error *err)
{
    const rv_source_config *cfg = my->config;
    const char *password = cfg->password != NULL ? rv_secret_reveal(cfg->password) : NULL;
    if (password != NULL && strlen(password) != rv_secret_len(cfg->password))
        return rv_fail(err, RV_E_SOURCE_AUTH, "the password holds a zero byte, which cannot be sent");
    if (cfg->user == NULL || cfg->user[0] == '\0') {
        rv_fail(err, RV_E_SOURCE_AUTH, "no user is given to connect as");
        rv_hint(err, "set source.user");
        return RV_E_SOURCE_AUTH;
    }
    RV_TRY(rvi_my_check_stop(my, err));
    my->wants_tls = wanted_tls(&cfg->tls) != TLS_NONE;
    rvi_my_enter(my, deadline_us);
    MYSQL *connected = mysql_real_connect(my->conn, to->host, cfg->user, password, cfg->database,
                                          (unsigned)to->port, to->socket, 0);
    rvi_my_leave();
    if (connected == NULL)
        return connect_failed(my, to, err);
    RV_TRY(check_tls(my, err));
    my->greeted = true;
    my->number = mysql_thread_id(my->conn);
    return unblock(my, err);
}

rv_code rvi_my_connect(rvi_my *my, int64_t deadline_us, rv_error *err)
{
    address to = {.port = 0};
    RV_TRY(refuse_environment(err));
    RV_TRY(find_address(my->config, &to, err));
    my->conn = mysql_init(NULL);
    if (my->conn == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "a connection to MySQL");
    mysql_optionsv(my->conn, MARIADB_OPT_IO_WAIT, rvi_my_on_wait_for_rows);
    rv_code rc = set_options(my->conn, my->config, &to, err);
    if (rc == RV_OK)
        rc = shake_hands(my, &to, deadline_us, err);
    if (rc != RV_OK) {
        rvi_my_drop(my);
        return rc;
    }
    rvi_my_take_rows(my);
    return RV_OK;
}

/* ---- what kind of server this is ---- */

static void describe_tls(rvi_my *my)
{
    const char *version = NULL, *checked = "certificate not verified";
    tls_check check = wanted_tls(&my->config->tls);
    if (check == TLS_NONE)
        return;
    (void)mariadb_get_infov(my->conn, MARIADB_CONNECTION_TLS_VERSION, &version);
    if (check == TLS_VERIFIED_HOST)
        checked = "certificate verified for ";
    else if (check == TLS_VERIFIED_CA)
        checked = "certificate verified, host name not";
    snprintf(my->tls_detail, sizeof my->tls_detail, "%s, %s%s", version != NULL ? version : "TLS", checked,
             check == TLS_VERIFIED_HOST && my->config->host != NULL ? my->config->host : "");
}

static rv_code ask_charset(rvi_my *my, char *out, size_t size, rv_error *err)
{
    RV_AUTO(mysql_free_result) MYSQL_RES *result = NULL;
    RV_TRY(rvi_my_ask(my, "SELECT @@character_set_results", &result, err));
    MYSQL_ROW row = mysql_fetch_row(result);
    (void)snprintf(out, size, "%s", row != NULL && row[0] != NULL ? row[0] : "it is stored");
    return RV_OK;
}

/* A server may be told to ignore the character set of the handshake (skip-character-set-client-handshake). Only then it
 * is set once more: that would change the collation as well, for whoever gets the connection from a proxy next. */
static rv_code check_charset(rvi_my *my, rv_error *err)
{
    enum { NAME_BYTES = 64 };
    static const char wanted[] = "utf8mb4";
    char name[NAME_BYTES];
    RV_TRY(ask_charset(my, name, sizeof name, err));
    if (strcmp(name, wanted) == 0)
        return RV_OK;
    RV_TRY(rvi_my_run(my, "SET NAMES utf8mb4", rvi_my_control_deadline(), err));
    RV_TRY(ask_charset(my, name, sizeof name, err));
    if (strcmp(name, wanted) == 0)
        return RV_OK;
    return rv_fail(err, RV_E_SOURCE_UNSUPPORTED, "the server sends text as %s although utf8mb4 was asked for",
                   name);
}

static rv_code greet(rvi_my *my, rv_error *err)
{
    my->mariadb = mariadb_connection(my->conn) != 0;
    my->version = (int)mysql_get_server_version(my->conn);
    RV_TRY(check_charset(my, err));
    return rvi_my_find_pooler(my, err);
}

rv_code rvi_my_open(rv_source **out, const rv_source_config *cfg, rv_cancel *cancel, rv_error *err)
{
    int timeout_s = cfg->connect_timeout_s > 0 ? cfg->connect_timeout_s : DEFAULT_CONNECT_S;
    rvi_my *my = calloc(1, sizeof *my);
    if (my == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "a connection to MySQL");
    my->base.cancel = cancel;
    my->config = cfg;
    my->undo = RV_BYTES_INIT(RVI_MY_SQL_BYTES);
    atomic_init(&my->interrupted, false);
    rv_code rc = rvi_my_connect(my, rvi_my_now_us() + (int64_t)timeout_s * 1000000, err);
    if (rc == RV_OK)
        rc = greet(my, err);
    if (rc != RV_OK) {
        rvi_my_close(&my->base);
        return rc;
    }
    describe_tls(my);
    *out = &my->base;
    return RV_OK;
}

void rvi_my_close(rv_source *source)
{
    rvi_my *my = (rvi_my *)source;
    if (my == NULL)
        return;
    if (my->begun && my->pooled) /* the server connection lives on, and so would its settings */
        rvi_my_txn_end(my);
    bool at_rest = my->conn != NULL && my->in_flight == NULL;
    int held = at_rest ? rvi_sql_hold((int)mysql_get_socket(my->conn)) : -1;
    rvi_my_drop(my);
    rvi_sql_see_off(held);
    rv_bytes_deinit(&my->undo);
    free(my);
}
