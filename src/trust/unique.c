/* unique.c - duplicates among more values than fit into memory.
 *
 * While rows come in, a log only takes hashes: 16 bytes each, a block of them in memory, full blocks in a scratch file
 * in the order in which they came. So adding costs nothing but a store and, once in 16,384 values, a write; and what
 * a chunk has added goes away by setting the end of the log back.
 *
 * In the end the logs are sorted where they lie: pieces as large as the memory that can be had ("runs") are read,
 * sorted and written back. All runs are then read side by side, each through its slice of that memory, always the
 * smallest value first, so equal ones come one after the other. Everything that fits into memory at once is sorted
 * there and no file is read. Hashes are spread evenly, so the order they came in, or that the column is sorted, does
 * not matter. */
#include "trust/unique.h"

#include "rivet/checked.h"
#include "rivet/dest.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLOCK_ENTRIES = (int)RV_UNIQUE_BLOCK_BYTES / (int)sizeof(rv_hash128),
    WORK_ENTRIES = (int)RV_UNIQUE_WORK_BYTES / (int)sizeof(rv_hash128),
    SLICE_ENTRIES_MIN = 64,
    BEAT_ENTRIES = 1 << 20, /* some tenths of a second */
};

struct rvi_unique_log {
    rv_budget *budget;
    rv_scratch *scratch;
    rv_hash128 *block; /* BLOCK_ENTRIES; entries n_spilled .. n-1 */
    int64_t n, n_kept, max;
    int64_t n_spilled; /* whole blocks, in the scratch */
    bool capped;
};

static uint64_t offset_of(int64_t entry)
{
    return (uint64_t)entry * sizeof(rv_hash128);
}

rv_code rvi_unique_log_new(rvi_unique_log **out, int64_t max_entries, rv_budget *budget, const char *folder,
                           const char *run_id, rv_error *err)
{
    rvi_unique_log *log = calloc(1, sizeof *log);
    if (log == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "preparing to look for duplicates");
    log->max = max_entries;
    rv_code rc = rv_scratch_file_new(&log->scratch, folder, run_id, err);
    if (rc == RV_OK && !rv_budget_charge(budget, RV_UNIQUE_BLOCK_BYTES))
        rc = rv_fail(err, RV_E_MEMORY_BUDGET, "%d bytes for the values of a unique column",
                     (int)RV_UNIQUE_BLOCK_BYTES);
    if (rc == RV_OK) {
        log->budget = budget;
        log->block = malloc(RV_UNIQUE_BLOCK_BYTES);
        if (log->block == NULL) {
            rv_budget_release(budget, RV_UNIQUE_BLOCK_BYTES);
            rc = rv_fail(err, RV_E_OUT_OF_MEMORY, "preparing to look for duplicates");
        }
    }
    if (rc != RV_OK)
        rvi_unique_log_free(log);
    else
        *out = log;
    return rc;
}

void rvi_unique_log_free(rvi_unique_log *log)
{
    if (log == NULL)
        return;
    if (log->block != NULL)
        rv_budget_release(log->budget, RV_UNIQUE_BLOCK_BYTES);
    free(log->block);
    rv_scratch_file_free(log->scratch);
    free(log);
}

rv_code rvi_unique_log_add(rvi_unique_log *log, rv_hash128 hash, rv_error *err)
{
    if (log->n == log->max) {
        log->capped = true;
        return RV_OK;
    }
    if (log->n - log->n_spilled == BLOCK_ENTRIES) {
        RV_TRY(rv_scratch_write(log->scratch, offset_of(log->n_spilled), log->block, RV_UNIQUE_BLOCK_BYTES,
                                err));
        log->n_spilled += BLOCK_ENTRIES;
    }
    log->block[log->n - log->n_spilled] = hash;
    log->n++;
    return RV_OK;
}

void rvi_unique_log_keep(rvi_unique_log *log)
{
    log->n_kept = log->n;
}

rv_code rvi_unique_log_drop(rvi_unique_log *log, rv_error *err)
{
    if (log->n_kept < log->n_spilled) {
        int64_t begin = log->n_kept - log->n_kept % BLOCK_ENTRIES;
        RV_TRY(rv_scratch_read(log->scratch, offset_of(begin), log->block,
                               (size_t)offset_of(log->n_kept - begin), err));
        log->n_spilled = begin;
    }
    log->n = log->n_kept;
    return RV_OK;
}

bool rvi_unique_log_is_capped(const rvi_unique_log *log)
{
    return log->capped;
}

int64_t rvi_unique_log_entries(const rvi_unique_log *log)
{
    return log->n;
}

/* ---- duplicates ---- */

/* A sorted piece of a log. */
typedef struct run {
    rvi_unique_log *log;
    int64_t next, end; /* entries not yet read into the slice */
    rv_hash128 *slice; /* slice_n of them, at_slice taken */
    int64_t slice_n, at_slice;
} run;

/* One search: memory for sorting and merging, and the runs. */
typedef struct search {
    rv_budget *budget;
    const rv_quality_beat *beat;
    rv_hash128 *work;
    int64_t n_work;
    run *runs;
    int64_t n_runs;
    run **heap; /* smallest head first */
    int64_t n_heap;
    int64_t since_beat;
} search;

static int compare(const rv_hash128 *a, const rv_hash128 *b)
{
    if (a->high != b->high)
        return a->high < b->high ? -1 : 1;
    return a->low < b->low ? -1 : a->low > b->low;
}

static int compare_entries(const void *a, const void *b)
{
    return compare(a, b);
}

static rv_code beat(search *s, int64_t n_entries, rv_error *err)
{
    s->since_beat += n_entries;
    if (s->since_beat < BEAT_ENTRIES || s->beat->call == NULL)
        return RV_OK;
    s->since_beat = 0;
    return s->beat->call(s->beat->context, err);
}

/* As much as is wanted, or what the budget leaves, down to a block. */
static rv_code get_work(search *s, int64_t n_wanted, rv_error *err)
{
    int64_t n = n_wanted < WORK_ENTRIES ? n_wanted : WORK_ENTRIES;
    n = n < BLOCK_ENTRIES ? BLOCK_ENTRIES : n;
    while (!rv_budget_charge(s->budget, (size_t)offset_of(n))) {
        if (n == BLOCK_ENTRIES)
            return rv_fail(err, RV_E_MEMORY_BUDGET, "no memory is left to look for duplicates in");
        n = n / 2 < BLOCK_ENTRIES ? BLOCK_ENTRIES : n / 2;
    }
    s->n_work = n;
    s->work = malloc((size_t)offset_of(n));
    return s->work != NULL ? RV_OK : rv_fail(err, RV_E_OUT_OF_MEMORY, "looking for duplicates");
}

static void release_search(search *s)
{
    free(s->work);
    free(s->runs);
    free(s->heap);
    if (s->n_work > 0)
        rv_budget_release(s->budget, (size_t)offset_of(s->n_work));
}

/* Entries [from, from + n) of a log. The block is never written over: what lies in the scratch is read from there. */
static rv_code load(const rvi_unique_log *log, int64_t from, int64_t n, rv_hash128 *out, rv_error *err)
{
    int64_t spilled = log->n_spilled - from;
    spilled = spilled < 0 ? 0 : spilled < n ? spilled : n;
    if (spilled > 0)
        RV_TRY(rv_scratch_read(log->scratch, offset_of(from), out, (size_t)offset_of(spilled), err));
    if (n > spilled)
        memcpy(out + spilled, log->block + (from + spilled - log->n_spilled), (size_t)offset_of(n - spilled));
    return RV_OK;
}

static int64_t count_in_order(const rv_hash128 *entries, int64_t n)
{
    int64_t duplicates = 0;
    for (int64_t i = 1; i < n; i++)
        duplicates += compare(&entries[i - 1], &entries[i]) == 0;
    return duplicates;
}

static rv_code count_in_memory(search *s, rvi_unique_log *const *logs, int n_logs, int64_t *duplicates,
                               rv_error *err)
{
    int64_t n = 0;
    for (int i = 0; i < n_logs; i++) {
        RV_TRY(load(logs[i], 0, logs[i]->n, s->work + n, err));
        n += logs[i]->n;
    }
    qsort(s->work, (size_t)n, sizeof *s->work, compare_entries);
    *duplicates = count_in_order(s->work, n);
    return RV_OK;
}

/* Put the rest of a log behind its blocks, so that all of it is read from one place. */
static rv_code spill_rest(rvi_unique_log *log, rv_error *err)
{
    if (log->n > log->n_spilled)
        RV_TRY(rv_scratch_write(log->scratch, offset_of(log->n_spilled), log->block,
                                (size_t)offset_of(log->n - log->n_spilled), err));
    log->n_spilled = log->n;
    return RV_OK;
}

static rv_code sort_log(search *s, rvi_unique_log *log, rv_error *err)
{
    RV_TRY(spill_rest(log, err));
    for (int64_t from = 0; from < log->n; from += s->n_work) {
        int64_t n = log->n - from < s->n_work ? log->n - from : s->n_work;
        RV_TRY(load(log, from, n, s->work, err));
        qsort(s->work, (size_t)n, sizeof *s->work, compare_entries);
        RV_TRY(rv_scratch_write(log->scratch, offset_of(from), s->work, (size_t)offset_of(n), err));
        s->runs[s->n_runs++] = (run){.log = log, .next = from, .end = from + n};
        RV_TRY(beat(s, n, err));
    }
    return RV_OK;
}

static rv_code make_runs(search *s, rvi_unique_log *const *logs, int n_logs, rv_error *err)
{
    int64_t n_runs = 0;
    for (int i = 0; i < n_logs; i++)
        n_runs += (logs[i]->n + s->n_work - 1) / s->n_work;
    if (n_runs > s->n_work / SLICE_ENTRIES_MIN)
        return rv_fail(err, RV_E_MEMORY_BUDGET, "not enough memory is left to look for duplicates in");
    s->runs = calloc((size_t)n_runs + 1, sizeof *s->runs);
    s->heap = calloc((size_t)n_runs + 1, sizeof(run *));
    if (s->runs == NULL || s->heap == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "looking for duplicates");
    for (int i = 0; i < n_logs; i++)
        RV_TRY(sort_log(s, logs[i], err));
    for (int64_t i = 0; i < s->n_runs; i++)
        s->runs[i].slice = s->work + i * (s->n_work / s->n_runs);
    return RV_OK;
}

static const rv_hash128 *head(const run *r)
{
    return &r->slice[r->at_slice];
}

/* Restore the order below place i of the heap. */
static void sift_down(search *s, int64_t i)
{
    for (;;) {
        int64_t least = i;
        for (int64_t child = 2 * i + 1; child <= 2 * i + 2 && child < s->n_heap; child++)
            if (compare(head(s->heap[child]), head(s->heap[least])) < 0)
                least = child;
        if (least == i)
            return;
        run *moved = s->heap[i];
        s->heap[i] = s->heap[least];
        s->heap[least] = moved;
        i = least;
    }
}

static rv_code refill(search *s, run *r, rv_error *err)
{
    int64_t n = r->end - r->next, room = s->n_work / s->n_runs;
    n = n < room ? n : room;
    RV_TRY(load(r->log, r->next, n, r->slice, err));
    r->next += n;
    r->slice_n = n;
    r->at_slice = 0;
    return beat(s, n, err);
}

static rv_code start_merge(search *s, rv_error *err)
{
    for (int64_t i = 0; i < s->n_runs; i++) { /* none is empty */
        RV_TRY(refill(s, &s->runs[i], err));
        s->heap[s->n_heap++] = &s->runs[i];
    }
    for (int64_t i = s->n_heap / 2; i-- > 0;)
        sift_down(s, i);
    return RV_OK;
}

static rv_code merge(search *s, int64_t *duplicates, rv_error *err)
{
    rv_hash128 last = {0};
    int64_t n = 0;
    RV_TRY(start_merge(s, err));
    for (bool first = true; s->n_heap > 0; first = false) {
        run *r = s->heap[0];
        n += !first && compare(&last, head(r)) == 0;
        last = *head(r);
        r->at_slice++;
        if (r->at_slice == r->slice_n && r->next < r->end)
            RV_TRY(refill(s, r, err));
        if (r->at_slice == r->slice_n)
            s->heap[0] = s->heap[--s->n_heap];
        sift_down(s, 0);
    }
    *duplicates = n;
    return RV_OK;
}

rv_code rvi_unique_count(rvi_unique_log *const *logs, int n_logs, rv_budget *budget,
                         const rv_quality_beat *heartbeat, int64_t *duplicates, rv_error *err)
{
    search s = {.budget = budget, .beat = heartbeat};
    int64_t total = 0;
    for (int i = 0; i < n_logs; i++)
        total += logs[i]->n;
    rv_code rc = get_work(&s, total, err);
    if (rc == RV_OK && total <= s.n_work)
        rc = count_in_memory(&s, logs, n_logs, duplicates, err);
    else if (rc == RV_OK) {
        rc = make_runs(&s, logs, n_logs, err);
        if (rc == RV_OK)
            rc = merge(&s, duplicates, err);
    }
    release_search(&s);
    return rc;
}
