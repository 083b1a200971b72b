/* url.c - connection URLs.
 *
 *   postgresql://user:password@host:port/database?sslmode=verify-full  (RFC 3986, 3; libpq manual, 34.1.1.2)
 *   sqlite:///absolute.db   sqlite://relative.db   sqlite:relative.db
 *
 * The text is cut at its raw delimiters first and percent-decoded afterwards, piece by piece, so that an
 * encoded delimiter never cuts. An unencoded one in a password can move the cuts; whatever then looks like
 * host or database may be a piece of the password, so no message repeats anything after the scheme, and
 * characters that such a mistake would leave behind are refused. */
#include "config/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A piece of the URL, not decoded. */
typedef struct span {
    const char *start;
    size_t len;
} span;

typedef struct url_parts {
    span user, password, host, port, database;
    bool has_user, has_password, has_port, has_database;
} url_parts;

typedef struct url_parser {
    rv_arena *arena;
    rv_redactor *redactor;
    rv_source_config *source;
    rv_error *err;
} url_parser;

static const struct {
    const char *scheme, *kind;
} schemes[] = {
    {"postgresql", "postgres"}, {"postgres", "postgres"}, {"sqlite", "sqlite"}, {"mysql", "mysql"},
    {"mariadb", "mysql"},       {"sqlserver", "mssql"},   {"mssql", "mssql"},
};
enum { N_SCHEMES = sizeof schemes / sizeof schemes[0] };

static rv_code refuse(const url_parser *p, const char *problem)
{
    (void)rv_fail(p->err, RV_E_CONFIG_VALUE, "the connection URL %s", problem);
    return RV_E_CONFIG_VALUE;
}

static rv_code out_of_memory(const url_parser *p)
{
    (void)rv_fail(p->err, RV_E_OUT_OF_MEMORY, "the connection URL");
    return RV_E_OUT_OF_MEMORY;
}

/* Cut `from` at the first (or last) `delimiter`; false: there is none. `from` keeps what is before it. */
static bool cut(span *from, char delimiter, span *after)
{
    const char *found = memchr(from->start, delimiter, from->len);
    if (!found)
        return false;
    *after = (span){found + 1, from->len - (size_t)(found - from->start) - 1};
    from->len = (size_t)(found - from->start);
    return true;
}

/* The same at the last one; `from` keeps what is after it. */
static bool cut_last(span *from, char delimiter, span *before)
{
    for (size_t i = from->len; i > 0; i--) {
        if (from->start[i - 1] != delimiter)
            continue;
        *before = (span){from->start, i - 1};
        *from = (span){from->start + i, from->len - i};
        return true;
    }
    return false;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Percent-decode into `out`, which has room for from.len + 1 bytes. */
static rv_code decode(const url_parser *p, span from, char *out, size_t *out_len)
{
    size_t len = 0;
    for (size_t i = 0; i < from.len; i++) {
        char c = from.start[i];
        if (c == '%') {
            int high = i + 2 < from.len ? hex_value(from.start[i + 1]) : -1;
            int low = i + 2 < from.len ? hex_value(from.start[i + 2]) : -1;
            if (high < 0 || low < 0)
                return refuse(
                    p, "has a '%' that is not followed by two hexadecimal digits (a literal % is %25)");
            c = (char)(high * 16 + low);
            i += 2;
            if (c == '\0')
                return refuse(p, "contains %00");
        }
        out[len++] = c;
    }
    out[len] = '\0';
    *out_len = len;
    return RV_OK;
}

static rv_code decode_text(const url_parser *p, span from, const char **out)
{
    size_t len = 0;
    char *text = rv_arena_alloc(p->arena, from.len + 1, 1);
    if (!text)
        return out_of_memory(p);
    RV_TRY(decode(p, from, text, &len));
    *out = text;
    return RV_OK;
}

static rv_code decode_password(const url_parser *p, span from)
{
    size_t len = 0;
    char *bytes = malloc(from.len + 1);
    if (!bytes)
        return out_of_memory(p);
    RV_AUTO(rv_secret_free) rv_secret *secret = NULL;
    rv_code rc = decode(p, from, bytes, &len);
    if (rc == RV_OK)
        rc = rv_secret_new(&secret, bytes, len, p->err);
    rv_wipe(bytes, from.len + 1);
    free(bytes);
    RV_TRY(rc);
    if (p->redactor)
        RV_TRY(rv_redactor_add(p->redactor, secret, p->err));
    RV_MOVE(&p->source->password, secret);
    return RV_OK;
}

static rv_code parse_port(const url_parser *p, span port)
{
    char digits[8];
    int64_t value = 0;
    if (port.len == 0)
        return RV_OK; /* "host:" means the usual port: RFC 3986, 3.2.3 */
    if (port.len < sizeof digits) {
        memcpy(digits, port.start, port.len);
        digits[port.len] = '\0';
    }
    if (port.len >= sizeof digits || !rvi_parse_int(digits, &value) || value < 1 || value > 65535)
        return refuse(p,
                      "has no valid port after the host; in a password, write / as %2F, ? as %3F, @ as %40");
    p->source->port = (int)value;
    return RV_OK;
}

/* What no part has unless an unencoded character cut the URL in a wrong place. */
static bool has_stray_delimiter(span part)
{
    return memchr(part.start, '@', part.len) || memchr(part.start, '/', part.len) ||
           memchr(part.start, ':', part.len);
}

/* [user[:password]@]host[:port] */
static rv_code split_authority(const url_parser *p, span authority, url_parts *out)
{
    out->host = authority;
    out->has_user = cut_last(&out->host, '@', &out->user);
    if (out->has_user)
        out->has_password = cut(&out->user, ':', &out->password);
    if (out->host.len > 0 && out->host.start[0] == '[') { /* an IPv6 address: RFC 3986, 3.2.2 */
        span rest;
        if (!cut(&out->host, ']', &rest))
            return refuse(p, "has a '[' without ']' in the host");
        out->host = (span){out->host.start + 1, out->host.len - 1};
        if (rest.len > 0 && rest.start[0] != ':')
            return refuse(p, "has text after the ']' of the host");
        out->has_port = rest.len > 0;
        if (rest.len > 0)
            out->port = (span){rest.start + 1, rest.len - 1};
        return RV_OK;
    }
    out->has_port = cut(&out->host, ':', &out->port);
    if (memchr(out->host.start, ',', out->host.len))
        return refuse(p, "names several hosts, which is not supported");
    return RV_OK;
}

static rv_code fill_server(const url_parser *p, const url_parts *parts)
{
    rv_source_config *source = p->source;
    if (parts->has_database && has_stray_delimiter(parts->database))
        return refuse(p, "has '/', '@' or ':' after the host; in a password or database, write / as %2F, "
                         "@ as %40, : as %3A");
    if (parts->has_user && parts->user.len > 0)
        RV_TRY(decode_text(p, parts->user, &source->user));
    if (parts->has_password && parts->password.len > 0)
        RV_TRY(decode_password(p, parts->password));
    if (parts->host.len > 0)
        RV_TRY(decode_text(p, parts->host, &source->host));
    if (parts->has_port)
        RV_TRY(parse_port(p, parts->port));
    if (parts->has_database && parts->database.len > 0)
        RV_TRY(decode_text(p, parts->database, &source->database));
    return RV_OK;
}

/* ---- parameters ---------------------------------------------------------------------------------------- */

static rv_code set_tls_mode(const url_parser *p, const char *value)
{
    const rvi_name *name = rvi_name_find(RVI_SET_TLS_MODE, value);
    if (name) {
        p->source->tls.mode = (rv_tls_mode)name->value;
        return RV_OK;
    }
    if (strcmp(value, "allow") == 0 || strcmp(value, "prefer") == 0)
        return refuse(p,
                      "has an sslmode that falls back to plain text; use require, verify-ca or verify-full");
    return refuse(p, "has an unknown sslmode; allowed: disable, require, verify-ca, verify-full");
}

static rv_code set_ca_file(const url_parser *p, const char *value)
{
    /* "system" is libpq's word for the system's authorities (16.0, sslrootcert). */
    p->source->tls.ca_file = strcmp(value, "system") == 0 ? NULL : value;
    return RV_OK;
}

static rv_code set_host(const url_parser *p, const char *value)
{
    if (p->source->host)
        return refuse(p, "names the host twice");
    p->source->host = value;
    return RV_OK;
}

static rv_code set_port(const url_parser *p, const char *value)
{
    return parse_port(p, (span){value, strlen(value)});
}

static rv_code set_user(const url_parser *p, const char *value)
{
    if (p->source->user)
        return refuse(p, "names the user twice");
    p->source->user = value;
    return RV_OK;
}

static rv_code set_database(const url_parser *p, const char *value)
{
    if (p->source->database)
        return refuse(p, "names the database twice");
    p->source->database = value;
    return RV_OK;
}

static rv_code set_application_name(const url_parser *p, const char *value)
{
    p->source->application_name = value;
    return RV_OK;
}

static rv_code set_connect_timeout(const url_parser *p, const char *value)
{
    int64_t seconds = 0;
    if (!rvi_parse_int(value, &seconds) || seconds < 1 || seconds > 3600)
        return refuse(p, "has a connect_timeout that is not 1 to 3600 seconds");
    p->source->connect_timeout_s = (int)seconds;
    return RV_OK;
}

static const struct {
    const char *name;
    rv_code (*set)(const url_parser *p, const char *value);
} parameters[] = {
    {"sslmode", set_tls_mode},
    {"sslrootcert", set_ca_file},
    {"host", set_host},
    {"port", set_port},
    {"user", set_user},
    {"dbname", set_database},
    {"application_name", set_application_name},
    {"connect_timeout", set_connect_timeout},
};
enum { N_PARAMETERS = sizeof parameters / sizeof parameters[0] };

static rv_code parse_parameter(const url_parser *p, span parameter)
{
    span encoded;
    const char *name = NULL, *value = NULL;
    if (!cut(&parameter, '=', &encoded))
        return refuse(p, "has a parameter without '='; in a password, write ? as %3F");
    RV_TRY(decode_text(p, parameter, &name));
    for (size_t i = 0; i < N_PARAMETERS; i++) {
        if (strcmp(name, parameters[i].name) != 0)
            continue;
        RV_TRY(decode_text(p, encoded, &value));
        return parameters[i].set(p, value);
    }
    return refuse(
        p, "has a parameter that is not supported; known: sslmode, sslrootcert, host, port, user, dbname, "
           "application_name, connect_timeout");
}

static rv_code parse_parameters(const url_parser *p, span query)
{
    while (query.len > 0) {
        span rest = {NULL, 0};
        cut(&query, '&', &rest);
        if (query.len > 0)
            RV_TRY(parse_parameter(p, query));
        query = rest;
    }
    return RV_OK;
}

/* ---- the two forms ------------------------------------------------------------------------------------- */

static rv_code parse_server(const url_parser *p, span rest)
{
    url_parts parts = {.has_user = false};
    span query = {NULL, 0};
    if (rest.len < 2 || memcmp(rest.start, "//", 2) != 0)
        return refuse(p, "has no '//' after its scheme");
    span authority = {rest.start + 2, rest.len - 2};
    cut(&authority, '?', &query);
    parts.has_database = cut(&authority, '/', &parts.database);
    RV_TRY(split_authority(p, authority, &parts));
    RV_TRY(fill_server(p, &parts));
    return parse_parameters(p, query);
}

static rv_code parse_sqlite(const url_parser *p, span rest)
{
    span query = {NULL, 0};
    if (cut(&rest, '?', &query) &&
        !(query.len == strlen("mode=ro") && memcmp(query.start, "mode=ro", 7) == 0))
        return refuse(p, "has parameters; a SQLite file is always opened read-only (a literal ? is %3F)");
    if (rest.len >= 2 && memcmp(rest.start, "//", 2) == 0)
        rest = (span){rest.start + 2, rest.len - 2};
    if (rest.len == 0)
        return refuse(p, "names no file");
    return decode_text(p, rest, &p->source->path);
}

static rv_code parse_scheme(const url_parser *p, const char *url, span *rest)
{
    size_t len = strcspn(url, ":");
    for (size_t i = 0; i < N_SCHEMES && url[len] == ':'; i++) {
        if (strlen(schemes[i].scheme) != len || strncasecmp(schemes[i].scheme, url, len) != 0)
            continue;
        p->source->kind = schemes[i].kind;
        *rest = (span){url + len + 1, strlen(url + len + 1)};
        return RV_OK;
    }
    return refuse(p, "does not begin with postgresql://, postgres://, mysql://, mariadb:// or sqlite:");
}

void rvi_source_defaults(rv_source_config *source)
{
    source->application_name = "rivet";
    source->connect_timeout_s = 30;
}

rv_code rv_source_config_from_url(rv_arena *arena, const char *url, rv_redactor *redactor,
                                  rv_source_config *out, rv_error *err)
{
    rv_source_config source = {.kind = NULL};
    url_parser p = {arena, redactor, &source, err};
    span rest = {NULL, 0};
    for (const char *c = url; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return refuse(&p, "contains a control character, such as a line end");
    rvi_source_defaults(&source);
    RV_TRY(parse_scheme(&p, url, &rest));
    rv_code rc = strcmp(source.kind, "sqlite") == 0 ? parse_sqlite(&p, rest) : parse_server(&p, rest);
    if (rc == RV_OK) {
        source.display = rvi_source_display(arena, &source);
        if (!source.display)
            rc = out_of_memory(&p);
    }
    if (rc != RV_OK) {
        rv_secret_free(source.password);
        return rc;
    }
    *out = source;
    return RV_OK;
}

/* ---- display ------------------------------------------------------------------------------------------- */

/* Percent-encode everything but what cannot be mistaken; returns the number of bytes. `out` may be NULL. */
static size_t encode(const char *text, const char *kept, char *out)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    static const char hex[] = "0123456789ABCDEF";
    size_t len = 0;
    for (const char *c = text; *c; c++) {
        unsigned char byte = (unsigned char)*c;
        bool keep = byte >= 0x80 || strchr(plain, *c) || strchr(kept, *c);
        if (out && keep)
            out[len] = *c;
        else if (out)
            memcpy(out + len, (char[3]){'%', hex[byte >> 4], hex[byte & 15]}, 3);
        len += keep ? 1 : 3;
    }
    return len;
}

static char *encoded(rv_arena *arena, const char *text, const char *kept)
{
    size_t len = encode(text, kept, NULL);
    char *out = rv_arena_alloc(arena, len + 1, 1);
    if (out)
        encode(text, kept, out);
    return out;
}

static const char *display_scheme(const char *kind)
{
    return strcmp(kind, "postgres") == 0 ? "postgresql" : kind;
}

char *rvi_source_display(rv_arena *arena, const rv_source_config *source)
{
    if (source->path) {
        char *path = encoded(arena, source->path, "/ :@");
        return path ? rv_arena_printf(arena, "sqlite:%s", path) : NULL;
    }
    bool ipv6 = source->host && strchr(source->host, ':');
    char *user = encoded(arena, source->user ? source->user : "", "");
    char *host = encoded(arena, source->host ? source->host : "", ipv6 ? ":" : "");
    char *database = encoded(arena, source->database ? source->database : "", "");
    char port[16] = "";
    if (!user || !host || !database)
        return NULL;
    if (source->port > 0)
        (void)snprintf(port, sizeof port, ":%d", source->port);
    return rv_arena_printf(arena, "%s://%s%s%s%s%s%s%s%s", display_scheme(source->kind), user,
                           user[0] ? "@" : "", ipv6 ? "[" : "", host, ipv6 ? "]" : "", port,
                           database[0] ? "/" : "", database);
}
