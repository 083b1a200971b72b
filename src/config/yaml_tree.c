/* yaml_tree.c - YAML text to nodes with places.
 *
 * The tree is built from libfyaml's parser events, not from its document: events carry the place of
 * everything, and duplicate keys, aliases, depth and size are then ours to bound. What the events say is put
 * on a stack of open lists and blocks; an alias is a deep copy of what its anchor named, so that nodes form
 * a tree and the number of nodes, which is limited, is the whole cost of any file. A copy keeps the places
 * of the original: that is where the user has to change something. */
#include "config/internal.h"
#include "rivet/utf8.h"

#include <libfyaml.h>
#include <stdlib.h>
#include <string.h>

typedef struct anchor {
    const char *name;
    rvi_node *node;
} anchor;

typedef struct builder {
    rv_arena *arena;
    rvi_report *report;
    rv_error *err;
    const char *text; /* the file */
    size_t text_len;
    rvi_node *root;
    rvi_node *stack[RVI_MAX_DEPTH]; /* open lists and blocks, outermost first */
    int depth;
    rvi_node *pending; /* block entry whose key was read and whose value comes next */
    anchor anchors[RVI_MAX_ANCHORS];
    int n_anchors, n_nodes, n_documents;
    bool ended; /* the parser said that the stream is complete */
} builder;

static rv_code out_of_memory(const builder *b)
{
    (void)rv_fail(b->err, RV_E_OUT_OF_MEMORY, "the configuration's tree");
    return RV_E_OUT_OF_MEMORY;
}

/* A problem after which there is no tree. */
static rv_code give_up(builder *b, int line, int column, const char *problem)
{
    rvi_problem_at(b->report, line, column, RV_E_CONFIG_SYNTAX, "%s", problem);
    (void)rv_fail(b->err, RV_E_CONFIG_SYNTAX, "line %d, column %d: %s", line, column, problem);
    return RV_E_CONFIG_SYNTAX;
}

static rv_code node_new(builder *b, rvi_node **out, rvi_node_kind kind, int line, int column)
{
    if (++b->n_nodes > RVI_MAX_NODES)
        return give_up(b, line, column, "too many values, counting each use of an alias");
    rvi_node *node = rv_arena_alloc(b->arena, 1, sizeof *node);
    if (!node)
        return out_of_memory(b);
    node->kind = kind;
    node->line = line;
    node->column = column;
    *out = node;
    return RV_OK;
}

static rv_code append(builder *b, rvi_node *parent, rvi_node *child)
{
    if (parent->n_items == parent->capacity) {
        int capacity = parent->capacity == 0 ? 8 : parent->capacity * 2;
        rvi_node **items = rv_arena_alloc(b->arena, (size_t)capacity, sizeof(rvi_node *));
        if (!items)
            return out_of_memory(b);
        if (parent->n_items > 0)
            memcpy(items, parent->items, (size_t)parent->n_items * sizeof(rvi_node *));
        parent->items = items;
        parent->capacity = capacity;
    }
    child->parent = parent;
    child->index = parent->n_items;
    parent->items[parent->n_items++] = child;
    return RV_OK;
}

/* Take over what the key said, once the value is known. */
static void adopt_key(rvi_node *value, const rvi_node *key)
{
    value->name = key->name;
    value->key_line = key->key_line;
    value->key_column = key->key_column;
    if (value->line == 0) { /* libfyaml gives no place for a value that is not there */
        value->line = key->key_line;
        value->column = key->key_column;
    }
}

static rv_code attach(builder *b, rvi_node *value)
{
    if (b->depth == 0) {
        b->root = value;
        return RV_OK;
    }
    rvi_node *parent = b->stack[b->depth - 1];
    if (parent->kind == RVI_NODE_MAP) {
        adopt_key(value, b->pending);
        b->pending = NULL;
    }
    return append(b, parent, value);
}

static bool key_expected(const builder *b)
{
    return b->depth > 0 && b->stack[b->depth - 1]->kind == RVI_NODE_MAP && !b->pending;
}

static bool is_quoted(struct fy_event *event)
{
    if (event->type != FYET_SCALAR || !event->scalar.value)
        return false;
    enum fy_scalar_style style = fy_token_scalar_style(event->scalar.value);
    return style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED;
}

/* libfyaml's mark of a quoted text or an alias is behind the quote or the star; ours is on it. */
static void place_of(struct fy_event *event, int *line, int *column)
{
    const struct fy_mark *mark = fy_event_start_mark(event);
    *line = mark ? mark->line + 1 : 0;
    *column = mark ? mark->column + (event->type == FYET_ALIAS || is_quoted(event) ? 0 : 1) : 0;
}

static rv_code remember_anchor(builder *b, struct fy_event *event, rvi_node *node)
{
    struct fy_token *token = fy_event_get_anchor_token(event);
    if (!token)
        return RV_OK;
    size_t len = 0;
    const char *text = fy_token_get_text(token, &len);
    if (!text)
        return out_of_memory(b);
    if (b->n_anchors == RVI_MAX_ANCHORS)
        return give_up(b, node->line, node->column, "too many anchors");
    char *name = rv_arena_strndup(b->arena, text, len);
    if (!name)
        return out_of_memory(b);
    b->anchors[b->n_anchors++] = (anchor){name, node};
    return RV_OK;
}

static void refuse_tag(builder *b, struct fy_event *event, const rvi_node *node)
{
    if (fy_event_get_tag_token(event))
        rvi_problem_at(b->report, node->line, node->column, RV_E_CONFIG_VALUE,
                       "YAML tags (!...) are not supported; the key decides the type");
}

/* A quoted text, from the bytes of the file between its quotes. */
static rv_code quoted_text(builder *b, struct fy_token *token, char **out, size_t *len)
{
    const struct fy_mark *start = fy_token_start_mark(token), *end = fy_token_end_mark(token);
    if (!start || !end || start->input_pos > end->input_pos || end->input_pos > b->text_len)
        return rv_fail(b->err, RV_E_INTERNAL, "a quoted text has no place in the file");
    bool single = fy_token_scalar_style(token) == FYSS_SINGLE_QUOTED;
    size_t raw_len = end->input_pos - start->input_pos;
    char *text = rv_arena_alloc(b->arena, RVI_UNQUOTED_MAX(raw_len), 1);
    if (!text)
        return out_of_memory(b);
    if (!rvi_unquote(single ? RVI_QUOTES_SINGLE : RVI_QUOTES_DOUBLE, b->text + start->input_pos, raw_len,
                     text, len))
        return give_up(b, start->line + 1, start->column, "an escape (\\) in double quotes that is none");
    *out = text;
    return RV_OK;
}

/* The scalar's text in the arena. */
static rv_code scalar_text(builder *b, struct fy_event *event, char **out, size_t *len)
{
    if (is_quoted(event))
        return quoted_text(b, event->scalar.value, out, len);
    const char *text = event->scalar.value ? fy_token_get_text(event->scalar.value, len) : "";
    char *copy = text ? rv_arena_strndup(b->arena, text, *len) : NULL;
    if (!copy)
        return out_of_memory(b);
    *out = copy;
    return RV_OK;
}

static rv_code read_key(builder *b, const char *name, size_t len, int line, int column)
{
    rvi_node *key = NULL;
    RV_TRY(node_new(b, &key, RVI_NODE_SCALAR, line, column));
    if (strlen(name) < len)
        rvi_problem_at(b->report, line, column, RV_E_CONFIG_VALUE, "a key contains a NUL character");
    key->name = name;
    key->key_line = line;
    key->key_column = column;
    b->pending = key;
    return RV_OK;
}

static void set_text(rvi_node *node, char *text, size_t len)
{
    node->raw = node->text = text;
    node->raw_len = node->len = len;
}

static rv_code on_scalar(builder *b, struct fy_event *event)
{
    size_t len = 0;
    char *text = NULL;
    int line, column;
    RV_TRY(scalar_text(b, event, &text, &len));
    place_of(event, &line, &column);
    if (key_expected(b))
        return read_key(b, text, len, line, column);
    rvi_node *node = NULL;
    RV_TRY(node_new(b, &node, RVI_NODE_SCALAR, line, column));
    set_text(node, text, len);
    node->plain = !event->scalar.value || fy_token_scalar_style(event->scalar.value) == FYSS_PLAIN;
    RV_TRY(attach(b, node));
    refuse_tag(b, event, node);
    if (strlen(text) < len)
        rvi_problem(b->report, node, RV_E_CONFIG_VALUE, "contains a NUL character");
    return remember_anchor(b, event, node);
}

static rv_code on_open(builder *b, struct fy_event *event, rvi_node_kind kind)
{
    int line, column;
    place_of(event, &line, &column);
    if (key_expected(b))
        return give_up(b, line, column, "a key must be a plain text, not a list or a block");
    if (b->depth == RVI_MAX_DEPTH)
        return give_up(b, line, column, "lists and blocks are nested too deeply");
    rvi_node *node = NULL;
    RV_TRY(node_new(b, &node, kind, line, column));
    RV_TRY(attach(b, node));
    refuse_tag(b, event, node);
    RV_TRY(remember_anchor(b, event, node));
    node->open = true;
    b->stack[b->depth++] = node;
    return RV_OK;
}

static int by_name_then_place(const void *left, const void *right)
{
    const rvi_node *a = *(rvi_node *const *)left, *b = *(rvi_node *const *)right;
    int order = strcmp(a->name, b->name);
    return order != 0 ? order : (a->index > b->index) - (a->index < b->index);
}

/* Report keys given twice. Sorting keeps a block of many keys from costing the square of their number. */
static rv_code find_duplicates(builder *b, const rvi_node *map)
{
    if (map->n_items < 2)
        return RV_OK;
    rvi_node **sorted = rv_arena_alloc(b->arena, (size_t)map->n_items, sizeof(rvi_node *));
    if (!sorted)
        return out_of_memory(b);
    memcpy(sorted, map->items, (size_t)map->n_items * sizeof(rvi_node *));
    qsort(sorted, (size_t)map->n_items, sizeof(rvi_node *), by_name_then_place);
    const rvi_node *first = sorted[0];
    for (int i = 1; i < map->n_items; i++) {
        if (strcmp(sorted[i]->name, first->name) == 0)
            rvi_problem_at_key(b->report, sorted[i], RV_E_CONFIG_DUPLICATE_KEY,
                               "the key is given twice; first in line %d", first->key_line);
        else
            first = sorted[i];
    }
    return RV_OK;
}

static rv_code on_close(builder *b)
{
    rvi_node *node = b->stack[--b->depth];
    node->open = false;
    return node->kind == RVI_NODE_MAP ? find_duplicates(b, node) : RV_OK;
}

/* Depth is that of the place copied to, so that a chain of aliases cannot nest without end. */
static rv_code copy_tree(builder *b, const rvi_node *from, int depth, rvi_node **out)
{
    if (depth > RVI_MAX_DEPTH)
        return give_up(b, from->line, from->column, "lists and blocks are nested too deeply by aliases");
    rvi_node *node = NULL;
    RV_TRY(node_new(b, &node, from->kind, from->line, from->column));
    node->plain = from->plain;
    node->bad = from->bad;
    if (from->kind == RVI_NODE_SCALAR) {
        char *text = rv_arena_strndup(b->arena, from->raw, from->raw_len);
        if (!text)
            return out_of_memory(b);
        set_text(node, text, from->raw_len);
    }
    for (int i = 0; i < from->n_items; i++) {
        rvi_node *child = NULL;
        RV_TRY(copy_tree(b, from->items[i], depth + 1, &child));
        if (from->kind == RVI_NODE_MAP)
            adopt_key(child, from->items[i]);
        RV_TRY(append(b, node, child));
    }
    *out = node;
    return RV_OK;
}

static rv_code on_alias(builder *b, struct fy_event *event)
{
    int line, column;
    place_of(event, &line, &column);
    if (key_expected(b))
        return give_up(b, line, column, "a key must be a plain text, not an alias");
    size_t len = 0;
    const char *name = fy_token_get_text(event->alias.anchor, &len);
    if (!name)
        return out_of_memory(b);
    const rvi_node *target = NULL;
    for (int i = b->n_anchors - 1; i >= 0 && !target; i--) /* the latest of a name counts: YAML 1.2.2, 7.1 */
        if (strlen(b->anchors[i].name) == len && memcmp(b->anchors[i].name, name, len) == 0)
            target = b->anchors[i].node;
    if (!target)
        return give_up(b, line, column, "an alias (*name) without an anchor (&name) before it");
    if (target->open)
        return give_up(b, line, column, "an alias inside the value that it stands for");
    rvi_node *node = NULL;
    RV_TRY(copy_tree(b, target, b->depth + 1, &node));
    return attach(b, node);
}

static rv_code on_event(builder *b, struct fy_event *event)
{
    int line, column;
    switch (event->type) {
    case FYET_NONE:
    case FYET_STREAM_START:
    case FYET_DOCUMENT_END:
        return RV_OK;
    case FYET_STREAM_END:
        b->ended = true;
        return RV_OK;
    case FYET_DOCUMENT_START:
        place_of(event, &line, &column);
        if (b->n_documents++ > 0)
            return give_up(b, line, column, "a second document (---); one file holds one configuration");
        return RV_OK;
    case FYET_MAPPING_START:
        return on_open(b, event, RVI_NODE_MAP);
    case FYET_SEQUENCE_START:
        return on_open(b, event, RVI_NODE_LIST);
    case FYET_MAPPING_END:
    case FYET_SEQUENCE_END:
        return on_close(b);
    case FYET_SCALAR:
        return on_scalar(b, event);
    case FYET_ALIAS:
        return on_alias(b, event);
    }
    return RV_OK;
}

/* What to look for, in words of the file and not of YAML's grammar; "" where the parser's say enough. The parts are
 * those of the messages of libfyaml 0.7; one that is worded otherwise is shown without advice. */
static const char *advice_on(const char *what)
{
    static const struct {
        const char *part, *advice;
    } known[] = {
        {"expected '-'", ": is this line indented like the others of its block?"},
        {"end of block sequence", ": the keys behind '- ' are indented further than the '-'"},
        {"expected key", ": is this line indented like the others of its block?"},
        {"wrongly indented", ": is a quote not closed, or this line indented too little?"},
        {"multiline plain key", ": is the next line indented too far, or a blank missing after '-' or ':'?"},
        {"cannot start with", ": put the value in quotes"},
        {"invalid alias", ": put a value that begins with '*' in quotes"},
        {"nested block mapping",
         ": put a value with a colon in it in quotes, or on lines of its own behind '|'"},
        {"missing comma in flow", ": is a '}' or ']' missing?"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strstr(what, known[i].part))
            return known[i].advice;
    return "";
}

/* The parser stopped before the end of the stream: say why and where. */
static rv_code syntax_error(builder *b, struct fy_diag *diag, bool has_variables)
{
    void *position = NULL;
    struct fy_diag_error *first = fy_diag_errors_iterate(diag, &position);
    const char *what = first && first->msg ? first->msg : "not valid YAML";
    int line = first ? first->line : 1, column = first ? first->column : 1;
    rvi_problem_at(b->report, line, column, RV_E_CONFIG_SYNTAX, "%s%s", what,
                   has_variables ? " (inside [...] and {...} a ${VAR} has to be in quotes)"
                                 : advice_on(what));
    return rv_fail(b->err, RV_E_CONFIG_SYNTAX, "line %d, column %d: %s", line, column, what);
}

static rv_code read_events(builder *b, struct fy_parser *parser)
{
    while (!b->ended) {
        struct fy_event *event = fy_parser_parse(parser);
        if (!event)
            break;
        rv_code rc = on_event(b, event);
        fy_parser_event_free(parser, event);
        RV_TRY(rc);
    }
    return RV_OK;
}

static rv_code parse_with(builder *b, struct fy_diag *diag, const char *text, size_t len)
{
    const struct fy_parse_cfg config = {
        .search_path = "",
        .flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE,
        .diag = diag,
    };
    struct fy_parser *parser = fy_parser_create(&config);
    if (!parser)
        return out_of_memory(b);
    rv_code rc = fy_parser_set_string(parser, text, len) == 0 ? read_events(b, parser) : out_of_memory(b);
    if (rc == RV_OK && !b->ended)
        rc = syntax_error(b, diag, strstr(text, "${") != NULL);
    fy_parser_destroy(parser);
    return rc;
}

/* What must not reach the parser. */
static rv_code check_bytes(builder *b, const char *text, size_t len)
{
    if (len > RVI_FILE_MAX_BYTES)
        return give_up(b, 1, 1, "the file is too large");
    int line = 1;
    const char *end = text + len;
    for (const char *start = text; start < end; line++) {
        const char *newline = memchr(start, '\n', (size_t)(end - start));
        size_t n = (size_t)((newline ? newline : end) - start);
        if (!rv_utf8_valid((const uint8_t *)start, n) || memchr(start, '\0', n))
            return give_up(b, line, 1, "a byte that is not UTF-8 text");
        /* libfyaml's time grows with the square of the number of %TAG lines; tags are refused anyway. */
        if (n > 0 && start[0] == '%' && strncmp(start, "%YAML ", n < 6 ? n : 6) != 0)
            return give_up(b, line, 1, "a directive (%) that is not supported");
        start = newline ? newline + 1 : end;
    }
    return RV_OK;
}

rv_code rvi_tree_parse(rv_arena *arena, const char *text, size_t len, rvi_report *report, rvi_node **root,
                       rv_error *err)
{
    builder *b = rv_arena_alloc(arena, 1, sizeof *b);
    if (!b)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "the configuration's tree");
    b->arena = arena;
    b->report = report;
    b->err = err;
    b->text = text;
    b->text_len = len;
    RV_TRY(check_bytes(b, text, len));
    struct fy_diag_cfg config;
    fy_diag_cfg_default(&config);
    config.fp = NULL;
    config.colorize = false;
    struct fy_diag *diag = fy_diag_create(&config);
    if (!diag)
        return out_of_memory(b);
    fy_diag_set_collect_errors(diag, true);
    rv_code rc = parse_with(b, diag, text, len);
    fy_diag_destroy(diag);
    if (rc != RV_OK) {
        rvi_tree_wipe(b->root);
        return rc;
    }
    *root = b->root;
    return RV_OK;
}

void rvi_tree_wipe(rvi_node *root)
{
    if (!root)
        return;
    if (root->kind == RVI_NODE_SCALAR) {
        rv_wipe(root->raw, root->raw_len);
        rv_wipe(root->text, root->len);
    }
    for (int i = 0; i < root->n_items; i++)
        rvi_tree_wipe(root->items[i]);
}

bool rvi_is_null(const rvi_node *node)
{
    static const char *const spelled[] = {"", "~", "null", "Null", "NULL"}; /* YAML 1.2.2, 10.3.2 */
    if (!node)
        return true;
    if (node->kind != RVI_NODE_SCALAR || !node->plain || node->expanded)
        return false;
    for (size_t i = 0; i < sizeof spelled / sizeof spelled[0]; i++)
        if (node->len == strlen(spelled[i]) && strcmp(node->text, spelled[i]) == 0)
            return true;
    return false;
}

bool rvi_is_scalar(const rvi_node *node)
{
    return node && node->kind == RVI_NODE_SCALAR && !rvi_is_null(node);
}
