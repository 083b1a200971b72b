#include "internal.h"

/* DESIGN's promise is 64 MiB per lane plus 32 MiB for the whole process. The 32 MiB hold what no account sees: code,
 * client libraries, stacks, the allocator's slack. Of the lane's 64 MiB the batches in circulation take 18 to 24 (their
 * columns have up to half as much room again as they hold), the writer the rest: a table of forty short texts filled it
 * with batches that aimed at 6 MiB. They also stay in the caches better. */
enum { MIB = 1 << 20, LANE_MIB = 64, PAGE_TARGET_MIB = 4, PAGE_MAX_MIB = 8, WRITER_MIB = 24, BATCHES = 3 };

_Static_assert((int)BATCHES <= (int)RVI_MAX_BATCHES, "the reader collects all batches");

rvi_memory rvi_memory_plan(const rv_tuning *tuning, int n_unique)
{
    rvi_memory memory = {
        /* Beside what a lane needs in any case: a gate must not be what makes a page too large. */
        .budget = (size_t)LANE_MIB * MIB + (size_t)n_unique * RV_UNIQUE_BLOCK_BYTES,
        .page_target = (size_t)PAGE_TARGET_MIB * MIB,
        .page_max = (size_t)PAGE_MAX_MIB * MIB,
        .writer = (size_t)WRITER_MIB * MIB,
        /* With one, a page is encoded while the source rests and not while it works: it may need this machine's
         * cores. */
        .n_batches = tuning->gives_way ? 1 : BATCHES,
    };
    if (tuning->batch_size_memory_mb > 0) {
        size_t asked = (size_t)tuning->batch_size_memory_mb * MIB;
        if (asked > memory.page_target) /* the user raised the ceiling knowingly */
            memory.budget += (asked - memory.page_target) * 2 * BATCHES;
        memory.page_target = asked;
        memory.page_max = 2 * asked;
    }
    return memory;
}
