/* script.c - parsing the scripts of internal.h. Everything lands in one arena; arrays there grow by
 * doubling, so that a full one is known by its length being a power of two. */
#include "source/fake/internal.h"

#include "rivet/checked.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = RV_MAX_FIELDS + 1 };

typedef struct word {
    const char *text; /* NUL-terminated */
    size_t len;
    bool quoted; /* a part of it stood in quotes */
} word;

typedef struct parser {
    rv_arena *arena;
    const char *path;
    int line;
    char *at;    /* in the copy of the file, unescaped in place */
    word *words; /* of the current line */
    int n_words;
    rvi_fake_script *script;
} parser;

static rv_code no_memory(const parser *p, rv_error *err)
{
    return rv_fail(err, RV_E_OUT_OF_MEMORY, "reading the script %s", p->path);
}

static rv_code syntax(const parser *p, const char *what, const char *shown, rv_error *err)
{
    return rv_fail(err, RV_E_CONFIG_SYNTAX, "%s:%d: %s '%s'", p->path, p->line, what, shown);
}

/* Room for one more of n items of `size` bytes; NULL: out of memory. */
static void *grow(rv_arena *arena, void *items, size_t n, size_t size)
{
    assert(n == 0 || items != NULL);
    if (n > 0 && (n & (n - 1)) != 0)
        return items;
    void *larger = rv_arena_alloc(arena, n == 0 ? 1 : 2 * n, size);
    if (larger != NULL && n > 0)
        memcpy(larger, items, n * size);
    return larger;
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = c != '\0' ? strchr(digits, c) : NULL;
    return found != NULL ? (int)(found - digits) : -1;
}

/* One character after a backslash, moving *from past it; -1: not an escape. */
static int unescape(const char **from)
{
    static const char names[] = "nrt\"\\", values[] = "\n\r\t\"\\";
    const char *at = *from;
    const char *known = *at != '\0' ? strchr(names, *at) : NULL;
    if (known != NULL) {
        *from = at + 1;
        return (unsigned char)values[known - names];
    }
    if (at[0] != 'x' || hex_digit(at[1]) < 0 || hex_digit(at[2]) < 0)
        return -1;
    *from = at + 3;
    return hex_digit(at[1]) * 16 + hex_digit(at[2]);
}

static bool ends_word(char c)
{
    return c == '\0' || c == ' ' || c == '\t' || c == '\n';
}

/* Text never grows when it is unescaped, so it is written over itself. */
static rv_code read_word(parser *p, word *out, rv_error *err)
{
    const char *from = p->at;
    char *to = p->at;
    bool inside = false;
    *out = (word){.text = p->at};
    while (inside ? *from != '\0' : !ends_word(*from)) {
        char c = *from++;
        if (c == '"') {
            inside = !inside;
            out->quoted = true;
            continue;
        }
        if (c == '\\' && inside) {
            int value = unescape(&from);
            if (value < 0)
                return syntax(p, "unknown escape in", out->text, err);
            c = (char)value;
        }
        *to++ = c;
    }
    if (inside)
        return syntax(p, "a quote is not closed in", out->text, err);
    bool more = *from != '\0';
    p->at = (char *)from + (more ? 1 : 0);
    out->len = (size_t)(to - out->text);
    /* The separator is overwritten, unless it ends the line: then the line's end must stay to be seen. */
    if (to < from || more)
        *to = '\0';
    return RV_OK;
}

/* The words of one line, which ends at a NUL. */
static rv_code read_line(parser *p, char *line, rv_error *err)
{
    p->at = line;
    p->n_words = 0;
    for (;;) {
        p->at += strspn(p->at, " \t");
        if (*p->at == '\0' || *p->at == '#')
            return RV_OK;
        if (p->n_words == WORDS_MAX)
            return syntax(p, "too many words in", line, err);
        RV_TRY(read_word(p, &p->words[p->n_words], err));
        p->n_words++;
    }
}

static bool is_word(const word *w, const char *text)
{
    return strcmp(w->text, text) == 0;
}

/* The value of `key=value` among the words from `from` on; NULL: not given. */
static const char *option(const parser *p, int from, const char *key)
{
    size_t len = strlen(key);
    for (int i = from; i < p->n_words; i++)
        if (strncmp(p->words[i].text, key, len) == 0 && p->words[i].text[len] == '=')
            return p->words[i].text + len + 1;
    return NULL;
}

static bool flag(const parser *p, int from, const char *name)
{
    for (int i = from; i < p->n_words; i++)
        if (is_word(&p->words[i], name))
            return true;
    return false;
}

/* Every word from `from` on must be one of `known`: a flag as "flag", an option as "option=".
 * NULL-terminated. */
static rv_code only(const parser *p, int from, const char *const *known, rv_error *err)
{
    for (int i = from; i < p->n_words; i++) {
        const char *text = p->words[i].text, *equals = strchr(text, '=');
        size_t len = equals != NULL ? (size_t)(equals - text) + 1 : strlen(text);
        bool found = false;
        for (const char *const *k = known; *k != NULL && !found; k++)
            found = strlen(*k) == len && memcmp(*k, text, len) == 0;
        if (!found)
            return syntax(p, "unknown word", text, err);
    }
    return RV_OK;
}

static rv_code number(const parser *p, const char *text, int64_t *out, rv_error *err)
{
    char *end = NULL;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < 0)
        return syntax(p, "not a number:", text, err);
    *out = value;
    return RV_OK;
}

static rv_code number_option(const parser *p, int from, const char *key, int64_t *out, rv_error *err)
{
    const char *text = option(p, from, key);
    return text != NULL ? number(p, text, out, err) : RV_OK;
}

static rv_code need_words(const parser *p, int n, rv_error *err)
{
    return p->n_words >= n ? RV_OK : syntax(p, "more words are needed after", p->words[0].text, err);
}

static bool parse_type(const char *text, rv_type *out)
{
    char inner[RV_TYPE_TEXT_BYTES];
    size_t len = strlen(text);
    if (strcmp(text, "enum") == 0 || strcmp(text, "interval") == 0) {
        *out = (rv_type){.id = text[0] == 'e' ? RV_TYPE_ENUM : RV_TYPE_INTERVAL};
        return true;
    }
    if (len < 7 || len >= sizeof inner || strncmp(text, "list<", 5) != 0 || text[len - 1] != '>')
        return rv_type_parse(text, out);
    memcpy(inner, text + 5, len - 6);
    inner[len - 6] = '\0';
    rv_type element;
    if (!parse_type(inner, &element) || element.id == RV_TYPE_LIST)
        return false;
    *out = (rv_type){RV_TYPE_LIST, element.id, element.precision, element.scale};
    return true;
}

static rv_code on_server(parser *p, rvi_fake_table *table, rv_error *err)
{
    static const char *const known[] = {"pooled", NULL};
    (void)table;
    RV_TRY(need_words(p, 2, err));
    RV_TRY(only(p, 2, known, err));
    p->script->version = p->words[1].text;
    p->script->pooled = flag(p, 2, "pooled");
    return RV_OK;
}

static rv_code on_table(parser *p, rvi_fake_table *table, rv_error *err)
{
    static const char *const known[] = {"kind=", "est_rows=", "est_bytes=", NULL};
    rvi_fake_script *script = p->script;
    (void)table;
    RV_TRY(need_words(p, 2, err));
    RV_TRY(only(p, 2, known, err));
    script->tables = grow(p->arena, script->tables, (size_t)script->n_tables, sizeof *script->tables);
    if (script->tables == NULL)
        return no_memory(p, err);
    const char *kind = option(p, 2, "kind");
    rvi_fake_table made = {.name = p->words[1].text, .est_rows = -1, .est_bytes = -1};
    made.kind = kind != NULL ? kind : "table";
    RV_TRY(number_option(p, 2, "est_rows", &made.est_rows, err));
    RV_TRY(number_option(p, 2, "est_bytes", &made.est_bytes, err));
    script->tables[script->n_tables++] = made;
    return RV_OK;
}

static rv_code on_column(parser *p, rvi_fake_table *table, rv_error *err)
{
    static const char *const known[] = {"not_null", "key", "native=", "null_every=", "bytes=", NULL};
    RV_TRY(need_words(p, 3, err));
    RV_TRY(only(p, 3, known, err));
    if (table->n_rows > 0 || table->n_columns == RV_MAX_FIELDS)
        return syntax(p, "no column can follow here:", p->words[1].text, err);
    table->columns = grow(p->arena, table->columns, (size_t)table->n_columns, sizeof *table->columns);
    if (table->columns == NULL)
        return no_memory(p, err);
    const char *native = option(p, 3, "native");
    rvi_fake_column made = {.name = p->words[1].text, .native = native != NULL ? native : p->words[2].text};
    if (!parse_type(p->words[2].text, &made.type))
        return syntax(p, "not a type:", p->words[2].text, err);
    made.not_null = flag(p, 3, "not_null");
    made.key = flag(p, 3, "key");
    RV_TRY(number_option(p, 3, "null_every", &made.null_every, err));
    RV_TRY(number_option(p, 3, "bytes", &made.bytes, err));
    if (made.bytes > RVI_FAKE_VALUE_MAX_BYTES)
        return syntax(p, "too many bytes for", made.name, err);
    table->columns[table->n_columns++] = made;
    return RV_OK;
}

static rv_code on_rows(parser *p, rvi_fake_table *table, rv_error *err)
{
    int64_t scaled = 0;
    RV_TRY(need_words(p, 2, err));
    if (table->rows != NULL || p->n_words > 2)
        return syntax(p, "a table has either `rows` or `row`:", table->name, err);
    RV_TRY(number(p, p->words[1].text, &table->n_rows, err));
    /* value.c multiplies positions by up to 4 * 1000 * 1000001. */
    return rv_mul_i64(&scaled, table->n_rows, INT64_C(8000000000))
               ? syntax(p, "too many rows:", p->words[1].text, err)
               : RV_OK;
}

static rv_code on_row(parser *p, rvi_fake_table *table, rv_error *err)
{
    if (p->n_words - 1 != table->n_columns || (table->rows == NULL && table->n_rows > 0))
        return syntax(p, "a row needs one word for each column of", table->name, err);
    table->rows = grow(p->arena, table->rows, (size_t)table->n_rows, sizeof *table->rows);
    rvi_fake_cell *cells = rv_arena_alloc(p->arena, (size_t)table->n_columns, sizeof *cells);
    if (table->rows == NULL || cells == NULL)
        return no_memory(p, err);
    for (int i = 0; i < table->n_columns; i++) {
        const word *w = &p->words[i + 1];
        if (w->quoted || !is_word(w, "null"))
            cells[i] = (rvi_fake_cell){w->text, w->len};
    }
    const char *at = strchr(p->words[0].text, '@');
    int64_t mark = 0;
    if (at != NULL)
        RV_TRY(number(p, at + 1, &mark, err));
    table->rows[table->n_rows++] = (rvi_fake_row){cells, mark};
    return RV_OK;
}

/* The next of the names that commas separate, moving *from past it; NULL: there is none. */
static const char *next_name(parser *p, const char **from)
{
    size_t len = *from != NULL ? strcspn(*from, ",") : 0;
    if (len == 0)
        return NULL;
    const char *name = rv_arena_strndup(p->arena, *from, len);
    *from += len + ((*from)[len] == ',' ? 1 : 0);
    return name;
}

static rv_code index_columns(parser *p, const rvi_fake_table *table, const char *names, rv_key *key,
                             rv_error *err)
{
    for (const char *name; (name = next_name(p, &names)) != NULL;) {
        bool known = false;
        for (int c = 0; c < table->n_columns && !known; c++)
            known = strcmp(table->columns[c].name, name) == 0;
        if (!known || key->n_columns == RV_MAX_KEY_COLUMNS)
            return syntax(p, "not a column that an index can have:", name, err);
        key->columns[key->n_columns++] = name;
    }
    return key->n_columns > 0 ? RV_OK : syntax(p, "an index needs columns:", names, err);
}

static rv_code index_directions(parser *p, const char *names, rv_key *key, rv_error *err)
{
    for (const char *name; (name = next_name(p, &names)) != NULL;) {
        int i = 0;
        while (i < key->n_columns && strcmp(key->columns[i], name) != 0)
            i++;
        if (i == key->n_columns)
            return syntax(p, "not a column of the index:", name, err);
        key->descending[i] = true;
    }
    return RV_OK;
}

static rv_code on_index(parser *p, rvi_fake_table *table, rv_error *err)
{
    static const char *const known[] = {"unique", "not_null",     "primary", "incomplete",
                                        "desc=",  "correlation=", NULL};
    RV_TRY(need_words(p, 3, err));
    RV_TRY(only(p, 3, known, err));
    const char *correlation = option(p, 3, "correlation");
    char *end = NULL;
    rv_index made = {.name = p->words[1].text,
                     .complete = !flag(p, 3, "incomplete"),
                     .unique = flag(p, 3, "unique") || flag(p, 3, "primary"),
                     .not_null = flag(p, 3, "not_null") || flag(p, 3, "primary"),
                     .primary = flag(p, 3, "primary")};
    RV_TRY(index_columns(p, table, p->words[2].text, &made.key, err));
    RV_TRY(index_directions(p, option(p, 3, "desc"), &made.key, err));
    made.correlation = correlation != NULL ? strtod(correlation, &end) : 0;
    if (correlation != NULL && (*end != '\0' || !(made.correlation >= -1 && made.correlation <= 1)))
        return syntax(p, "not a correlation:", correlation, err);
    table->indexes = grow(p->arena, table->indexes, (size_t)table->n_indexes, sizeof *table->indexes);
    if (table->indexes == NULL)
        return no_memory(p, err);
    table->indexes[table->n_indexes++] = made;
    return RV_OK;
}

static rv_code on_horizon(parser *p, rvi_fake_table *table, rv_error *err)
{
    static const char *const known[] = {"held_since_us=", NULL};
    rvi_fake_script *script = p->script;
    int64_t mark = 0;
    (void)table;
    RV_TRY(need_words(p, 2, err));
    RV_TRY(only(p, 2, known, err));
    RV_TRY(number(p, p->words[1].text, &mark, err));
    rvi_fake_horizon made = {.mark = p->words[1].text};
    RV_TRY(number_option(p, 2, "held_since_us", &made.held_since_us, err));
    script->horizons = grow(p->arena, script->horizons, (size_t)script->n_horizons, sizeof *script->horizons);
    if (script->horizons == NULL)
        return no_memory(p, err);
    script->horizons[script->n_horizons++] = made;
    return RV_OK;
}

static rv_code on_pressure(parser *p, rvi_fake_table *table, rv_error *err)
{
    rvi_fake_script *script = p->script;
    int64_t signs[4];
    (void)table;
    RV_TRY(need_words(p, 5, err));
    for (int i = 0; i < 4; i++) {
        signs[i] = -1;
        if (!is_word(&p->words[i + 1], "-"))
            RV_TRY(number(p, p->words[i + 1].text, &signs[i], err));
    }
    script->pressures =
        grow(p->arena, script->pressures, (size_t)script->n_pressures, sizeof *script->pressures);
    if (script->pressures == NULL)
        return no_memory(p, err);
    script->pressures[script->n_pressures++] = (rv_pressure){signs[0], signs[1], signs[2], signs[3]};
    return RV_OK;
}

static rv_code on_aligned(parser *p, rvi_fake_table *table, rv_error *err)
{
    (void)table;
    RV_TRY(need_words(p, 2, err));
    return number(p, p->words[1].text, &p->script->most_aligned, err);
}

static rv_code on_open_since(parser *p, rvi_fake_table *table, rv_error *err)
{
    (void)table;
    RV_TRY(need_words(p, 2, err));
    return number(p, p->words[1].text, &p->script->open_since_us, err);
}

static rv_code on_physical(parser *p, rvi_fake_table *table, rv_error *err)
{
    static const char *const known[] = {"unit=", "per_unit=", "strategy=", "needs_snapshot", NULL};
    const char *unit = option(p, 1, "unit"), *strategy = option(p, 1, "strategy");
    RV_TRY(only(p, 1, known, err));
    RV_TRY(number_option(p, 1, "per_unit", &table->per_unit, err));
    if (unit == NULL || table->per_unit < 1)
        return syntax(p, "a unit and rows per unit are needed for", table->name, err);
    table->unit = unit;
    table->strategy = strategy != NULL ? strategy : "script";
    table->needs_snapshot = flag(p, 1, "needs_snapshot");
    return RV_OK;
}

static rv_code on_page(parser *p, rvi_fake_table *table, rv_error *err)
{
    static const char *const known[] = {"delay_ms=", "hang", NULL};
    rvi_fake_page made = {0};
    RV_TRY(need_words(p, 2, err));
    RV_TRY(only(p, 2, known, err));
    RV_TRY(number(p, p->words[1].text, &made.number, err));
    RV_TRY(number_option(p, 2, "delay_ms", &made.delay_ms, err));
    made.hang = flag(p, 2, "hang");
    table->pages = grow(p->arena, table->pages, (size_t)table->n_pages, sizeof *table->pages);
    if (table->pages == NULL)
        return no_memory(p, err);
    table->pages[table->n_pages++] = made;
    return RV_OK;
}

static rv_code parse_code(const parser *p, const char *text, rv_code *out, rv_error *err)
{
    static const struct {
        const char *symbol;
        rv_code code;
    } codes[] = {
#define RV_ERROR(symbol, number, exit_class, retry, title) {#symbol, RV_E_##symbol},
#include "rivet/error.def"
#undef RV_ERROR
    };
    for (size_t i = 0; text != NULL && i < sizeof codes / sizeof *codes; i++) {
        if (strcmp(codes[i].symbol, text) == 0) {
            *out = codes[i].code;
            return RV_OK;
        }
    }
    return syntax(p, "not an error code:", text != NULL ? text : "", err);
}

/* Position of `text` in a NULL-terminated list; -1: not in it. */
static int index_of(const char *text, const char *const *list)
{
    for (int i = 0; list[i] != NULL; i++)
        if (strcmp(list[i], text) == 0)
            return i;
    return -1;
}

static rv_code on_fail(parser *p, rvi_fake_table *table, rv_error *err)
{
    static const char *const known[] = {"code=", "after_rows=", "times=", "once", "retry=", NULL};
    static const char *const places[] = {
        "open",    "begin",          "describe", "scan",   "page",          "key_ends", "split",
        "horizon", "share_snapshot", "pressure", "settle", "begin_aligned", NULL};
    static const char *const retries[] = {"never", "same", "smaller", "reconnect", "backoff", NULL};
    rvi_fake_script *script = p->script;
    (void)table;
    RV_TRY(need_words(p, 3, err));
    RV_TRY(only(p, 2, known, err));
    int place = index_of(p->words[1].text, places);
    if (place < 0)
        return syntax(p, "nothing can fail at", p->words[1].text, err);
    rvi_fake_failure made = {
        .where = (rvi_fake_where)(place + 1), .table = script->n_tables - 1, .times_left = -1};
    RV_TRY(parse_code(p, option(p, 2, "code"), &made.code, err));
    RV_TRY(number_option(p, 2, "after_rows", &made.after_rows, err));
    RV_TRY(number_option(p, 2, "times", &made.times_left, err));
    made.once = flag(p, 2, "once");
    const char *retry = option(p, 2, "retry");
    int class = retry != NULL ? index_of(retry, retries) : (int)rv_code_retry(made.code);
    if (class < 0)
        return syntax(p, "not a retry class:", retry, err);
    made.retry = (rv_retry) class;
    script->failures = grow(p->arena, script->failures, (size_t)script->n_failures, sizeof *script->failures);
    if (script->failures == NULL)
        return no_memory(p, err);
    script->failures[script->n_failures++] = made;
    return RV_OK;
}

static rv_code on_line(parser *p, rv_error *err)
{
    static const struct {
        const char *name;
        rv_code (*parse)(parser *p, rvi_fake_table *table, rv_error *err);
        bool in_table;
    } verbs[] = {
        {"server", on_server, false},
        {"table", on_table, false},
        {"fail", on_fail, false},
        {"column", on_column, true},
        {"rows", on_rows, true},
        {"row", on_row, true},
        {"physical", on_physical, true},
        {"page", on_page, true},
        {"index", on_index, true},
        {"horizon", on_horizon, false},
        {"pressure", on_pressure, false},
        {"aligned", on_aligned, false},
        {"open_since", on_open_since, false},
    };
    rvi_fake_script *script = p->script;
    rvi_fake_table *table = script->n_tables > 0 ? &script->tables[script->n_tables - 1] : NULL;
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        bool marked = verbs[i].parse == on_row && strncmp(p->words[0].text, "row@", 4) == 0;
        if (!marked && !is_word(&p->words[0], verbs[i].name))
            continue;
        if (verbs[i].in_table && table == NULL)
            return syntax(p, "a table must begin before", p->words[0].text, err);
        return verbs[i].parse(p, table, err);
    }
    return syntax(p, "unknown line", p->words[0].text, err);
}

static rv_code read_file(parser *p, char **out, rv_error *err)
{
    FILE *file = fopen(p->path, "rb");
    if (file == NULL)
        return rv_fail_os(err, RV_E_SOURCE_NOT_FOUND, errno, "cannot open the script %s", p->path);
    rv_bytes content = RV_BYTES_INIT(RVI_FAKE_SCRIPT_MAX_BYTES);
    char block[4096];
    rv_code rc = RV_OK;
    for (size_t n; rc == RV_OK && (n = fread(block, 1, sizeof block, file)) > 0;)
        rc = rv_bytes_append(&content, block, n, err);
    if (rc == RV_OK && ferror(file))
        rc = rv_fail(err, RV_E_IO, "cannot read the script %s", p->path);
    fclose(file);
    if (rc == RV_OK) {
        *out = rv_arena_strndup(p->arena, (const char *)content.data, content.len);
        rc = *out != NULL ? RV_OK : no_memory(p, err);
    }
    rv_bytes_deinit(&content);
    return rc;
}

rv_code rvi_fake_load(rv_arena *arena, const char *path, rvi_fake_script *out, rv_error *err)
{
    rvi_fake_script script = {.version = "1.0", .most_aligned = INT64_MAX};
    parser p = {.arena = arena, .path = path, .script = &script};
    char *text = NULL;
    RV_TRY(read_file(&p, &text, err));
    p.words = rv_arena_alloc(arena, WORDS_MAX, sizeof *p.words);
    if (p.words == NULL)
        return no_memory(&p, err);
    while (text != NULL) {
        char *line = text, *end = strchr(text, '\n');
        text = end != NULL ? end + 1 : NULL;
        if (end != NULL)
            *end = '\0';
        p.line++;
        RV_TRY(read_line(&p, line, err));
        if (p.n_words > 0)
            RV_TRY(on_line(&p, err));
    }
    *out = script;
    return RV_OK;
}

const rvi_fake_table *rvi_fake_query_table(const rvi_fake_script *script, rv_arena *arena, const char *query)
{
    static const char *const start[] = {"SELECT", "*", "FROM"};
    word words[5];
    parser p = {.arena = arena, .path = "query", .at = rv_arena_strdup(arena, query)};
    for (p.n_words = 0; p.at != NULL && p.n_words < 5; p.n_words++) {
        p.at += strspn(p.at, " \t\n");
        if (*p.at == '\0')
            break;
        if (read_word(&p, &words[p.n_words], NULL) != RV_OK)
            return NULL;
    }
    if (p.n_words != 4)
        return NULL;
    for (int i = 0; i < 3; i++)
        if (!is_word(&words[i], start[i]))
            return NULL;
    for (int i = 0; i < script->n_tables; i++)
        if (strcmp(script->tables[i].name, words[3].text) == 0)
            return &script->tables[i];
    return NULL;
}
