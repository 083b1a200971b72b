/* The store when memory, disk or file let it down: every step is done whole or not at all, and says why. */
#include "faulty_vfs.h"
#include "support.h"

#include "lib/fault.h"
#include "lib/temp_dir.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

/* ---- SQLite's own memory ---- */

static sqlite3_mem_methods real_memory;
static int memory_countdown; /* 0: not armed; n: the nth allocation from here fails */
static bool memory_persistent, memory_hit;

static bool memory_strikes(void)
{
    if (memory_countdown == 0)
        return false;
    if (memory_countdown > 1) {
        memory_countdown--;
        return false;
    }
    if (!memory_persistent)
        memory_countdown = 0;
    memory_hit = true;
    return true;
}

static void *failing_malloc(int size)
{
    return memory_strikes() ? NULL : real_memory.xMalloc(size);
}

static void *failing_realloc(void *memory, int size)
{
    return memory_strikes() ? NULL : real_memory.xRealloc(memory, size);
}

static void install_failing_memory(void)
{
    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_memory);
    sqlite3_mem_methods methods = real_memory;
    methods.xMalloc = failing_malloc;
    methods.xRealloc = failing_realloc;
    sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
}

/* ---- a run from its first step to its last ---- */

/* A step, and what SQL says once it is done: a number that was another one before. */
typedef struct step {
    rv_code (*take)(fixture *f, rv_state *store, rv_error *err);
    const char *question;
    int64_t after;
} step;

static rv_code take_start(fixture *f, rv_state *store, rv_error *err)
{
    rv_chunk chunks[N_CHUNKS];
    make_chunks(chunks);
    const rv_run_plan plan = plan_of("orders_1", "orders");
    return rv_state_start_run(store, &plan, chunks, N_CHUNKS, &f->self, LEASE_MS, err);
}

static rv_code take_claim(fixture *f, rv_state *store, rv_error *err)
{
    rv_chunk chunk;
    bool found;
    return claim_chunk(store, "orders_1", &f->self, &chunk, &found, err);
}

static rv_code take_release(fixture *f, rv_state *store, rv_error *err)
{
    return rv_state_release_chunk(store, "orders_1", &f->self, 0, "no reason", err);
}

static rv_code take_complete(fixture *f, rv_state *store, rv_error *err)
{
    const rv_chunk chunk = {.index = 0, .claim = 2};
    rv_part parts[] = {part_of(0, "a", 6), part_of(0, "b", 4)};
    parts[1].sequence = 1;
    return complete_chunk(store, "orders_1", &f->self, &chunk, 10, parts, 2, err);
}

static rv_code take_journal(fixture *f, rv_state *store, rv_error *err)
{
    (void)f;
    return rv_state_journal(store, "orders_1", "orders", "ChunkCompleted", "{\"chunk_index\":0}", err);
}

static rv_code take_replan(fixture *f, rv_state *store, rv_error *err)
{
    const rv_run_plan plan = plan_of("orders_1", "orders");
    return rv_state_replan_run(store, &plan, NULL, 0, &f->self, err);
}

static rv_code take_finish(fixture *f, rv_state *store, rv_error *err)
{
    const rv_cursor cursor = {.columns = "id", .type = "int64", .value = "[\"42\"]", .mark = "7"};
    rv_run_result result = result_of("orders_1", RV_RUN_SUCCEEDED);
    result.cursor = &cursor;
    return rv_state_finish_run(store, &result, &f->self, err);
}

static rv_code take_reset(fixture *f, rv_state *store, rv_error *err)
{
    bool found;
    (void)f;
    return rv_state_reset_cursor(store, "orders", &found, err);
}

static const step steps[] = {
    {take_start, "SELECT (SELECT count(*) FROM runs) * 10 + (SELECT count(*) FROM chunks)", 10 + N_CHUNKS},
    {take_claim, "SELECT count(*) FROM chunks WHERE status = 'running'", 1},
    {take_release, "SELECT count(*) FROM chunks WHERE last_error = 'no reason' AND owner IS NULL", 1},
    {take_claim, "SELECT count(*) FROM chunks WHERE status = 'running'", 1},
    {take_complete,
     "SELECT (SELECT count(*) FROM parts) * 10 + (SELECT count(*) FROM chunks WHERE status = 'completed')",
     21},
    {take_journal, "SELECT count(*) FROM journal", 1},
    {take_replan, "SELECT (SELECT count(*) FROM parts) = 0 AND (SELECT count(*) FROM chunks) = 0", 1},
    {take_finish,
     "SELECT (SELECT count(*) FROM runs WHERE status = 'success') * 100 + (SELECT count(*) FROM "
     "export_state WHERE cursor_mark = '7') * 10"
     " + (SELECT count(*) FROM export_schema)",
     111},
    {take_reset, "SELECT count(*) FROM export_state WHERE cursor_value IS NULL", 1},
};
enum { N_STEPS = sizeof steps / sizeof steps[0] };

/* Open the store and take the steps up to the first failure; *n_done: how many succeeded. */
static rv_code live(fixture *f, int *n_done, rv_error *err)
{
    *n_done = 0;
    RV_AUTO(rv_state_close) rv_state *store = NULL;
    RV_TRY(try_open(f, RV_STATE_WRITE, &store, err));
    for (; *n_done < N_STEPS; ++*n_done)
        RV_TRY(steps[*n_done].take(f, store, err));
    return RV_OK;
}

/* The store, opened anew, knows the steps that succeeded. Of the one that failed it knows nothing, or all when it
 * was the word of its success that got lost. */
static void check_after(fixture *f, int n_done, bool may_be_done)
{
    rv_state_close(open_store(f, RV_STATE_WRITE));
    if (n_done > 0)
        assert_int_equal(ask(f, steps[n_done - 1].question), steps[n_done - 1].after);
    if (n_done < N_STEPS && !may_be_done)
        assert_int_not_equal(ask(f, steps[n_done].question), steps[n_done].after);
}

static void check_error(const rv_error *err, rv_code rc)
{
    assert_int_equal(err->code, rc);
    assert_true(err->message[0] != '\0');
}

/* ---- memory ---- */

static void the_nth_allocation_of_ours_fails_cleanly(void **state)
{
    fixture *f = *state;
    for (int mode = FAULT_TRANSIENT; mode <= FAULT_PERSISTENT; mode++)
        for (int n = 1;; n++) {
            temp_dir_empty(f->folder);
            rv_error err = {0};
            int n_done;
            fault_arm(FAULT_ALLOC, n, (fault_mode)mode, 0);
            rv_code rc = live(f, &n_done, &err);
            if (!fault_disarm()) {
                assert_int_equal(rc, RV_OK);
                break;
            }
            assert_int_equal(rc, RV_E_OUT_OF_MEMORY);
            check_error(&err, rc);
            check_after(f, n_done, false);
        }
}

/* SQLite does without some of its allocations (caches), so a run may succeed although one failed. It makes
 * thousands; the first ones of each kind come one by one, the rest by sample. */
static void the_nth_allocation_of_sqlite_fails_cleanly(void **state)
{
    fixture *f = *state;
    for (int mode = 0; mode <= 1; mode++)
        for (int n = 1;; n += n < 150 ? 1 : 151) {
            temp_dir_empty(f->folder);
            rv_error err = {0};
            int n_done;
            memory_hit = false;
            memory_persistent = mode == 1;
            memory_countdown = n;
            rv_code rc = live(f, &n_done, &err);
            memory_countdown = 0;
            if (!memory_hit) {
                assert_int_equal(rc, RV_OK);
                break;
            }
            if (rc != RV_OK) {
                assert_int_equal(rc, RV_E_OUT_OF_MEMORY);
                check_error(&err, rc);
            }
            check_after(f, n_done, false);
        }
}

/* ---- disk ---- */

static void fail_disk(fixture *f, vfs_fault kind, int result, bool persistent)
{
    for (int n = 1;; n++) {
        temp_dir_empty(f->folder);
        rv_error err = {0};
        int n_done;
        faulty_vfs_arm(kind, n, result, persistent);
        rv_code rc = live(f, &n_done, &err);
        if (!faulty_vfs_disarm()) {
            assert_int_equal(rc, RV_OK);
            assert_int_equal(n_done, N_STEPS);
            break;
        }
        if (rc != RV_OK) {
            assert_int_equal(rc, RV_E_STATE_UNUSABLE);
            check_error(&err, rc);
        }
        /* A journal that could not be removed, or whose removal was not seen to reach the disk. */
        check_after(f, n_done, kind == VFS_DELETE || kind == VFS_SYNC);
        assert_int_equal(ask(f, "SELECT 'ok' = integrity_check FROM pragma_integrity_check"), 1);
    }
}

static void the_nth_write_that_fails_leaves_whole_steps(void **state)
{
    fail_disk(*state, VFS_WRITE, SQLITE_IOERR_WRITE, false);
    fail_disk(*state, VFS_WRITE, SQLITE_IOERR_WRITE, true);
}

static void a_disk_that_is_full_leaves_whole_steps(void **state)
{
    fail_disk(*state, VFS_WRITE, SQLITE_FULL, false);
    fail_disk(*state, VFS_WRITE, SQLITE_FULL, true);
}

static void the_nth_sync_that_fails_leaves_whole_steps(void **state)
{
    fail_disk(*state, VFS_SYNC, SQLITE_IOERR_FSYNC, false);
    fail_disk(*state, VFS_SYNC, SQLITE_IOERR_FSYNC, true);
}

static void the_nth_removal_that_fails_leaves_whole_steps(void **state)
{
    fail_disk(*state, VFS_DELETE, SQLITE_IOERR_DELETE, false);
    fail_disk(*state, VFS_DELETE, SQLITE_IOERR_DELETE, true);
}

static void the_nth_opening_that_fails_leaves_whole_steps(void **state)
{
    fail_disk(*state, VFS_OPEN, SQLITE_CANTOPEN, false);
    fail_disk(*state, VFS_OPEN, SQLITE_CANTOPEN, true);
}

static void a_full_disk_says_what_to_do(void **state)
{
    fixture *f = *state;
    rv_error err;
    int n_done;
    faulty_vfs_arm(VFS_WRITE, 1, SQLITE_FULL, true);
    assert_int_equal(live(f, &n_done, &err), RV_E_STATE_UNUSABLE);
    faulty_vfs_disarm();
    assert_non_null(strstr(err.message, f->path));
    assert_non_null(strstr(err.hint, "space"));
    assert_string_equal(err.native, "13");
}

/* ---- damaged files ---- */

static rv_code ignore_name(void *context, const char *export_name, const char *config_fingerprint,
                           rv_error *err)
{
    (void)context;
    (void)export_name;
    (void)config_fingerprint;
    (void)err;
    return RV_OK;
}

static rv_code ignore_run(void *context, const rv_run_row *row, rv_error *err)
{
    (void)context;
    (void)row;
    (void)err;
    return RV_OK;
}

static rv_code ignore_part(void *context, const rv_part *part, rv_error *err)
{
    (void)context;
    (void)part;
    (void)err;
    return RV_OK;
}

static rv_code ignore_chunk(void *context, const rv_chunk_row *row, rv_error *err)
{
    (void)context;
    (void)row;
    (void)err;
    return RV_OK;
}

static rv_code ignore_cursor(void *context, const rv_cursor_row *row, rv_error *err)
{
    (void)context;
    (void)row;
    (void)err;
    return RV_OK;
}

static rv_code ignore_file(void *context, const rv_file_row *row, rv_error *err)
{
    (void)context;
    (void)row;
    (void)err;
    return RV_OK;
}

static rv_code ignore_event(void *context, const rv_journal_row *row, rv_error *err)
{
    (void)context;
    (void)row;
    (void)err;
    return RV_OK;
}

/* Everything that can be asked and done; whatever the file holds, the answer is a result or a code. */
static rv_code use_store(fixture *f, rv_state_access access, rv_error *err)
{
    RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
    RV_AUTO(rv_state_close) rv_state *store = NULL;
    RV_TRY(rv_arena_new(&arena, 1 << 20, err));
    RV_TRY(try_open(f, access, &store, err));
    rv_open_run open;
    RV_TRY(rv_state_find_open_run(store, "users", arena, &open, err));
    RV_TRY(rv_state_find_run(store, "users_1", arena, &open, err));
    rv_export_memory memory;
    RV_TRY(rv_state_recall(store, "orders", arena, &memory, err));
    RV_TRY(rv_state_list_chunks(store, "users_1", ignore_chunk, NULL, err));
    RV_TRY(rv_state_list_runs(store, NULL, 0, ignore_run, NULL, err));
    RV_TRY(rv_state_list_open_runs(store, ignore_name, NULL, err));
    RV_TRY(rv_state_list_parts(store, "orders_1", ignore_part, NULL, err));
    RV_TRY(rv_state_list_cursors(store, ignore_cursor, NULL, err));
    RV_TRY(rv_state_list_files(store, NULL, 10, ignore_file, NULL, err));
    RV_TRY(rv_state_list_journal(store, "orders", NULL, 1, ignore_event, NULL, err));
    if (access == RV_STATE_READ)
        return RV_OK;
    rv_chunk chunk;
    bool found;
    RV_TRY(claim_chunk(store, "users_1", &f->self, &chunk, &found, err));
    const rv_run_result result = result_of("users_1", RV_RUN_FAILED);
    return rv_state_finish_run(store, &result, &f->self, err);
}

static void make_content(fixture *f)
{
    rv_state *store = open_store(f, RV_STATE_WRITE);
    succeed(f, store, "orders_1", "[1]");
    start_run(f, store, "users_1", "users", &f->self);
    assert_int_equal(rv_state_journal(store, "orders_1", "orders", "PlanResolved", NULL, NULL), RV_OK);
    rv_state_close(store);
}

typedef struct image {
    uint8_t *bytes;
    size_t len;
} image;

static image read_image(fixture *f)
{
    struct stat status;
    assert_int_equal(stat(f->path, &status), 0);
    image file = {.len = (size_t)status.st_size};
    file.bytes = malloc(file.len);
    int fd = open(f->path, O_RDONLY);
    assert_true(fd >= 0 && file.bytes);
    assert_int_equal(read(fd, file.bytes, file.len), file.len);
    close(fd);
    return file;
}

static void use_image(fixture *f, const uint8_t *bytes, size_t len)
{
    for (rv_state_access access = RV_STATE_READ; access <= RV_STATE_WRITE; access++) {
        temp_dir_empty(f->folder);
        temp_file_write(f->folder, "state.db", bytes, len);
        rv_error err = {0};
        rv_code rc = use_store(f, access, &err);
        if (rc != RV_OK)
            check_error(&err, rc);
    }
}

static void the_nth_allocation_of_a_reader_fails_cleanly(void **state)
{
    fixture *f = *state;
    make_content(f);
    for (int mode = FAULT_TRANSIENT; mode <= FAULT_PERSISTENT; mode++)
        for (int n = 1;; n++) {
            rv_error err = {0};
            fault_arm(FAULT_ALLOC, n, (fault_mode)mode, 0);
            rv_code rc = use_store(f, RV_STATE_READ, &err);
            if (!fault_disarm()) {
                assert_int_equal(rc, RV_OK);
                break;
            }
            assert_int_equal(rc, RV_E_OUT_OF_MEMORY);
            check_error(&err, rc);
        }
}

static void no_flipped_byte_brings_the_program_down(void **state)
{
    enum { POSITIONS = 400 };
    fixture *f = *state;
    make_content(f);
    image file = read_image(f);
    const size_t stride = file.len / POSITIONS + 1;
    for (size_t at = 0; at < file.len; at += at < 100 ? 1 : stride) {
        file.bytes[at] ^= 0xff;
        use_image(f, file.bytes, file.len);
        file.bytes[at] ^= 0xff;
    }
    free(file.bytes);
}

static void no_shortened_file_brings_the_program_down(void **state)
{
    enum { LENGTHS = 60 };
    fixture *f = *state;
    make_content(f);
    image file = read_image(f);
    for (size_t i = 1; i < LENGTHS; i++)
        use_image(f, file.bytes, file.len * i / LENGTHS);
    free(file.bytes);
}

static void a_file_that_is_no_database_is_corrupt_and_kept(void **state)
{
    static const char text[] =
        "source:\n  url: postgresql://…\nThis is longer than the header of a database, which has "
        "one hundred bytes, and begins otherwise.\n";
    fixture *f = *state;
    for (rv_state_access access = RV_STATE_READ; access <= RV_STATE_WRITE; access++) {
        temp_file_write(f->folder, "state.db", text, sizeof text - 1);
        rv_state *store = NULL;
        rv_error err;
        assert_int_equal(try_open(f, access, &store, &err), RV_E_STATE_CORRUPT);
        assert_non_null(strstr(err.message, f->path));
        assert_non_null(strstr(err.hint, "rename"));
        assert_non_null(strstr(err.hint, "incremental"));
        assert_true(temp_file_holds(f->folder, "state.db", text, sizeof text - 1));
    }
}

static void a_status_that_nobody_wrote_is_corrupt(void **state)
{
    fixture *f = *state;
    make_content(f);
    tell(f, "PRAGMA ignore_check_constraints = ON; UPDATE runs SET status = 'odd' WHERE run_id = 'orders_1'");
    rv_state *store = open_store(f, RV_STATE_READ);
    rv_error err;
    assert_int_equal(rv_state_list_runs(store, NULL, 0, ignore_run, NULL, &err), RV_E_STATE_CORRUPT);
    assert_non_null(strstr(err.message, "'odd'"));
    rv_state_close(store);
}

/* ---- places that cannot be used ---- */

static void assert_unusable(fixture *f, rv_state_access access, const char *path)
{
    const rvi_state_options options = {.busy_timeout_ms = BUSY_MS};
    rv_state *store = NULL;
    rv_error err;
    assert_int_equal(
        rvi_state_open(&store, &rvi_state_sqlite_ops, path, access, &f->clock.base, &options, &err),
        RV_E_STATE_UNUSABLE);
    assert_null(store);
    assert_true(err.message[0] != '\0');
}

static void a_missing_folder_or_a_folder_in_its_place_is_unusable(void **state)
{
    fixture *f = *state;
    char *nowhere = temp_dir_join(f->folder, "no/such/folder/state.db");
    assert_unusable(f, RV_STATE_WRITE, nowhere);
    assert_unusable(f, RV_STATE_WRITE, f->folder);
    assert_unusable(f, RV_STATE_READ, f->folder);
    assert_unusable(f, RV_STATE_WRITE, "");
    free(nowhere);
}

/* Permissions do not bind root, so these tests become somebody else for a while. */
static void become(uid_t uid)
{
    if (getuid() == 0)
        assert_int_equal(seteuid(uid), 0);
}

static void a_folder_that_may_not_be_written_says_so(void **state)
{
    enum { NOBODY = 65534 };
    fixture *f = *state;
    assert_int_equal(chmod(f->folder, 0555), 0);
    become(NOBODY);
    rv_state *store = NULL;
    rv_error err;
    rv_code rc = try_open(f, RV_STATE_WRITE, &store, &err);
    rv_state *reader = NULL;
    rv_code read_rc = try_open(f, RV_STATE_READ, &reader, NULL);
    become(0);
    assert_int_equal(chmod(f->folder, 0755), 0);
    assert_int_equal(rc, RV_E_STATE_UNUSABLE);
    assert_non_null(strstr(err.hint, "writable"));
    assert_int_equal(read_rc, RV_OK);
    rv_state_close(reader);
    assert_int_equal(temp_dir_entries(f->folder, ""), 0);
}

static void a_store_that_may_only_be_read_can_be_read(void **state)
{
    enum { NOBODY = 65534 };
    fixture *f = *state;
    make_content(f);
    assert_int_equal(chmod(f->path, 0444), 0);
    assert_int_equal(chmod(f->folder, 0555), 0);
    become(NOBODY);
    rv_error err;
    rv_code read_rc = use_store(f, RV_STATE_READ, &err);
    rv_code write_rc = use_store(f, RV_STATE_WRITE, &err);
    become(0);
    assert_int_equal(chmod(f->folder, 0755), 0);
    assert_int_equal(read_rc, RV_OK);
    assert_int_equal(write_rc, RV_E_STATE_UNUSABLE);
    assert_non_null(strstr(err.hint, "writable"));
}

int main(void)
{
    install_failing_memory();
    faulty_vfs_install();
    const struct CMUnitTest tests[] = {
        test_with_store(the_nth_allocation_of_ours_fails_cleanly),
        test_with_store(the_nth_allocation_of_sqlite_fails_cleanly),
        test_with_store(the_nth_write_that_fails_leaves_whole_steps),
        test_with_store(a_disk_that_is_full_leaves_whole_steps),
        test_with_store(the_nth_sync_that_fails_leaves_whole_steps),
        test_with_store(the_nth_removal_that_fails_leaves_whole_steps),
        test_with_store(the_nth_opening_that_fails_leaves_whole_steps),
        test_with_store(a_full_disk_says_what_to_do),
        test_with_store(the_nth_allocation_of_a_reader_fails_cleanly),
        test_with_store(no_flipped_byte_brings_the_program_down),
        test_with_store(no_shortened_file_brings_the_program_down),
        test_with_store(a_file_that_is_no_database_is_corrupt_and_kept),
        test_with_store(a_status_that_nobody_wrote_is_corrupt),
        test_with_store(a_missing_folder_or_a_folder_in_its_place_is_unusable),
        test_with_store(a_folder_that_may_not_be_written_says_so),
        test_with_store(a_store_that_may_only_be_read_can_be_read),
    };
    return run_state_tests("state/faults", tests);
}
