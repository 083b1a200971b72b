/* Every system call and allocation of a commit fails once, and from then on: there is an error with a code, every
 * visible object is whole, and no temporary file stays. */
#include "fault.h"
#include "local_support.h"

#include <errno.h>
#include <sys/stat.h>

enum { PART_BYTES = 700000, MAX_CALLS = 1000 };

static uint8_t old_part[1000], new_part[PART_BYTES];
static const char manifest[] = "{\"parts\": 1}";

/* What a run does to its destination, onto an object that is there already. */
static rv_code commit_a_part(const char *folder, const char *spool_folder, rv_error *err)
{
    const rv_dest_config cfg = {.kind = "local", .path = folder};
    RV_AUTO(rv_dest_close) rv_dest *dest = NULL;
    RV_AUTO(rv_spool_discard) rv_spool *spool = NULL;
    RV_TRY(rv_dest_open(&dest, &cfg, folder, NULL, err));
    RV_TRY(rv_dest_prepare(dest, err));
    RV_TRY(rv_spool_open(&spool, spool_folder ? spool_folder : rv_dest_spool_folder(dest), "run", err));
    RV_TRY(rv_sink_write(rv_spool_sink(spool), new_part, sizeof new_part, err));
    RV_TRY(rv_spool_finish(spool, err));
    RV_TRY(rv_dest_put_file(dest, rv_spool_path(spool), "part", err));
    return rv_dest_put_bytes(dest, "manifest.json", manifest, sizeof manifest, err);
}

/* Name and file are one: whichever of the two objects is there, it is one that was put, whole. */
static void assert_only_whole_objects(const char *folder, bool all_new)
{
    bool is_new = temp_file_holds(folder, "part", new_part, sizeof new_part);
    assert_true(is_new || (!all_new && temp_file_holds(folder, "part", old_part, sizeof old_part)));
    bool has_manifest = temp_file_holds(folder, "manifest.json", manifest, sizeof manifest);
    assert_true(has_manifest || !all_new);
    assert_int_equal(temp_dir_entries(folder, ""), has_manifest ? 2 : 1);
}

typedef struct fault_case {
    fault_kind kind;
    int os_errno;
    rv_code code; /* of every failure; RV_OK: several are right */
    const char *why;
} fault_case;

static const fault_case cases[] = {
    {FAULT_ALLOC, 0, RV_E_OUT_OF_MEMORY, "allocations"},
    {FAULT_WRITE, ENOSPC, RV_E_DEST_FULL, "a full disk"},
    {FAULT_WRITE, EDQUOT, RV_E_DEST_FULL, "a used up quota"},
    {FAULT_WRITE, EIO, RV_OK, "a broken disk: SPOOL while spooling, DEST_WRITE afterwards"},
    {FAULT_WRITE, EFBIG, RV_E_DEST_WRITE, "a limit of the shell"},
    {FAULT_SHORT_WRITE, 0, RV_OK, "never an error"},
    {FAULT_FSYNC, EIO, RV_E_DEST_WRITE, "a broken disk"},
    {FAULT_FSYNC, ENOSPC, RV_E_DEST_FULL, "a disk that is found to be full late, as over a network"},
    {FAULT_OPEN, EMFILE, RV_OK, "too many open files; best-effort steps may pass"},
    {FAULT_OPEN, EROFS, RV_OK, "a file system that turned read-only: DEST_DENIED, SPOOL when reading back"},
    {FAULT_RENAME, EIO, RV_E_DEST_WRITE, "a broken disk"},
    {FAULT_RENAME, EACCES, RV_E_DEST_DENIED, "a folder that was locked down"},
    {FAULT_RENAME, EXDEV, RV_E_DEST_WRITE, "one disk under two mounts: the file is copied"},
    {FAULT_RENAME, ENOSPC, RV_E_DEST_FULL, "no room for the name"},
};

/* false: the fault was not reached, so every call has had its turn. */
static bool try_once(const local_fixture *f, const char *spool_folder, const fault_case *c, int nth,
                     fault_mode mode)
{
    rv_error err = {0};
    temp_dir_empty(f->folder);
    temp_file_write(f->folder, "part", old_part, sizeof old_part);
    fault_arm(c->kind, nth, mode, c->os_errno);
    rv_code rc = commit_a_part(f->folder, spool_folder, &err);
    bool hit = fault_disarm();
    assert_int_equal(err.code, rc);
    if (rc != RV_OK) {
        assert_true(hit);
        assert_true(err.message[0] != '\0');
        if (c->code != RV_OK && rc != c->code)
            print_error("%s, call %d: %s\n", c->why, nth, err.message);
        assert_int_equal(rc, c->code != RV_OK ? c->code : rc);
    }
    if (c->kind == FAULT_SHORT_WRITE)
        assert_int_equal(rc, RV_OK);
    assert_only_whole_objects(f->folder, rc == RV_OK);
    if (spool_folder != NULL)
        assert_int_equal(temp_dir_entries(spool_folder, RV_SPOOL_PREFIX), 0);
    return hit;
}

static void run_all(const local_fixture *f, const char *spool_folder)
{
    temp_file_write(f->base, "keep", "", 0);
    char *made = temp_dir_join(f->base, "out");
    rv_dest *dest = open_local(made, NULL);
    assert_int_equal(rv_dest_prepare(dest, NULL), RV_OK);
    rv_dest_close(dest);
    free(made);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int mode = FAULT_TRANSIENT; mode <= FAULT_PERSISTENT; mode++) {
            int n = 1;
            while (n < MAX_CALLS && try_once(f, spool_folder, &cases[i], n, (fault_mode)mode))
                n++;
            assert_in_range(n, 2, MAX_CALLS - 1);
        }
}

static void nothing_partial_is_ever_visible(void **state)
{
    run_all(*state, NULL);
}

static void nothing_partial_is_ever_visible_when_the_spool_is_elsewhere(void **state)
{
    const local_fixture *f = *state;
    run_all(f, f->base);
}

/* The put has to copy. Skipped, visibly, where /dev/shm is not a file system of its own. */
static void nothing_partial_is_ever_visible_when_the_spool_is_on_another_disk(void **state)
{
    const local_fixture *f = *state;
    struct stat here, there;
    if (stat("/dev/shm", &there) != 0 || stat(f->base, &here) != 0 || here.st_dev == there.st_dev) {
        print_message("[  SKIPPED ] there is no second file system at /dev/shm\n");
        skip();
    }
    char *spool_folder = temp_dir_join("/dev/shm", strrchr(f->base, '/') + 1);
    assert_int_equal(mkdir(spool_folder, 0700), 0);
    run_all(f, spool_folder);
    temp_dir_free(spool_folder);
}

static int make_content(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof new_part; i++)
        new_part[i] = (uint8_t)(i * 31 + (i >> 8));
    memset(old_part, 'o', sizeof old_part);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_partial_is_ever_visible, local_setup, local_teardown),
        cmocka_unit_test_setup_teardown(nothing_partial_is_ever_visible_when_the_spool_is_elsewhere,
                                        local_setup, local_teardown),
        cmocka_unit_test_setup_teardown(nothing_partial_is_ever_visible_when_the_spool_is_on_another_disk,
                                        local_setup, local_teardown),
    };
    return cmocka_run_group_tests(tests, make_content, NULL);
}
