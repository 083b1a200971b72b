/* scaffold.c - `rivet init`: what the catalog says, written down as a configuration a person can edit. */
#include "rivet/scaffold.h"

#include "rivet/arena.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { ARENA_BYTES = 64 << 20, MAX_TABLES = 10000, NAME_BYTES = 129 };

typedef struct scaffold_writer {
    const rv_scaffold *scaffold;
    rv_source *source;
    rv_arena *arena;
    rv_bytes *out;
    rv_table_entry *tables; /* in the arena */
    int n_tables, cap;
} scaffold_writer;

static rv_code out_of_memory(rv_error *err)
{
    return rv_fail(err, RV_E_OUT_OF_MEMORY, "writing a configuration");
}

/* A YAML double-quoted scalar; every control character and quote escaped (YAML 1.2, 7.3.1). */
static rv_code put_quoted(rv_bytes *out, const char *text, rv_error *err)
{
    RV_TRY(rv_bytes_append_str(out, "\"", err));
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            RV_TRY(rv_bytes_printf(out, err, "\\%c", c));
        else if (c < 0x20 || c == 0x7f)
            RV_TRY(rv_bytes_printf(out, err, "\\x%02x", c));
        else if (c == '$') /* ${…} would be taken for a variable */
            RV_TRY(rv_bytes_append_str(out, text[1] == '{' ? "$$" : "$", err));
        else
            RV_TRY(rv_bytes_append(out, text, 1, err));
    }
    return rv_bytes_append_str(out, "\"", err);
}

static bool is_plain(const char *text)
{
    if (!isalpha((unsigned char)text[0]) && text[0] != '_')
        return false;
    static const char *const words[] = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcasecmp(text, words[i]) == 0)
            return false;
    for (; *text != '\0'; text++)
        if (!isalnum((unsigned char)*text) && *text != '_')
            return false;
    return true;
}

static rv_code put_scalar(rv_bytes *out, const char *text, rv_error *err)
{
    return is_plain(text) ? rv_bytes_append_str(out, text, err) : put_quoted(out, text, err);
}

/* One part of a table's name as the `table:` key reads it: double-quoted where it is not a plain word. */
static rv_code put_name_part(rv_bytes *name, const char *part, rv_error *err)
{
    if (is_plain(part))
        return rv_bytes_append_str(name, part, err);
    RV_TRY(rv_bytes_append_str(name, "\"", err));
    for (; *part != '\0'; part++)
        RV_TRY(rv_bytes_append(name, *part == '"' ? "\"\"" : part, *part == '"' ? 2 : 1, err));
    return rv_bytes_append_str(name, "\"", err);
}

static rv_code put_table_key(scaffold_writer *w, const rv_table_entry *table, rv_error *err)
{
    rv_bytes name = RV_BYTES_INIT(4096);
    const char *text = NULL;
    rv_code rc = RV_OK;
    if (table->schema != NULL) {
        rc = put_name_part(&name, table->schema, err);
        if (rc == RV_OK)
            rc = rv_bytes_append_str(&name, ".", err);
    }
    if (rc == RV_OK)
        rc = put_name_part(&name, table->name, err);
    if (rc == RV_OK)
        rc = rv_bytes_cstr(&name, &text, err);
    if (rc == RV_OK)
        rc = rv_bytes_append_str(w->out, "    table: ", err);
    if (rc == RV_OK) /* a dot between plain words needs no quotes in YAML */
        rc = strpbrk(text, "\"") == NULL ? rv_bytes_append_str(w->out, text, err)
                                         : put_quoted(w->out, text, err);
    rv_bytes_deinit(&name);
    return rc == RV_OK ? rv_bytes_append_str(w->out, "\n", err) : rc;
}

/* Export names become file names: letters, digits, dash and underscore, unique within the file. */
static void export_name(const scaffold_writer *w, int index, char out[NAME_BYTES])
{
    enum { ROOM = NAME_BYTES - 16 };
    const char *name = w->tables[index].name;
    size_t at = 0;
    for (; name[at] != '\0' && at < ROOM; at++) {
        unsigned char c = (unsigned char)name[at];
        out[at] = (char)(isalnum(c) || c == '_' || c == '-' ? c : '_');
    }
    out[at] = '\0';
    bool changed = name[at] != '\0' || strcmp(out, name) != 0;
    if (changed || at == 0) /* two odd names can fold into one: the position tells them apart */
        (void)snprintf(out + at, NAME_BYTES - at, "_%d", index + 1);
}

static rv_code put_source(scaffold_writer *w, bool *needs_password, rv_error *err)
{
    const rv_scaffold *s = w->scaffold;
    const rv_source_config *c = s->source;
    RV_TRY(rv_bytes_printf(w->out, err, "source:\n  type: %s\n", c->kind));
    const char *key = s->url_env != NULL    ? "url_env"
                      : s->url_file != NULL ? "url_file"
                      : s->url != NULL      ? "url"
                                            : NULL;
    if (key != NULL) {
        RV_TRY(rv_bytes_printf(w->out, err, "  %s: ", key));
        RV_TRY(put_quoted(w->out,
                          s->url_env != NULL    ? s->url_env
                          : s->url_file != NULL ? s->url_file
                                                : s->url,
                          err));
        return rv_bytes_append_str(w->out, "\n", err);
    }
    const struct {
        const char *key, *value;
    } parts[] = {{"host", c->host}, {"user", c->user}, {"database", c->database}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (parts[i].value != NULL) {
            RV_TRY(rv_bytes_printf(w->out, err, "  %s: ", parts[i].key));
            RV_TRY(put_quoted(w->out, parts[i].value, err));
            RV_TRY(rv_bytes_append_str(w->out, "\n", err));
        }
    if (c->port != 0)
        RV_TRY(rv_bytes_printf(w->out, err, "  port: %d\n", c->port));
    *needs_password = true;
    return rv_bytes_append_str(w->out, "  password_env: RIVET_PASSWORD\n", err);
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
    RV_TRY(put_quoted(w->out, tls->ca_file, err));
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
        if (strpbrk(field->name, "\r\n") != NULL) /* would end the comment */
            continue;
        RV_TRY(rv_bytes_append_str(w->out, "    #   ", err));
        RV_TRY(put_scalar(w->out, field->name, err));
        RV_TRY(rv_bytes_printf(w->out, err, ": %s   # %s\n", number ? "decimal(38,18)" : "text",
                               field->native_type));
    }
    return RV_OK;
}

static rv_code put_export(scaffold_writer *w, int index, rv_error *err)
{
    const rv_table_entry *table = &w->tables[index];
    rv_relation relation = {RV_RELATION_TABLE, table->schema, table->name, NULL};
    rv_relation_info info = {0};
    rv_error broken = {0};
    char name[NAME_BYTES];
    export_name(w, index, name);
    RV_TRY(rv_bytes_append_str(w->out, "\n", err));
    if (rv_source_describe(w->source, &relation, w->arena, &info, &broken) != RV_OK) {
        /* One broken view must not stop the rest. */
        if (strpbrk(table->name, "\r\n") != NULL)
            return rv_bytes_append_str(w->out, "  # left out: a table that cannot be described\n", err);
        return rv_bytes_printf(w->out, err, "  # left out: %s: %s\n", table->name, rv_code_name(broken.code));
    }
    RV_TRY(rv_bytes_append_str(w->out, "  - name: ", err));
    RV_TRY(put_scalar(w->out, name, err));
    if (table->est_rows >= 0)
        RV_TRY(rv_bytes_printf(w->out, err, "   # %s, about %" PRId64 " rows", info.kind, table->est_rows));
    RV_TRY(rv_bytes_append_str(w->out, "\n", err));
    RV_TRY(put_table_key(w, table, err));
    RV_TRY(rv_bytes_append_str(w->out, "    mode: full\n    format: parquet\n    compression: zstd\n", err));
    RV_TRY(put_review(w, &info.schema, err));
    return rv_bytes_printf(w->out, err, "    destination:\n      type: local\n      path: ./out/%s\n", name);
}

static rv_code keep_table(void *context, const rv_table_entry *entry, rv_error *err)
{
    scaffold_writer *w = context;
    if (w->n_tables == MAX_TABLES)
        return rv_fail(err, RV_E_LIMIT_EXCEEDED, "the schema has more than %d tables; name one with --table",
                       MAX_TABLES);
    if (w->n_tables == w->cap) {
        int cap = w->cap == 0 ? 64 : 2 * w->cap;
        rv_table_entry *grown = rv_arena_alloc(w->arena, (size_t)cap, sizeof *grown);
        if (grown == NULL)
            return out_of_memory(err);
        if (w->n_tables > 0)
            memcpy(grown, w->tables, (size_t)w->n_tables * sizeof *grown);
        w->tables = grown;
        w->cap = cap;
    }
    rv_table_entry *kept = &w->tables[w->n_tables++];
    *kept = *entry;
    kept->name = rv_arena_strdup(w->arena, entry->name);
    kept->kind = "";
    kept->schema = entry->schema != NULL ? rv_arena_strdup(w->arena, entry->schema) : NULL;
    return kept->name == NULL || (entry->schema != NULL && kept->schema == NULL) ? out_of_memory(err) : RV_OK;
}

/* "a.b" or "\"we.ird\".t": the same reading as the `table:` key. */
static rv_code one_table(scaffold_writer *w, rv_error *err)
{
    rv_relation relation = {.kind = RV_RELATION_TABLE};
    rv_relation_info info = {0};
    RV_TRY(rv_relation_parse_table(w->arena, w->scaffold->table, &relation, err));
    RV_TRY(rv_source_describe(w->source, &relation, w->arena, &info, err));
    rv_table_entry entry = {.schema = info.namespace,
                            .name = relation.table,
                            .kind = "",
                            .est_rows = info.est_rows,
                            .est_bytes = info.est_bytes};
    return keep_table(w, &entry, err);
}

static rv_code write_all(scaffold_writer *w, bool *needs_password, rv_error *err)
{
    if (w->scaffold->table != NULL)
        RV_TRY(one_table(w, err));
    else
        RV_TRY(rv_source_list(w->source, w->scaffold->schema, keep_table, w, err));
    if (w->n_tables == 0)
        return rv_fail(err, RV_E_SOURCE_NOT_FOUND, "there is no table in schema '%s'",
                       w->scaffold->schema != NULL ? w->scaffold->schema : "(default)");
    RV_TRY(rv_bytes_append_str(
        w->out, "# Made by rivet init from the source's catalog. Check it with: rivet doctor -c FILE\n",
        err));
    RV_TRY(put_source(w, needs_password, err));
    RV_TRY(put_tls(w, err));
    RV_TRY(rv_bytes_append_str(w->out, "\nexports:", err));
    for (int i = 0; i < w->n_tables; i++)
        RV_TRY(put_export(w, i, err));
    return RV_OK;
}

rv_code rv_scaffold_write(rv_source *source, const rv_scaffold *scaffold, rv_bytes *out, bool *needs_password,
                          rv_error *err)
{
    scaffold_writer w = {.scaffold = scaffold, .source = source, .out = out};
    *needs_password = false;
    RV_TRY(rv_arena_new(&w.arena, ARENA_BYTES, err));
    rv_read_options options = {.snapshot = false};
    rv_code rc = rv_source_begin(source, &options, err);
    if (rc == RV_OK)
        rc = write_all(&w, needs_password, err);
    rv_source_end(source);
    rv_arena_free(w.arena);
    return rc;
}
