/* Any text as bounds: refused, or read into bounds whose text reads back the same. */
#include "rivet/bounds.h"

#include <stdlib.h>
#include <string.h>

enum { ARENA_BYTES = 64 << 20, TEXT_BYTES = 32 << 20, LINE_BYTES = 80 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition)
        abort();
}

static void round_trip(const rv_bounds *bounds, rv_arena *arena)
{
    rv_error err;
    rv_bounds again;
    rv_bytes first = RV_BYTES_INIT(TEXT_BYTES), second = RV_BYTES_INIT(TEXT_BYTES);
    const char *text = NULL;
    char line[LINE_BYTES];
    must(rv_bounds_write(bounds, &first, &err) == RV_OK && rv_bytes_cstr(&first, &text, &err) == RV_OK);
    must(rv_bounds_parse(text, arena, &again, &err) == RV_OK);
    must(rv_bounds_write(&again, &second, &err) == RV_OK);
    must(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
    rv_bounds_text(line, sizeof line, &again);
    must(strlen(line) < sizeof line);
    rv_bytes_deinit(&first);
    rv_bytes_deinit(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rv_arena *arena = NULL;
    rv_error err = {0};
    rv_bounds bounds;
    rv_key_value value;
    if (rv_arena_new(&arena, ARENA_BYTES, &err) != RV_OK)
        return 0;
    char *text = rv_arena_strndup(arena, (const char *)data, size);
    if (text != NULL && rv_bounds_parse(text, arena, &bounds, &err) == RV_OK)
        round_trip(&bounds, arena);
    else if (text != NULL && rv_key_value_parse(text, arena, &value, &err) != RV_OK)
        must(err.message[0] != '\0');
    rv_arena_free(arena);
    return 0;
}
