/* scaffold.c - `rivet init`: what the catalog says, written down as a configuration a person can edit. */
#include "rivet/scaffold.h"

#include "rivet/arena.h"

#include "internal.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
    ARENA_BYTES = 64 << 20,       /* the names of all tables */
    TABLE_ARENA_BYTES = 16 << 20, /* the description of one */
    MAX_TABLES = 4096,            /* as many exports as a configuration may have */
    NAME_BYTES = 129,             /* the longest name of an export, and a NUL */
    TABLE_KEY_BYTES = 1024,       /* the longest `table:` that the loader takes */
    LIMIT_MS = 10000,             /* of a statement while planning */
};

typedef struct table {
    const char *schema, *name; /* schema NULL: the source has none */
    const char *export_name;
    int64_t est_rows;
} table;

typedef struct scaffold_writer {
    const rv_scaffold *scaffold;
    rv_source *source;
    rv_arena *arena;
    rv_bytes *out;
    table *tables; /* in the arena */
    int n_tables, cap, n_written;
    rv_error first_left_out; /* why; code RV_OK: none was */
} scaffold_writer;

/* What there is to write about one table, while it is being written. */
typedef struct draft {
    rv_arena *arena;
    rv_relation_info info;
    rv_bytes key; /* for `table:`; a C string once the table is prepared */
} draft;

static rv_code out_of_memory(rv_error *err)
{
    return rv_fail(err, RV_E_OUT_OF_MEMORY, "writing a configuration");
}

/* One part of a table's name as the `table:` key reads it: double-quoted where it is not a plain word. */
static rv_code put_name_part(rv_bytes *name, const char *part, rv_error *err)
{
    if (rvi_yaml_is_plain(part))
        return rv_bytes_append_str(name, part, err);
    RV_TRY(rv_bytes_append_str(name, "\"", err));
    for (; *part != '\0'; part++)
        RV_TRY(rv_bytes_append(name, *part == '"' ? "\"\"" : part, *part == '"' ? 2 : 1, err));
    return rv_bytes_append_str(name, "\"", err);
}

static rv_code put_table_key(const table *about, rv_bytes *key, rv_error *err)
{
    if (about->schema != NULL) {
        RV_TRY(put_name_part(key, about->schema, err));
        RV_TRY(rv_bytes_append_str(key, ".", err));
    }
    return put_name_part(key, about->name, err);
}

static bool is_taken(const scaffold_writer *w, int index, const char *name)
{
    for (int i = 0; i < w->n_tables; i++) {
        const char *other = w->tables[i].export_name != NULL ? w->tables[i].export_name : w->tables[i].name;
        if (i != index && strcmp(other, name) == 0)
            return true;
    }
    return false;
}

/* Export names become file names: letters, digits, dash and underscore, unique within the file. A table that is
 * spelled so gives its name; two odd ones can fold into one, so those get their position as well. */
static rv_code name_export(scaffold_writer *w, int index, rv_error *err)
{
    enum { SUFFIX_BYTES = 16, ROOM = NAME_BYTES - SUFFIX_BYTES };
    const char *name = w->tables[index].name;
    char out[NAME_BYTES];
    size_t at = 0;
    for (; name[at] != '\0' && at < ROOM; at++) {
        unsigned char c = (unsigned char)name[at];
        out[at] = (char)(isalnum(c) || c == '_' || c == '-' ? c : '_');
    }
    out[at] = '\0';
    bool changed = at == 0 || strcmp(out, name) != 0;
    for (int n = index + 1; changed; n += w->n_tables) {
        (void)snprintf(out + at, NAME_BYTES - at, "_%d", n);
        changed = is_taken(w, index, out);
    }
    w->tables[index].export_name = rv_arena_strdup(w->arena, out);
    return w->tables[index].export_name != NULL ? RV_OK : out_of_memory(err);
}

static rv_code put_entry(rv_bytes *out, const char *key, const char *value, rv_error *err)
{
    RV_TRY(rv_bytes_printf(out, err, "  %s: ", key));
    RV_TRY(rvi_yaml_quoted(out, value, err));
    return rv_bytes_append_str(out, "\n", err);
}

/* The loader wants host and database spelled out; left out of a URL they mean these. */
static rv_code put_server(scaffold_writer *w, bool *needs_password, rv_error *err)
{
    const rv_source_config *c = w->scaffold->source;
    const char *database = c->database != NULL ? c->database : c->user;
    RV_TRY(put_entry(w->out, "host", c->host != NULL ? c->host : "localhost", err));
    if (c->port != 0)
        RV_TRY(rv_bytes_printf(w->out, err, "  port: %d\n", c->port));
    if (c->user != NULL)
        RV_TRY(put_entry(w->out, "user", c->user, err));
    if (database != NULL)
        RV_TRY(put_entry(w->out, "database", database, err));
    *needs_password = c->password != NULL;
    return *needs_password ? put_entry(w->out, "password_env", "RIVET_PASSWORD", err) : RV_OK;
}

static rv_code put_source(scaffold_writer *w, bool *needs_password, rv_error *err)
{
    const rv_scaffold *s = w->scaffold;
    RV_TRY(rv_bytes_printf(w->out, err, "source:\n  type: %s\n", s->source->kind));
    if (s->url_env != NULL)
        return put_entry(w->out, "url_env", s->url_env, err);
    if (s->url_file != NULL)
        return put_entry(w->out, "url_file", s->url_file, err);
    if (s->url != NULL)
        return put_entry(w->out, "url", s->url, err);
    return s->source->path != NULL ? put_entry(w->out, "path", s->source->path, err)
                                   : put_server(w, needs_password, err);
}

static rv_code put_tls(scaffold_writer *w, rv_error *err)
{
    static const char *const names[] = {NULL, "disable", "require", "verify-ca", "verify-full"};
    const rv_tls_config *tls = &w->scaffold->source->tls;
    bool in_url = w->scaffold->url != NULL || w->scaffold->url_env != NULL || w->scaffold->url_file != NULL;
    if (in_url || names[tls->mode] == NULL)
        return RV_OK;
    RV_TRY(rv_bytes_printf(w->out, err, "  tls:\n    mode: %s\n", names[tls->mode]));
    if (tls->ca_file == NULL)
        return RV_OK;
    RV_TRY(rv_bytes_append_str(w->out, "    ca_file: ", err));
    RV_TRY(rvi_yaml_quoted(w->out, tls->ca_file, err));
    return rv_bytes_append_str(w->out, "\n", err);
}

/* Columns that become text unless told otherwise are worth a look by whoever edits the file. */
static rv_code put_review(scaffold_writer *w, const rv_schema *schema, rv_error *err)
{
    int n = 0;
    for (int i = 0; i < schema->n_fields; i++) {
        const rv_field *field = &schema->fields[i];
        if (field->fidelity != RV_FIDELITY_LOGICAL_STRING || field->type.id == RV_TYPE_JSON)
            continue;
        if (n++ == 0)
            RV_TRY(rv_bytes_append_str(w->out,
                                       "    # REVIEW: exported as exact text; a type can be set here:\n"
                                       "    # columns:\n",
                                       err));
        bool number = strncasecmp(field->native_type, "numeric", 7) == 0 ||
                      strncasecmp(field->native_type, "decimal", 7) == 0;
        RV_TRY(rv_bytes_append_str(w->out, "    #   ", err));
        RV_TRY(rvi_yaml_scalar(w->out, field->name, err));
        RV_TRY(rv_bytes_printf(w->out, err, ": %s   # ", number ? "decimal(38,18)" : "text"));
        RV_TRY(rvi_yaml_comment(w->out, field->native_type, err));
        RV_TRY(rv_bytes_append_str(w->out, "\n", err));
    }
    return RV_OK;
}

/* Read back as the loader will read it: it refuses some names that a source takes, such as an empty one. */
static rv_code write_key(const table *about, draft *d, rv_error *err)
{
    const char *text = NULL;
    rv_relation read = {.kind = RV_RELATION_TABLE};
    RV_TRY(put_table_key(about, &d->key, err));
    RV_TRY(rv_bytes_cstr(&d->key, &text, err));
    RV_TRY(rv_relation_parse_table(d->arena, text, &read, err));
    bool same = strcmp(read.table, about->name) == 0 &&
                (about->schema == NULL || strcmp(read.schema, about->schema) == 0);
    return same ? RV_OK : rv_fail(err, RV_E_CONFIG_VALUE, "a configuration cannot hold this name");
}

/* Everything about a table that can fail because of the table, before a word is written about it. The plan is made
 * by the same function as in a run, so what is written here is what a run accepts. */
static rv_code prepare(scaffold_writer *w, const table *about, draft *d, rv_error *err)
{
    rv_export_config export_config = {
        .name = about->export_name,
        .mode = RV_MODE_FULL,
        .relation = {RV_RELATION_TABLE, about->schema, about->name, NULL},
        .format = {.kind = RV_FORMAT_PARQUET, .codec = RV_CODEC_ZSTD},
        .dest = {.kind = "local", .path = "./out"},
    };
    rv_plan plan;
    RV_TRY(write_key(about, d, err));
    RV_TRY(rv_source_describe(w->source, &export_config.relation, d->arena, &d->info, err));
    const rv_plan_input input = {.export_config = &export_config, .source = w->source, .info = &d->info};
    /* Each table by itself: what fails for one leaves the source usable for the next. */
    const rv_read_options options = {.statement_timeout_ms = LIMIT_MS, .lock_timeout_ms = LIMIT_MS};
    RV_TRY(rv_source_begin(w->source, &options, err));
    rv_code rc = rv_plan_make(d->arena, &input, &plan, err);
    rv_source_end(w->source);
    return rc;
}

/* A failure that says nothing about one table: going on would only repeat it. */
static bool concerns_all(rv_code code)
{
    return code == RV_E_CANCELLED || code == RV_E_OUT_OF_MEMORY || rv_code_retry(code) == RV_RETRY_RECONNECT;
}

/* One broken view must not stop the rest. */
static rv_code put_left_out(scaffold_writer *w, const table *about, const rv_error *why, rv_error *err)
{
    if (w->first_left_out.code == RV_OK)
        w->first_left_out = *why;
    RV_TRY(rv_bytes_append_str(w->out, "  # left out: ", err));
    RV_TRY(rvi_yaml_comment(w->out, about->name, err));
    RV_TRY(rv_bytes_printf(w->out, err, ": %s: ", rv_code_name(why->code)));
    RV_TRY(rvi_yaml_comment(w->out, why->message, err));
    return rv_bytes_append_str(w->out, "\n", err);
}

static rv_code put_export(scaffold_writer *w, const table *about, const draft *d, rv_error *err)
{
    RV_TRY(rv_bytes_append_str(w->out, "  - name: ", err));
    RV_TRY(rvi_yaml_scalar(w->out, about->export_name, err));
    if (about->est_rows >= 0)
        RV_TRY(
            rv_bytes_printf(w->out, err, "   # %s, about %" PRId64 " rows", d->info.kind, about->est_rows));
    RV_TRY(rv_bytes_append_str(w->out, "\n    table: ", err));
    const char *key = (const char *)d->key.data; /* a dot between plain words needs no quotes in YAML */
    RV_TRY(strchr(key, '"') == NULL ? rv_bytes_append_str(w->out, key, err)
                                    : rvi_yaml_quoted(w->out, key, err));
    RV_TRY(
        rv_bytes_append_str(w->out, "\n    mode: full\n    format: parquet\n    compression: zstd\n", err));
    RV_TRY(put_review(w, &d->info.schema, err));
    w->n_written++;
    return rv_bytes_printf(w->out, err, "    destination:\n      type: local\n      path: ./out/%s\n",
                           about->export_name);
}

static rv_code put_table(scaffold_writer *w, const table *about, rv_error *err)
{
    draft d = {.key = RV_BYTES_INIT(TABLE_KEY_BYTES + 1)};
    rv_error why = {0};
    RV_TRY(rv_arena_new(&d.arena, TABLE_ARENA_BYTES, err));
    const size_t before = w->out->len;
    rv_code rc = prepare(w, about, &d, &why);
    if (rc == RV_OK)
        rc = put_export(w, about, &d, &why);
    if (rc != RV_OK && concerns_all(rc)) {
        if (err != NULL)
            *err = why;
    } else if (rc != RV_OK) {
        w->out->len = before;
        rc = put_left_out(w, about, &why, err);
    }
    rv_bytes_deinit(&d.key);
    rv_arena_free(d.arena);
    return rc;
}

static rv_code keep_table(void *context, const rv_table_entry *entry, rv_error *err)
{
    scaffold_writer *w = context;
    if (w->n_tables == MAX_TABLES)
        return rv_fail(err, RV_E_LIMIT_EXCEEDED, "the schema has more than %d tables; name one with --table",
                       MAX_TABLES);
    if (w->n_tables == w->cap) {
        int cap = w->cap == 0 ? 64 : 2 * w->cap;
        table *grown = rv_arena_alloc(w->arena, (size_t)cap, sizeof *grown);
        if (grown == NULL)
            return out_of_memory(err);
        if (w->n_tables > 0)
            memcpy(grown, w->tables, (size_t)w->n_tables * sizeof *grown);
        w->tables = grown;
        w->cap = cap;
    }
    table *kept = &w->tables[w->n_tables++];
    *kept = (table){.name = rv_arena_strdup(w->arena, entry->name), .est_rows = entry->est_rows};
    if (entry->schema != NULL)
        kept->schema = rv_arena_strdup(w->arena, entry->schema);
    return kept->name == NULL || (entry->schema != NULL && kept->schema == NULL) ? out_of_memory(err) : RV_OK;
}

/* "a.b" or "\"we.ird\".t": the same reading as the `table:` key. */
static rv_code one_table(scaffold_writer *w, rv_error *err)
{
    rv_relation relation = {.kind = RV_RELATION_TABLE};
    rv_relation_info info = {0};
    RV_TRY_CTX(rv_relation_parse_table(w->arena, w->scaffold->table, &relation, err), err,
               "the table's name '%s'", w->scaffold->table);
    RV_TRY(rv_source_describe(w->source, &relation, w->arena, &info, err));
    rv_table_entry entry = {.schema = info.namespace,
                            .name = relation.table,
                            .kind = "",
                            .est_rows = info.est_rows,
                            .est_bytes = info.est_bytes};
    return keep_table(w, &entry, err);
}

static rv_code find_tables(scaffold_writer *w, rv_error *err)
{
    if (w->scaffold->table != NULL)
        RV_TRY(one_table(w, err));
    else
        RV_TRY(rv_source_list(w->source, w->scaffold->schema, keep_table, w, err));
    if (w->n_tables == 0 && w->scaffold->schema != NULL)
        return rv_fail(err, RV_E_SOURCE_NOT_FOUND, "there is no table in schema '%s' that this user may read",
                       w->scaffold->schema);
    if (w->n_tables == 0)
        return rv_fail(err, RV_E_SOURCE_NOT_FOUND,
                       "there is no table in the default schema that this user may read");
    for (int i = 0; i < w->n_tables; i++)
        RV_TRY(name_export(w, i, err));
    return RV_OK;
}

static rv_code write_all(scaffold_writer *w, bool *needs_password, rv_error *err)
{
    RV_TRY(find_tables(w, err));
    RV_TRY(rv_bytes_append_str(
        w->out, "# Made by rivet init from the source's catalog. Check it with: rivet doctor -c FILE\n",
        err));
    RV_TRY(put_source(w, needs_password, err));
    RV_TRY(put_tls(w, err));
    RV_TRY(rv_bytes_append_str(w->out, "\nexports:\n", err));
    for (int i = 0; i < w->n_tables; i++) {
        RV_TRY(rv_bytes_append_str(w->out, i > 0 ? "\n" : "", err));
        RV_TRY(put_table(w, &w->tables[i], err));
    }
    if (w->n_written > 0)
        return RV_OK;
    if (err != NULL)
        *err = w->first_left_out;
    return w->n_tables == 1 ? w->first_left_out.code
                            : rv_wrap(err, w->first_left_out.code,
                                      "the first of %d tables, none of which can be exported", w->n_tables);
}

rv_code rv_scaffold_write(rv_source *source, const rv_scaffold *scaffold, rv_bytes *out, bool *needs_password,
                          rv_error *err)
{
    scaffold_writer w = {.scaffold = scaffold, .source = source, .out = out};
    *needs_password = false;
    RV_TRY(rv_arena_new(&w.arena, ARENA_BYTES, err));
    rv_code rc = write_all(&w, needs_password, err);
    rv_arena_free(w.arena);
    return rc;
}
