/* Any bytes as a manifest: refused, or read into something that renders to a manifest which reads back the same. */
#include "rivet/manifest.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_BYTES = 64 << 20, TEXT_BYTES = 16 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition)
        abort();
}

static void round_trip(rv_arena *arena, const rv_manifest *manifest)
{
    rv_error err;
    rv_manifest again;
    rv_bytes first = RV_BYTES_INIT(TEXT_BYTES), second = RV_BYTES_INIT(TEXT_BYTES);
    must(rv_manifest_render(manifest, &first, &err) == RV_OK);
    must(rv_manifest_parse(first.data, first.len, arena, &again, &err) == RV_OK);
    must(rv_manifest_render(&again, &second, &err) == RV_OK);
    must(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
    rv_bytes_deinit(&first);
    rv_bytes_deinit(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rv_arena *arena = NULL;
    rv_error err = {0};
    rv_manifest manifest;
    if (rv_arena_new(&arena, ARENA_BYTES, &err) != RV_OK)
        return 0;
    rv_code rc = rv_manifest_parse(data, size, arena, &manifest, &err);
    if (rc == RV_OK)
        round_trip(arena, &manifest);
    else
        must(err.code == rc && err.message[0] != '\0');
    rv_arena_free(arena);
    return 0;
}
