#include "rivet/arena.h"

#include "rivet/checked.h"

#include <assert.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIRST_BLOCK_BYTES = 4096,
    MAX_BLOCK_BYTES = 1 << 18, /* growth stops here, so at most this much is unused at the end */
};

typedef struct block {
    struct block *next;
    size_t used, cap; /* bytes of `data` */
    alignas(max_align_t) unsigned char data[];
} block;

struct rv_arena {
    block *blocks;     /* newest first; only the newest is filled further */
    size_t max, used;  /* bytes, counted as handed out (rounded up for alignment) */
    size_t next_bytes; /* size of the next block, unless one allocation needs more */
};

rv_code rv_arena_new(rv_arena **out, size_t max_bytes, rv_error *err)
{
    rv_arena *arena = calloc(1, sizeof *arena);
    if (!arena)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "cannot allocate an arena");
    arena->max = max_bytes;
    arena->next_bytes = FIRST_BLOCK_BYTES;
    *out = arena;
    return RV_OK;
}

void rv_arena_free(rv_arena *arena)
{
    if (!arena)
        return;
    for (block *b = arena->blocks; b;) {
        block *next = b->next;
        free(b);
        b = next;
    }
    free(arena);
}

/* calloc() zeroes fresh blocks and nothing is ever taken back, so what is handed out is zero already. */
static block *block_new(size_t cap)
{
    size_t bytes;
    if (rv_add_size(&bytes, sizeof(block), cap))
        return NULL;
    block *b = calloc(1, bytes);
    if (b)
        b->cap = cap;
    return b;
}

static block *block_with_room(rv_arena *arena, size_t bytes)
{
    block *head = arena->blocks;
    if (head && head->cap - head->used >= bytes)
        return head;
    block *b = block_new(bytes > arena->next_bytes ? bytes : arena->next_bytes);
    if (!b)
        return NULL;
    if (head && bytes > arena->next_bytes) {
        /* A giant lives behind the block being filled, whose room would be lost otherwise. */
        b->next = head->next;
        head->next = b;
        return b;
    }
    b->next = head;
    arena->blocks = b;
    if (arena->next_bytes < MAX_BLOCK_BYTES)
        arena->next_bytes *= 2;
    return b;
}

void *rv_arena_alloc(rv_arena *arena, size_t n, size_t size)
{
    const size_t align = alignof(max_align_t);
    size_t bytes, rounded;
    if (rv_mul_size(&bytes, n, size) || rv_add_size(&rounded, bytes > 0 ? bytes : 1, align - 1))
        return NULL;
    rounded &= ~(align - 1);
    if (rounded > arena->max - arena->used)
        return NULL;
    block *b = block_with_room(arena, rounded);
    if (!b)
        return NULL;
    void *memory = b->data + b->used;
    b->used += rounded;
    arena->used += rounded;
    return memory;
}

char *rv_arena_strdup(rv_arena *arena, const char *text)
{
    assert(text);
    return rv_arena_strndup(arena, text, strlen(text));
}

char *rv_arena_strndup(rv_arena *arena, const char *bytes, size_t len)
{
    size_t with_nul;
    if (rv_add_size(&with_nul, len, 1))
        return NULL;
    char *copy = rv_arena_alloc(arena, with_nul, 1);
    if (copy && len > 0)
        memcpy(copy, bytes, len);
    return copy;
}

char *rv_arena_printf(rv_arena *arena, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (len < 0)
        return NULL;
    char *text = rv_arena_alloc(arena, (size_t)len + 1, 1);
    if (!text)
        return NULL;
    va_start(args, fmt);
    vsnprintf(text, (size_t)len + 1, fmt, args);
    va_end(args);
    return text;
}
