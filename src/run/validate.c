/* validate.c - a finished part is read back from its spool file before anybody can see it; one that an earlier attempt
 * or another process has put, from where it lies.
 *
 * The file's bytes become rows again, by code that shares nothing with the writer, and the rows must be as many and have
 * the same column digests as those that the encoder was given. What no reader looks at is covered by the checksums of the
 * file. So what the manifest states about a part is what the file holds, not what the program meant to write. */
#include "internal.h"

#include "rivet/hash.h"
#include "rivet/input.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES = 64 << 10 };

/* part->column_digests: ["0123456789abcdef",…] */
static rv_code compare_digests(const rvi_run *run, const rv_part *part, const uint64_t *sums, rv_error *err)
{
    json_t *digests = json_loads(part->column_digests, 0, NULL);
    rv_code rc = RV_OK;
    if (digests == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "comparing digests");
    for (int i = 0; rc == RV_OK && i < run->guards.files.n_fields; i++) {
        char text[17];
        const char *written = json_string_value(json_array_get(digests, (size_t)i));
        (void)snprintf(text, sizeof text, "%016" PRIx64, sums[i]);
        if (written == NULL || strcmp(written, text) != 0)
            rc = rv_fail(err, RV_E_FILE_MISMATCH, "column '%s' has the digest %s, its values had %s",
                         run->guards.files.fields[i].name, text, written != NULL ? written : "none");
    }
    json_decref(digests);
    return rc;
}

static rv_code digest_file(rv_input *input, rv_digest *digest, rv_error *err)
{
    enum { STEP_BYTES = 64 << 10 };
    uint8_t *bytes = malloc(STEP_BYTES);
    if (bytes == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "reading a part back");
    rv_code rc = RV_OK;
    for (uint64_t at = 0; rc == RV_OK && at < input->size;) {
        size_t n = input->size - at < STEP_BYTES ? (size_t)(input->size - at) : STEP_BYTES;
        rc = rv_input_read(input, at, bytes, n, err);
        if (rc == RV_OK)
            rv_digest_update(digest, bytes, n);
        at += n;
    }
    free(bytes);
    return rc;
}

static rv_code compare_checksums(const rv_part *part, rv_input *input, rv_error *err)
{
    uint8_t md5[sizeof part->md5];
    RV_AUTO(rv_digest_free) rv_digest *digest = NULL;
    RV_TRY(rv_digest_new(&digest, err));
    RV_TRY(digest_file(input, digest, err));
    rv_digest_md5(digest, md5);
    if (rv_digest_xxh3(digest) == part->xxh3 && memcmp(md5, part->md5, sizeof md5) == 0)
        return RV_OK;
    return rv_fail(err, RV_E_FILE_MISMATCH, "its checksums are not those of the bytes that were written");
}

static rv_code compare(const rvi_run *run, const rv_part *part, rv_input *input, uint64_t *sums,
                       rv_error *err)
{
    /* Of its own: the run's budget is dealt out to the pages and to the writer, who is at the next part already. What
     * is used of it is a page or two and the footer. */
    rv_budget budget;
    rv_file_facts facts = {0};
    rv_budget_init(&budget, run->memory.budget);
    const rv_writer_options options = {
        .format = &run->export_config->format, .schema = &run->guards.files, .budget = &budget};
    if (input->size != part->bytes)
        return rv_fail(err, RV_E_FILE_MISMATCH, "it has %" PRIu64 " bytes, %" PRIu64 " were written",
                       input->size, part->bytes);
    RV_TRY(rv_format_verify(input, &options, sums, &facts, err));
    if (facts.rows != part->rows)
        return rv_fail(err, RV_E_FILE_MISMATCH, "it holds %" PRId64 " rows, %" PRId64 " were written",
                       facts.rows, part->rows);
    if (facts.has_sums)
        RV_TRY(compare_digests(run, part, sums, err));
    return compare_checksums(part, input, err);
}

static rv_code read_back(const rvi_run *run, const rv_part *part, const char *path, rv_error *err)
{
    rv_file_input input = {0};
    uint64_t *sums = calloc((size_t)run->guards.files.n_fields + 1, sizeof *sums);
    if (sums == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "reading a part back");
    rv_code rc = rv_file_input_open(&input, path, err);
    if (rc == RV_OK)
        rc = compare(run, part, &input.base, sums, err);
    rv_file_input_close(&input);
    free(sums);
    return rc;
}

rv_code rvi_validate_part(rvi_run *run, const rvi_part_item *item, rv_error *err)
{
    if (!run->context->validate || item->spool == NULL)
        return RV_OK;
    RV_TRY_CTX(read_back(run, &item->part, rv_spool_path(item->spool), err), err,
               "part '%s', read back before it was published", item->part.name);
    run->n_validated++;
    return RV_OK;
}

static rv_code read_kept(const rvi_run *run, const rv_part *part, rv_error *err)
{
    rv_bytes path = RV_BYTES_INIT(PATH_BYTES);
    const char *text = NULL;
    rv_code rc = rv_dest_file_path(run->dest, part->name, &path, err);
    if (rc == RV_OK)
        rc = rv_bytes_cstr(&path, &text, err);
    if (rc == RV_OK)
        rc = read_back(run, part, text, err);
    rv_bytes_deinit(&path);
    return rc;
}

/* Indexes come from the state store. */
static bool has_mark(const rvi_run *run, int64_t chunk_index)
{
    return run->looked_at != NULL && chunk_index >= 0 && chunk_index < RV_MAX_CHUNKS;
}

void rvi_validated_chunk(rvi_run *run, int64_t chunk_index)
{
    if (has_mark(run, chunk_index))
        run->looked_at[chunk_index] = 1;
}

void rvi_validate_again(rvi_run *run, const rvi_index_list *chunks)
{
    for (int64_t i = 0; i < chunks->n; i++)
        if (has_mark(run, chunks->items[i]))
            run->looked_at[chunks->items[i]] = 0;
}

/* Reading all of it may outlast the lease. */
static rv_code may_go_on(rvi_run *run, rv_error *err)
{
    RV_TRY(rvi_lease_renew(run, err));
    return rv_cancel_requested(run->cancel) ? rv_fail(err, RV_E_CANCELLED, "the run was stopped") : RV_OK;
}

rv_code rvi_validate_kept(rvi_run *run, const rvi_part_list *parts, rvi_index_list *bad, rv_error *err)
{
    *bad = (rvi_index_list){.items = rv_arena_alloc(run->arena, (size_t)parts->n, sizeof *bad->items)};
    if (bad->items == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "reading kept parts back");
    for (int64_t i = 0; i < parts->n; i++) {
        const rv_part *part = &parts->parts[i];
        rv_error failure = {0};
        RV_TRY(may_go_on(run, err));
        rv_code rc = read_kept(run, part, &failure);
        rvi_validated_chunk(run, part->chunk_index); /* one that is not what it was is opened again */
        if (rc == RV_OK)
            continue;
        if (rc != RV_E_FILE_MISMATCH && rc != RV_E_FILE_DAMAGED) {
            if (err != NULL)
                *err = failure;
            return rv_wrap(err, rc, "part '%s', which an earlier attempt has put", part->name);
        }
        rvi_run_note(run, "'%s' is not what was written (%s): it is read again", part->name, failure.message);
        bad->items[bad->n++] = part->chunk_index;
    }
    return RV_OK;
}

rv_code rvi_validate_joined(rvi_run *run, const rvi_part_list *parts, rv_error *err)
{
    if (run->looked_at == NULL || !rv_dest_has_files(run->dest))
        return RV_OK;
    for (int64_t i = 0; i < parts->n; i++) {
        const rv_part *part = &parts->parts[i];
        if (has_mark(run, part->chunk_index) && run->looked_at[part->chunk_index])
            continue;
        RV_TRY(may_go_on(run, err));
        RV_TRY_CTX(read_kept(run, part, err), err, "part '%s', which a process that joined the run has put",
                   part->name);
    }
    run->n_validated = parts->n;
    return RV_OK;
}
