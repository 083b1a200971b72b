/* cmd_init.c - rivet init: a configuration from a live source. */
#include "cli.h"

#include "rivet/scaffold.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { URL_BYTES = 64 << 10, ARENA_BYTES = 4 << 20, YAML_BYTES = 64 << 20 };

/* Trimmed as the loader trims it, so that both read the same URL. */
static rv_code read_url_file(rv_arena *arena, const char *path, const char **out, rv_error *err)
{
    static const char white[] = " \t\r\n";
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return rv_fail_os(err, RV_E_CONFIG_UNREADABLE, errno, "reading the source's URL from '%s'", path);
    char *text = rv_arena_alloc(arena, URL_BYTES + 2, 1);
    size_t len = text != NULL ? fread(text, 1, URL_BYTES + 1, file) : 0;
    bool failed = ferror(file) != 0;
    (void)fclose(file);
    if (text == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "reading the source's URL");
    if (failed || len > URL_BYTES)
        return rv_fail(err, RV_E_CONFIG_UNREADABLE, "'%s' cannot be read, or is larger than %d bytes", path,
                       (int)URL_BYTES);
    while (len > 0 && strchr(white, text[len - 1]) != NULL)
        len--;
    text[len] = '\0';
    *out = text + strspn(text, white);
    return RV_OK;
}

static rv_code find_url(rv_arena *arena, const rvi_args *args, const char **url, rv_scaffold *scaffold,
                        rv_error *err)
{
    const char *given = rvi_option_value(args, "source");
    scaffold->url_env = rvi_option_value(args, "source-env");
    scaffold->url_file = rvi_option_value(args, "source-file");
    if ((given != NULL) + (scaffold->url_env != NULL) + (scaffold->url_file != NULL) != 1)
        return rv_fail(err, RV_E_USAGE, "exactly one of --source, --source-env and --source-file is needed");
    if (scaffold->url_file != NULL)
        return read_url_file(arena, scaffold->url_file, url, err);
    *url = given != NULL ? given : getenv(scaffold->url_env);
    if (*url == NULL)
        return rv_fail(err, RV_E_CONFIG_UNSET_VARIABLE, "the environment variable '%s' is not set",
                       scaffold->url_env);
    return RV_OK;
}

/* Never overwrites: a configuration is somebody's work. */
static rv_code write_new_file(const char *path, const rv_bytes *text, rv_error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) {
        rv_fail_os(err, RV_E_IO, errno, "creating '%s'", path);
        rv_hint(err, "init never overwrites a file: choose another -o, or remove it first");
        return RV_E_IO;
    }
    for (size_t at = 0; at < text->len;) {
        ssize_t n = write(fd, text->data + at, text->len - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            int os_errno = n < 0 ? errno : EIO;
            (void)close(fd);
            (void)unlink(path);
            return rv_fail_os(err, RV_E_IO, os_errno, "writing '%s'", path);
        }
        at += (size_t)n;
    }
    if (close(fd) == 0)
        return RV_OK;
    int os_errno = errno;
    (void)unlink(path);
    return rv_fail_os(err, RV_E_IO, os_errno, "writing '%s'", path);
}

static rv_code deliver(const char *path, const rv_bytes *text, rv_error *err)
{
    if (path != NULL)
        return write_new_file(path, text, err);
    if (fwrite(text->data, 1, text->len, stdout) != text->len)
        return rv_fail_os(err, RV_E_IO, errno, "writing the configuration to stdout");
    return RV_OK;
}

/* *changed: the path was relative and is absolute now. */
static rv_code make_absolute(rv_arena *arena, const char **path, bool *changed, rv_error *err)
{
    *changed = *path != NULL && (*path)[0] != '/';
    if (!*changed)
        return RV_OK;
    char *absolute = realpath(*path, NULL);
    if (absolute == NULL)
        return rv_fail_os(err, RV_E_CONFIG_UNREADABLE, errno, "finding '%s'", *path);
    *path = rv_arena_strdup(arena, absolute);
    free(absolute);
    return *path != NULL ? RV_OK : rv_fail(err, RV_E_OUT_OF_MEMORY, "expanding a path");
}

/* How the configuration names the source: as it was given, unless that holds a password. The loader reads relative
 * paths from the configuration's folder; where that is not the working directory, they become absolute. */
static rv_code name_source(rv_arena *arena, const rvi_args *args, const char *url, rv_source_config *cfg,
                           rv_scaffold *scaffold, rv_error *err)
{
    const char *output = rvi_option_value(args, "output");
    bool elsewhere = output != NULL && strchr(output, '/') != NULL, moved = false, ca_moved = false;
    scaffold->source = cfg;
    if (elsewhere)
        RV_TRY(make_absolute(arena, &cfg->path, &moved, err));
    if (moved) /* a SQLite file holds no secret: it can be named outright, however it was given */
        scaffold->url_env = scaffold->url_file = NULL;
    else if (scaffold->url_env == NULL && scaffold->url_file == NULL) {
        if (elsewhere)
            RV_TRY(make_absolute(arena, &cfg->tls.ca_file, &ca_moved, err));
        if (cfg->password == NULL && !ca_moved)
            scaffold->url = url;
    } else if (elsewhere) {
        RV_TRY(make_absolute(arena, &scaffold->url_file, &moved, err));
    }
    return RV_OK;
}

static rv_code scaffold_from(rvi_cli *cli, const rvi_args *args, rv_arena *arena, rv_bytes *yaml,
                             rv_error *err)
{
    rv_scaffold scaffold = {.schema = rvi_option_value(args, "schema"),
                            .table = rvi_option_value(args, "table")};
    const char *url = NULL;
    rv_source_config cfg = {0};
    bool needs_password = false;
    if (scaffold.schema != NULL && scaffold.table != NULL)
        return rv_fail(err, RV_E_USAGE,
                       "--table and --schema exclude each other; --table takes schema.table");
    RV_TRY(find_url(arena, args, &url, &scaffold, err));
    rv_code read = rv_source_config_from_url(arena, url, cli->redactor, &cfg, err);
    if (read != RV_OK || cfg.password != NULL)
        rvi_hide_argument(rvi_option_value(args, "source"));
    RV_TRY(read);
    RV_AUTO(rv_source_close) rv_source *source = NULL;
    rv_code rc = rv_signals_start(&cli->signals, cli->cancel, err);
    if (rc == RV_OK)
        rc = rv_source_open(&source, &cfg, cli->cancel, err);
    if (rc == RV_OK)
        rc = name_source(arena, args, url, &cfg, &scaffold, err);
    if (rc == RV_OK)
        rc = rv_scaffold_write(source, &scaffold, yaml, &needs_password, err);
    if (rc == RV_OK && needs_password)
        fputs("The password is not in the file: put it into the environment variable RIVET_PASSWORD.\n",
              stderr);
    rv_source_close(source);
    source = NULL;
    rv_secret_free(cfg.password);
    return rc;
}

rv_code rvi_cmd_init(rvi_cli *cli, const rvi_args *args, rv_error *err)
{
    RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
    const char *path = rvi_option_value(args, "output");
    rv_bytes yaml = RV_BYTES_INIT(YAML_BYTES);
    RV_TRY(rv_arena_new(&arena, ARENA_BYTES, err));
    rv_code rc = scaffold_from(cli, args, arena, &yaml, err);
    if (rc == RV_OK)
        rc = deliver(path, &yaml, err);
    rv_bytes_deinit(&yaml);
    return rc;
}
