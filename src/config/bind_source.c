/* bind_source.c - `source:` to rv_source_config. The one step where environment and files give up secrets. */
#include "config/internal.h"

#include <string.h>

const char *rvi_keep(rvi_loader *loader, const char *text)
{
    if (!text)
        return NULL;
    const char *copy = rv_arena_strdup(loader->config->arena, text);
    if (!copy)
        loader->report.out_of_memory = true;
    return copy;
}

rv_code rvi_redact_bytes(rv_redactor *redactor, const char *bytes, size_t len, rv_error *err)
{
    RV_AUTO(rv_secret_free) rv_secret *secret = NULL;
    if (!redactor || len == 0)
        return RV_OK;
    RV_TRY(rv_secret_new(&secret, bytes, len, err));
    return rv_redactor_add(redactor, secret, err);
}

void rvi_report_error(rvi_loader *loader, rvi_node *node, const rv_error *err)
{
    if (err->code == RV_E_OUT_OF_MEMORY)
        loader->report.out_of_memory = true;
    else
        rvi_problem(&loader->report, node, err->code, "%s", err->message);
}

static const char *variable(rvi_loader *loader, rvi_node *node)
{
    const char *value = rvi_env_get(&loader->env, node->text);
    char name[RVI_ECHO_BYTES];
    if (!value)
        rvi_problem(&loader->report, node, RV_E_CONFIG_UNSET_VARIABLE,
                    "the environment variable %s is not set", rvi_echo(node, name));
    else if (value[0] == '\0')
        rvi_problem(&loader->report, node, RV_E_CONFIG_VALUE, "the environment variable %s is empty",
                    rvi_echo(node, name));
    return value && value[0] != '\0' ? value : NULL;
}

static const char *driver_kind(int driver)
{
    static const char *const kinds[] = {[RVI_DRIVER_POSTGRES] = "postgres",
                                        [RVI_DRIVER_SQLITE] = "sqlite",
                                        [RVI_DRIVER_MYSQL] = "mysql",
                                        [RVI_DRIVER_MSSQL] = "mssql"};
    return driver > 0 ? kinds[driver] : kinds[RVI_DRIVER_POSTGRES];
}

/* The scheme decides what the type has to be. */
static void check_kind(rvi_loader *loader, const rvi_node *source, rvi_node *place, const char *kind)
{
    rvi_node *type = rvi_child(source, RVI_K_SOURCE_TYPE);
    int driver = type && !type->bad ? rvi_word(source, RVI_K_SOURCE_TYPE) : 0;
    if (driver > 0 && strcmp(driver_kind(driver), kind) != 0)
        rvi_problem(&loader->report, type, RV_E_CONFIG_VALUE,
                    "the connection URL is one of '%s', not of '%s'", kind, driver_kind(driver));
    else if (rvi_name_find(RVI_SET_SOURCE_TYPE, kind)->flags & RVI_LATER && !(type && type->bad))
        rvi_problem(&loader->report, place, RV_E_CONFIG_NOT_SUPPORTED_YET,
                    "sources of type '%s' are not supported by this version of Rivet", kind);
}

/* A URL that failed, or that holds a password, must not be seen as a whole either. */
static void hide_url(rvi_loader *loader, const char *url)
{
    if (rvi_redact_bytes(loader->redactor, url, strlen(url), NULL) != RV_OK)
        loader->report.out_of_memory = true;
}

static void bind_url(rvi_loader *loader, const rvi_node *source, rvi_node *place, const char *url)
{
    rv_error err = {0};
    rv_source_config *out = &loader->config->source;
    rv_code rc = rv_source_config_from_url(loader->config->arena, url, loader->redactor, out, &err);
    if (rc != RV_OK || out->password)
        hide_url(loader, url);
    if (rc != RV_OK) {
        rvi_report_error(loader, place, &err);
        return;
    }
    check_kind(loader, source, place, out->kind);
    if (out->password && place->key->id == RVI_K_SOURCE_URL && !place->expanded)
        rvi_warning(&loader->report, place, NULL, RV_E_CONFIG_VALUE,
                    "the password is written out in the file; better use 'url_env', 'url_file' or ${VAR}");
}

static void trim(char **text, size_t *len)
{
    static const char white[] = " \t\r\n";
    size_t skipped = strspn(*text, white);
    *text += skipped;
    *len = strlen(*text);
    while (*len > 0 && strchr(white, (*text)[*len - 1]))
        (*text)[--*len] = '\0';
}

static void bind_url_file(rvi_loader *loader, const rvi_node *source, rvi_node *node)
{
    rv_error err = {0};
    char *bytes = NULL;
    size_t len = 0;
    if (loader->files == RVI_FILES_REFUSED) {
        rvi_problem(&loader->report, node, RV_E_CONFIG_UNREADABLE, "files are not read here");
        return;
    }
    const char *path = rvi_path_join(loader->config->arena, loader->config->directory, node->text);
    if (!path) {
        loader->report.out_of_memory = true;
        return;
    }
    if (rvi_file_read(path, RVI_URL_FILE_MAX_BYTES, &bytes, &len, &err) != RV_OK) {
        rvi_report_error(loader, node, &err);
        return;
    }
    char *url = bytes;
    size_t url_len = 0;
    trim(&url, &url_len);
    if (url_len == 0 || strlen(bytes) < (size_t)(url - bytes) + url_len)
        rvi_problem(&loader->report, node, RV_E_CONFIG_VALUE, "the file is empty");
    else
        bind_url(loader, source, node, url);
    rvi_file_free(bytes, len);
}

static void bind_password(rvi_loader *loader, const rvi_node *source)
{
    rvi_node *inline_password = rvi_child(source, RVI_K_SOURCE_PASSWORD);
    rvi_node *by_name = rvi_child(source, RVI_K_SOURCE_PASSWORD_ENV);
    const char *value = NULL;
    if (inline_password && !inline_password->bad)
        value = inline_password->text;
    else if (by_name && !by_name->bad)
        value = variable(loader, by_name);
    if (!value)
        return;
    rv_secret *secret = NULL;
    if (rv_secret_new(&secret, value, strlen(value), NULL) != RV_OK ||
        (loader->redactor && rv_redactor_add(loader->redactor, secret, NULL) != RV_OK))
        loader->report.out_of_memory = true;
    loader->config->source.password = secret;
}

static void bind_server(rvi_loader *loader, const rvi_node *source)
{
    rv_source_config *out = &loader->config->source;
    rvi_source_defaults(out);
    out->kind = driver_kind(rvi_word(source, RVI_K_SOURCE_TYPE));
    out->host = rvi_keep(loader, rvi_text(source, RVI_K_SOURCE_HOST));
    out->port = (int)rvi_int(source, RVI_K_SOURCE_PORT);
    out->user = rvi_keep(loader, rvi_text(source, RVI_K_SOURCE_USER));
    out->database = rvi_keep(loader, rvi_text(source, RVI_K_SOURCE_DATABASE));
    bind_password(loader, source);
}

static void bind_sqlite_path(rvi_loader *loader, const rvi_node *source)
{
    rv_source_config *out = &loader->config->source;
    rvi_source_defaults(out);
    out->kind = "sqlite";
    out->path = rvi_keep(loader, rvi_text(source, RVI_K_SOURCE_PATH));
}

/* A tls block and an sslmode in the URL have to say the same. */
static void bind_tls(rvi_loader *loader, const rvi_node *source)
{
    rv_source_config *out = &loader->config->source;
    rvi_node *tls = rvi_child(source, RVI_K_SOURCE_TLS);
    if (!tls || tls->kind != RVI_NODE_MAP)
        return;
    if (out->path) {
        rvi_problem_at_key(&loader->report, tls, RV_E_CONFIG_EXCLUSIVE,
                           "'tls' means nothing for a SQLite file");
        return;
    }
    rv_tls_mode mode = (rv_tls_mode)rvi_word(tls, RVI_K_TLS_MODE);
    if (out->tls.mode != RV_TLS_UNSET && out->tls.mode != mode)
        rvi_problem_at_key(
            &loader->report, tls, RV_E_CONFIG_EXCLUSIVE,
            "'tls' and the sslmode of the connection URL contradict each other; give one of them");
    const char *ca_file = rvi_text(tls, RVI_K_TLS_CA_FILE);
    out->tls.mode = mode;
    if (ca_file)
        out->tls.ca_file = ca_file;
    out->tls.accept_invalid_certs = rvi_bool(tls, RVI_K_TLS_ACCEPT_INVALID_CERTS);
    out->tls.accept_invalid_hostnames = rvi_bool(tls, RVI_K_TLS_ACCEPT_INVALID_HOSTNAMES);
}

/* Relative paths of the source start at the configuration's folder, wherever Rivet is started. */
static void apply_folder(rvi_loader *loader)
{
    rv_source_config *out = &loader->config->source;
    const char **paths[] = {&out->path, &out->tls.ca_file};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        if (!*paths[i])
            continue;
        *paths[i] = rvi_path_join(loader->config->arena, loader->config->directory, *paths[i]);
        if (!*paths[i])
            loader->report.out_of_memory = true;
    }
}

static bool usable(const rvi_node *node)
{
    return node && !node->bad && node->kind == RVI_NODE_SCALAR;
}

void rvi_bind_source(rvi_loader *loader, rvi_node *root)
{
    const rvi_node *source = rvi_child(root, RVI_K_SOURCE);
    rv_source_config *out = &loader->config->source;
    if (!source || source->kind != RVI_NODE_MAP)
        return;
    rvi_node *url = rvi_child(source, RVI_K_SOURCE_URL), *url_env = rvi_child(source, RVI_K_SOURCE_URL_ENV);
    rvi_node *url_file = rvi_child(source, RVI_K_SOURCE_URL_FILE);
    if (url || url_env || url_file) {
        const char *value = usable(url_env) ? variable(loader, url_env) : NULL;
        if (usable(url))
            bind_url(loader, source, url, url->text);
        else if (value)
            bind_url(loader, source, url_env, value);
        else if (usable(url_file))
            bind_url_file(loader, source, url_file);
    } else if (rvi_child(source, RVI_K_SOURCE_PATH)) {
        bind_sqlite_path(loader, source);
    } else {
        bind_server(loader, source);
    }
    bind_tls(loader, source);
    apply_folder(loader);
    if (!out->kind || loader->report.out_of_memory)
        return;
    out->display = rvi_source_display(loader->config->arena, out);
    if (!out->display)
        loader->report.out_of_memory = true;
}
