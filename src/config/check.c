/* check.c - the tree against schema.def, in two passes: keys, then (variables expanded) values.
 *
 * Pure: a tree in, findings out, no file and no environment is touched. Both passes walk the blocks the same
 * way; what a block holds is decided by the row of its key. A key of a later version is refused where it
 * stands and not looked into: its inner keys would only repeat the message. */
#include "config/internal.h"
#include "rivet/utf8.h"

#include <stdio.h>
#include <string.h>

static const char *kind_of(const rvi_node *node)
{
    switch (node->kind) {
    case RVI_NODE_SCALAR:
        return rvi_is_null(node) ? "empty" : "a single value";
    case RVI_NODE_LIST:
        return "a list";
    case RVI_NODE_MAP:
        return "a block of keys";
    }
    return "unknown";
}

static void expect(rvi_report *report, rvi_node *node, const char *expected)
{
    rvi_problem(report, node, RV_E_CONFIG_TYPE, "is %s; expected %s", kind_of(node), expected);
}

/* ---- keys ---------------------------------------------------------------------------------------------- */

static void check_block_keys(rvi_report *report, rvi_node *block, rvi_section section);

/* A key that was put one level too high: the block below that knows it, or NULL. */
static const char *belongs_under(rvi_section section, const char *name)
{
    for (int id = 0; id < RVI_KEYS; id++) {
        const rvi_key *row = rvi_key_row((rvi_key_id)id);
        if (row->section == section && row->kind == RVI_KIND_BLOCK && !(row->flags & RVI_LATER) &&
            rvi_key_find(row->inner, name))
            return row->name;
    }
    return NULL;
}

static void unknown_key(rvi_report *report, rvi_node *node, rvi_section section)
{
    if (strcmp(node->name, "<<") == 0) {
        rvi_problem_at_key(report, node, RV_E_CONFIG_UNKNOWN_KEY,
                           "merge keys (<<) are not supported; an alias can stand for a whole value");
        return;
    }
    const char *under = belongs_under(section, node->name);
    if (under) {
        rvi_problem_at_key(report, node, RV_E_CONFIG_UNKNOWN_KEY, "unknown key here; it belongs under '%s'",
                           under);
        return;
    }
    const char *words[RVI_MAX_WORDS];
    char hint[RVI_ECHO_BYTES];
    size_t n = rvi_section_words(section, words);
    rvi_suggest(report, node->name, words, n, hint);
    rvi_problem_at_key(report, node, RV_E_CONFIG_UNKNOWN_KEY, "unknown key%s", hint);
}

static void report_missing(rvi_report *report, rvi_node *block, rvi_section section)
{
    for (int id = 0; id < RVI_KEYS; id++) {
        const rvi_key *row = rvi_key_row((rvi_key_id)id);
        if (row->section != section || !(row->flags & RVI_REQUIRED) || rvi_child(block, row->id))
            continue;
        bool was_bad = block->bad; /* the block itself is usable */
        rvi_problem(report, block, RV_E_CONFIG_MISSING_KEY, "the key '%s' is missing", row->name);
        block->bad = was_bad;
    }
}

static void check_list_of_blocks(rvi_report *report, rvi_node *list, rvi_section inner)
{
    for (int i = 0; i < list->n_items; i++) {
        if (list->items[i]->kind == RVI_NODE_MAP)
            check_block_keys(report, list->items[i], inner);
        else
            expect(report, list->items[i], "a block of keys");
    }
}

/* Names under `columns` are free; an entry may be a block. */
static void check_column_keys(rvi_report *report, rvi_node *columns)
{
    for (int i = 0; i < columns->n_items; i++) {
        columns->items[i]->shown = true;
        if (columns->items[i]->kind == RVI_NODE_MAP)
            check_block_keys(report, columns->items[i], RVI_S_COLUMN);
    }
}

static void show_all(rvi_node *node)
{
    node->shown = true;
    for (int i = 0; i < node->n_items; i++)
        show_all(node->items[i]);
}

static void check_inside(rvi_report *report, rvi_node *node)
{
    const rvi_key *key = node->key;
    if (rvi_is_null(node))
        return;
    if (key->kind == RVI_KIND_BLOCK) {
        if (node->kind == RVI_NODE_MAP)
            check_block_keys(report, node, key->inner);
        else
            expect(report, node, "a block of keys");
    } else if (key->kind == RVI_KIND_BLOCKS) {
        if (node->kind == RVI_NODE_LIST)
            check_list_of_blocks(report, node, key->inner);
        else
            expect(report, node, "a list of blocks, each begun with '-'");
    } else if (key->kind == RVI_KIND_COLUMNS) {
        if (node->kind == RVI_NODE_MAP)
            check_column_keys(report, node);
        else
            expect(report, node, "a block of column names");
    } else if (!(key->flags & RVI_SECRET)) {
        show_all(node);
    }
}

/* A key of a later version that is given its default asks for what happens without it, too: files that spell such
 * defaults out go on working. */
static bool asks_for_its_default(const rvi_node *node)
{
    bool wanted = false, given = false;
    if (!node->key->fallback || node->kind != RVI_NODE_SCALAR || !node->plain)
        return false;
    if (node->key->kind == RVI_KIND_BOOL)
        return rvi_parse_bool(node->key->fallback, &wanted) && rvi_parse_bool(node->text, &given) &&
               wanted == given;
    return strcmp(node->text, node->key->fallback) == 0;
}

static void check_block_keys(rvi_report *report, rvi_node *block, rvi_section section)
{
    for (int i = 0; i < block->n_items; i++) {
        rvi_node *node = block->items[i];
        node->key = rvi_key_find(section, node->name);
        if (node->bad)
            continue; /* given twice */
        if (!node->key)
            unknown_key(report, node, section);
        else if (node->key->flags & RVI_LATER && !asks_for_its_default(node))
            rvi_problem_at_key(report, node, RV_E_CONFIG_NOT_SUPPORTED_YET,
                               "'%s' is not supported by this version of Rivet", node->key->name);
        else if (!(node->key->flags & RVI_LATER))
            check_inside(report, node);
    }
    report_missing(report, block, section);
}

void rvi_check_keys(rvi_report *report, rvi_node *root)
{
    if (root->kind == RVI_NODE_MAP)
        check_block_keys(report, root, RVI_S_ROOT);
    else
        expect(report, root, "a block of keys: 'source' and 'exports'");
}

/* ---- values -------------------------------------------------------------------------------------------- */

static void check_text(rvi_report *report, rvi_node *node)
{
    const rvi_key *key = node->key;
    int64_t len = (int64_t)node->len; /* bounded by RVI_FILE_MAX_BYTES and RVI_EXPANDED_MAX_BYTES */
    if (len == 0 && key->min > 0)
        rvi_problem(report, node, RV_E_CONFIG_VALUE, "is empty");
    else if (len < key->min || len > key->max)
        rvi_problem(report, node, RV_E_CONFIG_VALUE, "is %lld bytes long; allowed: %lld to %lld",
                    (long long)len, (long long)key->min, (long long)key->max);
    else if (!(key->flags & RVI_SECRET) && !rv_utf8_valid((const uint8_t *)node->text, node->len))
        rvi_problem(report, node, RV_E_CONFIG_VALUE, "is not valid UTF-8");
}

/* Quotes say "text" in YAML; only a variable's value, which often needs them, may be a number all the same.
 */
static bool is_quoted_literal(rvi_report *report, rvi_node *node, const char *expected)
{
    if (node->plain || node->expanded)
        return false;
    rvi_problem(report, node, RV_E_CONFIG_TYPE, "is a text in quotes; expected %s, without quotes", expected);
    return true;
}

static void check_int(rvi_report *report, rvi_node *node)
{
    const rvi_key *key = node->key;
    char found[RVI_ECHO_BYTES];
    int64_t value = 0;
    if (is_quoted_literal(report, node, "a whole number"))
        return;
    if (!rvi_parse_int(node->text, &value))
        rvi_problem(report, node, RV_E_CONFIG_TYPE, "%s is not a whole number", rvi_echo(node, found));
    else if (value < key->min || value > key->max)
        rvi_problem(report, node, RV_E_CONFIG_VALUE, "%s is out of range; allowed: %lld to %lld%s%s",
                    rvi_echo(node, found), (long long)key->min, (long long)key->max, key->unit[0] ? " " : "",
                    key->unit);
}

static void check_size(rvi_report *report, rvi_node *node)
{
    const rvi_key *key = node->key;
    char found[RVI_ECHO_BYTES];
    int64_t value = 0;
    if (!rvi_parse_size(node->text, &value))
        rvi_problem(report, node, RV_E_CONFIG_TYPE, "%s is not a size; sizes are written as 512MB or 1.5GB",
                    rvi_echo(node, found));
    else if (value < key->min || value > key->max)
        rvi_problem(report, node, RV_E_CONFIG_VALUE, "%s is out of range; allowed: %lld B to %lld GB",
                    rvi_echo(node, found), (long long)key->min, (long long)(key->max >> 30));
}

static void check_bool(rvi_report *report, rvi_node *node)
{
    char found[RVI_ECHO_BYTES];
    bool value = false;
    if (is_quoted_literal(report, node, "true or false"))
        return;
    if (!rvi_parse_bool(node->text, &value))
        rvi_problem(report, node, RV_E_CONFIG_TYPE, "%s is neither true nor false", rvi_echo(node, found));
}

/* `key`: whose set the word is of. */
static void check_word(rvi_report *report, rvi_node *node, const rvi_key *key)
{
    char found[RVI_ECHO_BYTES], hint[RVI_ECHO_BYTES], allowed[RVI_LIST_BYTES];
    const rvi_name *name = rvi_name_find(key->set, node->text);
    if (name && name->flags & RVI_LATER) {
        rvi_problem(report, node, RV_E_CONFIG_NOT_SUPPORTED_YET,
                    "'%s: %s' is not supported by this version of Rivet", key->name, name->text);
        return;
    }
    if (name)
        return;
    const char *words[RVI_MAX_WORDS], *usable[RVI_MAX_WORDS];
    size_t n = rvi_set_words(key->set, words), n_usable = 0;
    for (size_t i = 0; i < n; i++)
        if (!(rvi_name_find(key->set, words[i])->flags & RVI_LATER))
            usable[n_usable++] = words[i];
    rvi_problem(report, node, RV_E_CONFIG_VALUE, "%s is not allowed; allowed: %s%s", rvi_echo(node, found),
                rvi_list_words(usable, n_usable, allowed), rvi_suggest(report, node->text, words, n, hint));
}

static void check_type(rvi_report *report, rvi_node *node)
{
    char found[RVI_ECHO_BYTES];
    rv_type type;
    if (!rvi_is_scalar(node))
        expect(report, node, "a type, such as decimal(10,2)");
    else if (!rv_type_parse(node->text, &type))
        rvi_problem(report, node, RV_E_CONFIG_VALUE,
                    "%s is not a type; types: bool, int2, int4, int8, float4, float8, decimal(p,s), date, "
                    "timestamp, timestamp_tz, timestamp_ns, timestamp_tz_ns, text, binary, json, uuid",
                    rvi_echo(node, found));
}

static void check_policy(rvi_report *report, rvi_node *node)
{
    static const char *const words[] = {"fail", "null", "clamp", "text"};
    char found[RVI_ECHO_BYTES], hint[RVI_ECHO_BYTES];
    rv_policy policy;
    /* `null` is a policy here, whatever YAML makes of the bare word. */
    if (node->kind != RVI_NODE_SCALAR || node->len == 0)
        expect(report, node, "a policy: fail, null, clamp or text");
    else if (!rv_policy_parse(node->text, &policy))
        rvi_problem(report, node, RV_E_CONFIG_VALUE,
                    "%s is not a policy; policies: fail, null, clamp, text%s", rvi_echo(node, found),
                    rvi_suggest(report, node->text, words, sizeof words / sizeof words[0], hint));
}

static void check_policies(rvi_report *report, rvi_node *node)
{
    const char *classes[RV_INVALID_CLASSES];
    for (int i = 0; i < RV_INVALID_CLASSES; i++)
        classes[i] = rv_invalid_name((rv_invalid)i);
    if (node->kind != RVI_NODE_MAP) {
        check_policy(report, node);
        return;
    }
    for (int i = 0; i < node->n_items; i++) {
        rvi_node *item = node->items[i];
        char hint[RVI_ECHO_BYTES], allowed[RVI_LIST_BYTES];
        bool known = false;
        for (int c = 0; c < RV_INVALID_CLASSES; c++)
            known = known || strcmp(classes[c], item->name) == 0;
        if (!known)
            rvi_problem_at_key(report, item, RV_E_CONFIG_UNKNOWN_KEY,
                               "unknown class of values; classes: %s%s",
                               rvi_list_words(classes, RV_INVALID_CLASSES, allowed),
                               rvi_suggest(report, item->name, classes, RV_INVALID_CLASSES, hint));
        else
            check_policy(report, item);
    }
}

/* Items have no key of their own; the list's says how long each may be. */
static void check_texts(rvi_report *report, rvi_node *list)
{
    if (list->kind != RVI_NODE_LIST) {
        expect(report, list, "a list of texts");
        return;
    }
    for (int i = 0; i < list->n_items; i++) {
        rvi_node *item = list->items[i];
        item->key = list->key;
        if (rvi_is_scalar(item))
            check_text(report, item);
        else
            expect(report, item, "a text");
    }
}

static void check_number(rvi_report *report, rvi_node *node, double least, double most)
{
    char found[RVI_ECHO_BYTES];
    double value = 0;
    if (!rvi_is_scalar(node))
        expect(report, node, "a number");
    else if (is_quoted_literal(report, node, "a number"))
        return;
    else if (!rvi_parse_number(node->text, &value))
        rvi_problem(report, node, RV_E_CONFIG_TYPE, "%s is not a number, such as 2 or 0.5",
                    rvi_echo(node, found));
    else if (value < least || value > most)
        rvi_problem(report, node, RV_E_CONFIG_VALUE, "%s is out of range; allowed: %g to %g",
                    rvi_echo(node, found), least, most);
}

static void check_ratios(rvi_report *report, rvi_node *node)
{
    if (node->kind != RVI_NODE_MAP) {
        expect(report, node, "a block: column name to a number");
        return;
    }
    if (node->n_items > RV_MAX_FIELDS)
        rvi_problem(report, node, RV_E_CONFIG_VALUE, "has %d entries; at most %d", node->n_items,
                    RV_MAX_FIELDS);
    for (int i = 0; i < node->n_items; i++)
        if (!node->items[i]->bad)
            check_number(report, node->items[i], 0, 1);
}

static void check_duration(rvi_report *report, rvi_node *node)
{
    char found[RVI_ECHO_BYTES];
    int64_t us = 0, units = 0;
    if (!rvi_is_scalar(node))
        expect(report, node, "a time, such as 15m");
    else if (!rvi_parse_duration(node->text, &us, &units))
        rvi_problem(report, node, RV_E_CONFIG_VALUE,
                    "%s is neither a time (90s, 15m, 1h, 2d; at most 36500d) nor a whole number",
                    rvi_echo(node, found));
}

static void refuse_repeated(rvi_report *report, rvi_node *list)
{
    for (int i = 1; i < list->n_items; i++)
        for (int k = 0; k < i; k++)
            if (rvi_is_scalar(list->items[i]) && rvi_is_scalar(list->items[k]) && !list->items[i]->bad &&
                strcmp(list->items[i]->text, list->items[k]->text) == 0)
                rvi_problem(report, list->items[i], RV_E_CONFIG_VALUE, "is named twice");
}

static void check_names(rvi_report *report, rvi_node *list)
{
    check_texts(report, list);
    refuse_repeated(report, list);
}

/* Column names: one, or a list. */
static void check_key(rvi_report *report, rvi_node *node)
{
    if (node->kind == RVI_NODE_SCALAR) {
        check_text(report, node);
        return;
    }
    if (node->kind != RVI_NODE_LIST || node->n_items == 0 || node->n_items > RV_MAX_KEY_COLUMNS) {
        rvi_problem(report, node, RV_E_CONFIG_TYPE, "is %s; expected a column's name or a list of up to %d",
                    node->kind != RVI_NODE_LIST ? kind_of(node)
                    : node->n_items == 0        ? "an empty list"
                                                : "a longer list",
                    RV_MAX_KEY_COLUMNS);
        return;
    }
    check_names(report, node);
}

static void check_choice(rvi_report *report, rvi_node *node)
{
    bool value = false;
    if (node->kind == RVI_NODE_LIST && node->n_items > RV_MAX_FIELDS)
        rvi_problem(report, node, RV_E_CONFIG_VALUE, "has %d entries; at most %d", node->n_items,
                    RV_MAX_FIELDS);
    else if (node->kind == RVI_NODE_LIST && node->n_items > 0)
        check_names(report, node);
    else if (node->kind != RVI_NODE_SCALAR || !rvi_parse_bool(node->text, &value) ||
             (!node->plain && !node->expanded))
        expect(report, node, "true, false or a list of columns");
}

static void check_block_values(rvi_report *report, rvi_node *block);

static void check_columns(rvi_report *report, rvi_node *columns)
{
    if (columns->n_items > RV_MAX_FIELDS)
        rvi_problem(report, columns, RV_E_CONFIG_VALUE, "has %d entries; at most %d", columns->n_items,
                    RV_MAX_FIELDS);
    for (int i = 0; i < columns->n_items; i++) {
        if (columns->items[i]->bad)
            continue;
        if (columns->items[i]->kind == RVI_NODE_MAP)
            check_block_values(report, columns->items[i]);
        else
            check_type(report, columns->items[i]);
    }
}

static void check_scalar(rvi_report *report, rvi_node *node)
{
    if (node->kind != RVI_NODE_SCALAR) {
        expect(report, node, "a single value");
        return;
    }
    if (node->key->kind == RVI_KIND_TEXT)
        check_text(report, node);
    else if (node->key->kind == RVI_KIND_INT)
        check_int(report, node);
    else if (node->key->kind == RVI_KIND_SIZE)
        check_size(report, node);
    else if (node->key->kind == RVI_KIND_BOOL)
        check_bool(report, node);
    else
        check_word(report, node, node->key);
}

static void check_words(rvi_report *report, rvi_node *node)
{
    if (node->n_items > RV_MAX_FIELDS)
        rvi_problem(report, node, RV_E_CONFIG_VALUE, "has %d entries; at most %d", node->n_items,
                    RV_MAX_FIELDS);
    if (node->kind != RVI_NODE_MAP)
        expect(report, node, "a block: column name to a word");
    for (int i = 0; node->kind == RVI_NODE_MAP && i < node->n_items; i++) {
        if (node->items[i]->bad)
            continue;
        if (rvi_is_scalar(node->items[i]))
            check_word(report, node->items[i], node->key);
        else
            expect(report, node->items[i], "a single word");
    }
}

static void check_value(rvi_report *report, rvi_node *node)
{
    switch (node->key->kind) {
    case RVI_KIND_TEXT:
    case RVI_KIND_INT:
    case RVI_KIND_SIZE:
    case RVI_KIND_BOOL:
    case RVI_KIND_ENUM:
        check_scalar(report, node);
        return;
    case RVI_KIND_TYPE:
        check_type(report, node);
        return;
    case RVI_KIND_BLOCK:
        check_block_values(report, node);
        return;
    case RVI_KIND_BLOCKS:
        for (int i = 0; i < node->n_items; i++)
            check_block_values(report, node->items[i]);
        return;
    case RVI_KIND_COLUMNS:
        check_columns(report, node);
        return;
    case RVI_KIND_POLICIES:
        check_policies(report, node);
        return;
    case RVI_KIND_WORDS:
        check_words(report, node);
        return;
    case RVI_KIND_TEXTS:
        check_texts(report, node);
        return;
    case RVI_KIND_NUMBER:
        check_number(report, node, (double)node->key->min, (double)node->key->max);
        return;
    case RVI_KIND_RATIOS:
        check_ratios(report, node);
        return;
    case RVI_KIND_KEY:
        check_key(report, node);
        return;
    case RVI_KIND_CHOICE:
        check_choice(report, node);
        return;
    case RVI_KIND_DURATION:
        check_duration(report, node);
        return;
    case RVI_KIND_ENUMS: /* only keys of later versions have these kinds; the keys are refused */
    case RVI_KIND_ANY:
        return;
    }
}

static void check_block_values(rvi_report *report, rvi_node *block)
{
    if (block->kind != RVI_NODE_MAP)
        return; /* reported with the keys */
    for (int i = 0; i < block->n_items; i++) {
        rvi_node *node = block->items[i];
        if (!node->key || node->bad || node->key->flags & RVI_LATER)
            continue;
        if (!rvi_is_null(node) || node->key->kind == RVI_KIND_POLICIES)
            check_value(report, node);
    }
}

void rvi_check_values(rvi_report *report, rvi_node *root)
{
    check_block_values(report, root);
}
