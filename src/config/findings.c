/* findings.c - the list of problems and warnings: adding, wording, order. */
#include "config/internal.h"
#include "rivet/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Text that is cut where the buffer ends. */
typedef struct text_buffer {
    char *bytes;
    size_t size, len; /* len < size; bytes[len] is NUL */
} text_buffer;

static void put(text_buffer *out, const char *text, size_t len)
{
    size_t room = out->size - 1 - out->len;
    size_t n = len <= room ? len : rv_utf8_prefix((const uint8_t *)text, len, room);
    memcpy(out->bytes + out->len, text, n);
    out->len += n;
    out->bytes[out->len] = '\0';
}

/* Text from the file, with control characters made visible as '?'. */
static void put_foreign(text_buffer *out, const char *text, size_t len)
{
    size_t start = out->len;
    put(out, text, len);
    for (size_t i = start; i < out->len; i++)
        if ((unsigned char)out->bytes[i] < 0x20 || out->bytes[i] == 0x7f)
            out->bytes[i] = '?';
}

static bool is_simple_name(const char *name)
{
    static const char simple[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    return name[0] != '\0' && name[strspn(name, simple)] == '\0';
}

/* "exports[0].columns["a b"].type" */
static void put_path(text_buffer *out, const rvi_node *node)
{
    const rvi_node *chain[RVI_MAX_DEPTH + 2];
    int n = 0;
    for (; node && node->parent && n < RVI_MAX_DEPTH + 2; node = node->parent)
        chain[n++] = node;
    while (n-- > 0) {
        char number[24];
        if (!chain[n]->name) {
            int len = snprintf(number, sizeof number, "[%d]", chain[n]->index);
            put(out, number, (size_t)len);
        } else if (is_simple_name(chain[n]->name)) {
            put(out, ".", out->len > 0);
            put(out, chain[n]->name, strlen(chain[n]->name));
        } else {
            put(out, "[\"", 2);
            put_foreign(out, chain[n]->name, strlen(chain[n]->name));
            put(out, "\"]", 2);
        }
    }
}

static bool make_room(rv_findings *findings)
{
    if (!findings->arena && rv_arena_new(&findings->arena, RVI_FINDINGS_MAX_BYTES, NULL) != RV_OK)
        return false;
    if (findings->n < findings->capacity)
        return true;
    int capacity = findings->capacity == 0 ? 16 : findings->capacity * 2;
    rv_finding *items = rv_arena_alloc(findings->arena, (size_t)capacity, sizeof *items);
    if (!items)
        return false;
    if (findings->n > 0)
        memcpy(items, findings->items, (size_t)findings->n * sizeof *items);
    findings->items = items;
    findings->capacity = capacity;
    return true;
}

static void append(rvi_report *report, const rv_finding *finding)
{
    rv_findings *findings = report->findings;
    if (!make_room(findings)) {
        report->out_of_memory = true;
        return;
    }
    rv_finding copy = *finding;
    copy.path = rv_arena_strdup(findings->arena, finding->path);
    copy.message = rv_arena_strdup(findings->arena, finding->message);
    if (!copy.path || !copy.message) {
        report->out_of_memory = true;
        return;
    }
    findings->items[findings->n++] = copy;
}

static void add(rvi_report *report, rv_finding finding, const char *fmt, va_list args)
{
    if (!finding.warning)
        report->n_errors++;
    if (report->findings->n > RVI_MAX_FINDINGS)
        return;
    char message[RVI_MESSAGE_BYTES];
    if (report->findings->n == RVI_MAX_FINDINGS) {
        finding.line = finding.column = 0;
        finding.path = "";
        finding.message = "there are more problems, which are not shown";
        append(report, &finding);
        return;
    }
    (void)vsnprintf(message, sizeof message, fmt, args);
    rv_redact(report->redactor, message, sizeof message);
    finding.message = message;
    append(report, &finding);
}

void rvi_problem(rvi_report *report, rvi_node *node, rv_code code, const char *fmt, ...)
{
    char path[RVI_PATH_BYTES] = "";
    text_buffer out = {path, sizeof path, 0};
    put_path(&out, node);
    rv_finding finding = {.code = code, .path = path};
    if (node) {
        finding.line = node->line;
        finding.column = node->column;
        node->bad = true;
    }
    va_list args;
    va_start(args, fmt);
    add(report, finding, fmt, args);
    va_end(args);
}

void rvi_problem_at_key(rvi_report *report, rvi_node *node, rv_code code, const char *fmt, ...)
{
    char path[RVI_PATH_BYTES] = "";
    text_buffer out = {path, sizeof path, 0};
    put_path(&out, node);
    bool keyed = node->key_line > 0;
    rv_finding finding = {.code = code,
                          .path = path,
                          .line = keyed ? node->key_line : node->line,
                          .column = keyed ? node->key_column : node->column};
    node->bad = true;
    va_list args;
    va_start(args, fmt);
    add(report, finding, fmt, args);
    va_end(args);
}

void rvi_problem_at(rvi_report *report, int line, int column, rv_code code, const char *fmt, ...)
{
    rv_finding finding = {.code = code, .path = "", .line = line, .column = column};
    va_list args;
    va_start(args, fmt);
    add(report, finding, fmt, args);
    va_end(args);
}

void rvi_warning(rvi_report *report, rvi_node *node, const char *path, rv_code code, const char *fmt, ...)
{
    char rendered[RVI_PATH_BYTES] = "";
    text_buffer out = {rendered, sizeof rendered, 0};
    put_path(&out, node);
    rv_finding finding = {.code = code, .warning = true, .path = node ? rendered : path};
    if (node) {
        finding.line = node->line;
        finding.column = node->column;
    }
    va_list args;
    va_start(args, fmt);
    add(report, finding, fmt, args);
    va_end(args);
}

/* Whether `a` belongs after `b`. */
static bool comes_after(const rv_finding *a, const rv_finding *b)
{
    if ((a->line == 0) != (b->line == 0))
        return a->line == 0;
    return a->line != b->line ? a->line > b->line : a->column > b->column;
}

void rvi_findings_sort(rv_findings *findings)
{
    /* Insertion sort: stable, and there are at most RVI_MAX_FINDINGS + 1. */
    for (int i = 1; i < findings->n; i++) {
        rv_finding moving = findings->items[i];
        int j = i;
        for (; j > 0 && comes_after(&findings->items[j - 1], &moving); j--)
            findings->items[j] = findings->items[j - 1];
        findings->items[j] = moving;
    }
}

void rv_findings_free(rv_findings *findings)
{
    if (!findings)
        return;
    rv_arena_free(findings->arena);
    *findings = (rv_findings){0};
}

const char *rvi_echo(const rvi_node *node, char out[RVI_ECHO_BYTES])
{
    text_buffer buffer = {out, RVI_ECHO_BYTES - 5, 0}; /* room for the closing "...'" */
    out[0] = '\0';
    if (!node->shown || node->kind != RVI_NODE_SCALAR) {
        put(&buffer, "the value (not shown)", strlen("the value (not shown)"));
        return out;
    }
    /* `raw`, not `text`: the value of a variable may be a secret that strayed into the wrong key. */
    put(&buffer, "'", 1);
    put_foreign(&buffer, node->raw, node->raw_len);
    bool whole = buffer.len == node->raw_len + 1;
    buffer.size = RVI_ECHO_BYTES;
    put(&buffer, whole ? "'" : "...'", whole ? 1 : 4);
    return out;
}

const char *rvi_suggest(const rvi_report *report, const char *word, const char *const *words, size_t n,
                        char out[RVI_ECHO_BYTES])
{
    /* The distance costs the product of the lengths, so not for what nobody will see or could have meant. */
    enum { MAX_WORD_BYTES = 64 };
    bool useful = report->findings->n < RVI_MAX_FINDINGS && strlen(word) <= MAX_WORD_BYTES;
    const char *nearest = useful ? rv_did_you_mean(word, words, n) : NULL;
    out[0] = '\0';
    if (nearest)
        (void)snprintf(out, RVI_ECHO_BYTES, "; did you mean '%s'?", nearest);
    return out;
}

const char *rvi_list_words(const char *const *words, size_t n, char out[RVI_LIST_BYTES])
{
    text_buffer buffer = {out, RVI_LIST_BYTES, 0};
    out[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        put(&buffer, ", ", i > 0 ? 2 : 0);
        put_foreign(&buffer, words[i], strlen(words[i]));
    }
    return out;
}
