/* values.c - reading checked values out of the tree by their key. */
#include "config/internal.h"

#include <assert.h>

rvi_node *rvi_child(const rvi_node *block, rvi_key_id id)
{
    if (!block || block->kind != RVI_NODE_MAP)
        return NULL;
    for (int i = 0; i < block->n_items; i++) {
        rvi_node *item = block->items[i];
        if (item->key && item->key->id == id)
            return rvi_is_null(item) ? NULL : item; /* a key given twice is reported: the first stands */
    }
    return NULL;
}

/* The text to read: the file's when it is usable, else the default's. NULL: neither. */
static const char *text_or_default(const rvi_node *block, rvi_key_id id)
{
    const rvi_node *node = rvi_child(block, id);
    if (node && !node->bad && node->kind == RVI_NODE_SCALAR)
        return node->text;
    return rvi_key_row(id)->fallback;
}

const char *rvi_text(const rvi_node *block, rvi_key_id id)
{
    return text_or_default(block, id);
}

int64_t rvi_int(const rvi_node *block, rvi_key_id id)
{
    assert(rvi_key_row(id)->kind == RVI_KIND_INT && !(rvi_key_row(id)->flags & RVI_BY_PROFILE));
    const char *text = text_or_default(block, id);
    int64_t value = 0;
    return text && rvi_parse_int(text, &value) ? value : 0;
}

int64_t rvi_size(const rvi_node *block, rvi_key_id id)
{
    assert(rvi_key_row(id)->kind == RVI_KIND_SIZE);
    const char *text = text_or_default(block, id);
    int64_t value = 0;
    return text && rvi_parse_size(text, &value) ? value : 0;
}

bool rvi_bool(const rvi_node *block, rvi_key_id id)
{
    assert(rvi_key_row(id)->kind == RVI_KIND_BOOL);
    const char *text = text_or_default(block, id);
    bool value = false;
    return text && rvi_parse_bool(text, &value) && value;
}

double rvi_number(const rvi_node *block, rvi_key_id id)
{
    assert(rvi_key_row(id)->kind == RVI_KIND_NUMBER);
    const char *text = text_or_default(block, id);
    double value = 0;
    return text && rvi_parse_number(text, &value) ? value : 0;
}

int rvi_word(const rvi_node *block, rvi_key_id id)
{
    const rvi_key *key = rvi_key_row(id);
    assert(key->kind == RVI_KIND_ENUM);
    const char *text = text_or_default(block, id);
    const rvi_name *name = text ? rvi_name_find(key->set, text) : NULL;
    return name ? name->value : 0;
}
