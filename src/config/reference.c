/* reference.c - schema.def as a reference page in Markdown. */
#include "config/internal.h"
#include "rivet/bytes.h"

#include <string.h>

enum { PAGE_MAX_BYTES = 1 << 20 };

/* A page that is being written; after a failure nothing more is added. */
typedef struct page {
    rv_bytes bytes;
    rv_error *err;
    rv_code rc;
} page;

static void put(page *p, const char *text)
{
    if (p->rc == RV_OK)
        p->rc = rv_bytes_append_str(&p->bytes, text, p->err);
}

static void put_number(page *p, int64_t value)
{
    if (p->rc == RV_OK)
        p->rc = rv_bytes_printf(&p->bytes, p->err, "%lld", (long long)value);
}

/* A literal for a table's cell: line ends are shown as in YAML's double quotes. */
static void put_code(page *p, const char *text)
{
    put(p, "`");
    for (const char *c = text; *c; c++) {
        const char one[2] = {*c, '\0'};
        put(p, *c == '\n' ? "\"\\n\"" : *c == '\r' ? "\"\\r\"" : *c == '|' ? "\\|" : one);
    }
    put(p, "`");
}

static void put_words(page *p, rvi_set set)
{
    const char *between = "";
    for (const rvi_name *name = rvi_name_next(set, NULL); name; name = rvi_name_next(set, name)) {
        if (strpbrk(name->text, "\r\n"))
            continue; /* another spelling of a word that is listed */
        put(p, between);
        put_code(p, name->text);
        put(p, name->flags & RVI_LATER ? " (later)" : "");
        between = ", ";
    }
}

static void put_range(page *p, const rvi_key *key)
{
    put_number(p, key->min);
    put(p, " to ");
    put_number(p, key->max);
    put(p, key->unit[0] ? " " : "");
    put(p, key->unit);
}

static void put_policies(page *p)
{
    put(p, "`fail`, `null`, `clamp`, `text`; classes ");
    for (int i = 0; i < RV_INVALID_CLASSES; i++) {
        put(p, i > 0 ? ", " : "");
        put_code(p, rv_invalid_name((rv_invalid)i));
    }
}

static void put_allowed(page *p, const rvi_key *key)
{
    switch (key->kind) {
    case RVI_KIND_TEXT:
        put(p, "text, up to ");
        put_number(p, key->max);
        put(p, key->max == 1 ? " byte" : " bytes");
        return;
    case RVI_KIND_INT:
        put_range(p, key);
        return;
    case RVI_KIND_BOOL:
        put(p, "`true`, `false`");
        return;
    case RVI_KIND_ENUMS:
        put(p, "list of ");
        put_words(p, key->set);
        return;
    case RVI_KIND_ENUM:
        put_words(p, key->set);
        return;
    case RVI_KIND_NUMBER:
        put(p, "number, ");
        put_range(p, key);
        return;
    case RVI_KIND_SIZE:
        put(p, "size: `B`, `KB`, `MB`, `GB`");
        return;
    case RVI_KIND_TEXTS:
        put(p, "list of texts");
        return;
    case RVI_KIND_TYPE:
        put(p, "a type");
        return;
    case RVI_KIND_BLOCKS:
        put(p, "list of blocks, see ");
        put_code(p, rvi_section_name(key->inner));
        return;
    case RVI_KIND_BLOCK:
        put(p, "block, see ");
        put_code(p, rvi_section_name(key->inner));
        return;
    case RVI_KIND_COLUMNS:
        put(p, "block of column names");
        return;
    case RVI_KIND_POLICIES:
        put_policies(p);
        return;
    case RVI_KIND_WORDS:
        put(p, "block: column name to ");
        put_words(p, key->set);
        return;
    case RVI_KIND_RATIOS:
        put(p, "block: column name to 0..1");
        return;
    case RVI_KIND_KEY:
        put(p, "a column, or a list of up to ");
        put_number(p, RV_MAX_KEY_COLUMNS);
        return;
    case RVI_KIND_CHOICE:
        put(p, "`true`, `false`, or a list of columns");
        return;
    case RVI_KIND_DURATION:
        put(p, "time: `s`, `m`, `h`, `d`; or a whole number");
        return;
    case RVI_KIND_ANY:
        put(p, "");
        return;
    }
}

static void put_default(page *p, const rvi_key *key)
{
    static const rv_profile order[] = {RV_PROFILE_FAST, RV_PROFILE_BALANCED, RV_PROFILE_SAFE};
    if (key->flags & RVI_BY_PROFILE) {
        for (int i = 0; i < 3; i++) {
            put(p, i > 0 ? ", " : "");
            put_number(p, rvi_default_int(key, order[i]));
            put(p, " (");
            put(p, rv_profile_name(order[i]));
            put(p, ")");
        }
    } else if (key->fallback && key->fallback[0] != '\0') {
        put_code(p, key->fallback);
    } else if (key->fallback) {
        put(p, "empty");
    } else {
        put(p, key->flags & RVI_REQUIRED ? "required" : "");
    }
}

static bool is_section_later(rvi_section section)
{
    for (int id = 0; id < RVI_KEYS; id++) {
        const rvi_key *key = rvi_key_row((rvi_key_id)id);
        if (key->kind == RVI_KIND_BLOCK && key->inner == section)
            return key->flags & RVI_LATER;
    }
    return false;
}

static void put_support(page *p, const rvi_key *key)
{
    if (!(key->flags & RVI_LATER))
        return;
    bool default_is_taken = key->fallback && !is_section_later(key->section);
    put(p,
        default_is_taken ? " *This version knows only the default.*" : " *Not supported by this version.*");
}

static void put_key(page *p, const rvi_key *key)
{
    put(p, "| ");
    put_code(p, key->name);
    put(p, " | ");
    put_allowed(p, key);
    put(p, " | ");
    put_default(p, key);
    put(p, " | ");
    put(p, key->doc);
    put(p, key->flags & RVI_SECRET ? " Secret." : "");
    put_support(p, key);
    put(p, " |\n");
}

static void put_exclusions(page *p, rvi_section section)
{
    size_t n = 0;
    const rvi_exclusion *pairs = rvi_exclusions(&n);
    const char *between = "\nNot together: ";
    for (size_t i = 0; i < n; i++) {
        if (rvi_key_row(pairs[i].a)->section != section)
            continue;
        put(p, between);
        put_code(p, rvi_key_row(pairs[i].a)->name);
        put(p, " and ");
        put_code(p, rvi_key_row(pairs[i].b)->name);
        between = "; ";
    }
    put(p, between[0] == ';' ? ".\n" : "");
}

static void put_section(page *p, rvi_section section)
{
    put(p, "\n## ");
    put_code(p, rvi_section_name(section));
    put(p, "\n\n");
    put(p, rvi_section_doc(section));
    put(p, "\n\n| Key | Allowed | Default | Meaning |\n|---|---|---|---|\n");
    for (int id = 0; id < RVI_KEYS; id++)
        if (rvi_key_row((rvi_key_id)id)->section == section)
            put_key(p, rvi_key_row((rvi_key_id)id));
    put_exclusions(p, section);
}

static const char introduction[] = "# Configuration keys\n"
                                   "\n"
                                   "Made from the table that the program itself reads; do not edit.\n"
                                   "\n"
                                   "The file is YAML: one document of at most 4 MiB. Unknown keys are "
                                   "errors. A key of a later version is refused,\n"
                                   "never ignored. A key without a value counts as not given.\n"
                                   "\n"
                                   "`${NAME}` in a value is replaced by the parameter (`--param NAME=value`) "
                                   "or the environment variable of that\n"
                                   "name, after the file was parsed: a value can never become YAML. An unset "
                                   "variable is an error. `$${` stands for\n"
                                   "a literal `${`. Inside `[...]` and `{...}` a `${NAME}` has to be in "
                                   "quotes. Keys, comments and the contents of\n"
                                   "environment variables are not expanded.\n";

rv_code rv_config_write_reference(rv_sink *sink, rv_error *err)
{
    page p = {.bytes = RV_BYTES_INIT(PAGE_MAX_BYTES), .err = err, .rc = RV_OK};
    put(&p, introduction);
    for (int i = 0; i < RVI_SECTIONS; i++)
        put_section(&p, (rvi_section)i);
    if (p.rc == RV_OK)
        p.rc = rv_sink_write(sink, p.bytes.data, p.bytes.len, err);
    rv_bytes_deinit(&p.bytes);
    return p.rc;
}
