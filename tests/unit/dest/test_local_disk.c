/* Real file systems: one of 2 MB that fills up, and the same one read-only. Needs the right to mount; where there
 * is none the tests are skipped and say so. */
#include "local_support.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mount.h>

enum { PART_BYTES = 5 << 20, DISK_BYTES = 2 << 20 };

typedef struct disk_fixture {
    local_fixture local;
    char *disk; /* <base>/disk, where the file system is mounted */
} disk_fixture;

static int disk_setup(void **state)
{
    disk_fixture *d = calloc(1, sizeof *d);
    if (d == NULL)
        return -1;
    local_fixture *f = &d->local;
    f->base = temp_dir_new();
    f->folder = temp_dir_join(f->base, "disk/out");
    d->disk = temp_dir_join(f->base, "disk");
    *state = d;
    return 0;
}

static int disk_teardown(void **state)
{
    disk_fixture *d = *state;
    rv_dest_close(d->local.dest);
    (void)umount2(d->disk, MNT_DETACH);
    temp_dir_free(d->local.base);
    free(d->local.folder);
    free(d->disk);
    free(d);
    return 0;
}

/* Mount, or skip the test. */
static void mount_disk(disk_fixture *d)
{
    rv_error err = {0};
    rv_dest *dest = open_local(d->disk, &err); /* makes the mount point */
    assert_int_equal(rv_dest_prepare(dest, &err), RV_OK);
    rv_dest_close(dest);
    if (mount("tmpfs", d->disk, "tmpfs", 0, "size=2m") != 0) {
        print_message("[  SKIPPED ] mounting a tmpfs is not possible here: %s\n", strerror(errno));
        skip();
    }
    d->local.dest = open_local(d->local.folder, &err);
}

static rv_code spool_and_put(rv_dest *dest, const char *spool_folder, size_t len, rv_error *err)
{
    static uint8_t part[PART_BYTES];
    RV_AUTO(rv_spool_discard) rv_spool *spool = NULL;
    RV_TRY(rv_spool_open(&spool, spool_folder, "run", err));
    RV_TRY(rv_sink_write(rv_spool_sink(spool), part, len, err));
    RV_TRY(rv_spool_finish(spool, err));
    return rv_dest_put_file(dest, rv_spool_path(spool), "part", err);
}

static void assert_full(const rv_error *err, const char *folder)
{
    assert_int_equal(err->code, RV_E_DEST_FULL);
    assert_int_equal(err->os_errno, ENOSPC);
    assert_non_null(strstr(err->message, folder));
    assert_non_null(strstr(err->message, "No space left on device"));
    assert_non_null(strstr(err->hint, "free space"));
}

static void a_disk_that_fills_up_is_a_clear_error_without_a_trace(void **state)
{
    disk_fixture *d = *state;
    local_fixture *f = &d->local;
    mount_disk(d);
    assert_int_equal(rv_dest_prepare(f->dest, &f->err), RV_OK);
    assert_int_equal(spool_and_put(f->dest, rv_dest_spool_folder(f->dest), PART_BYTES, &f->err),
                     RV_E_DEST_FULL);
    assert_full(&f->err, f->folder);
    assert_int_equal(temp_dir_entries(f->folder, ""), 0);
    /* Nothing of the failed part holds space: one that fits is put afterwards. */
    assert_int_equal(spool_and_put(f->dest, rv_dest_spool_folder(f->dest), DISK_BYTES / 2, &f->err), RV_OK);
}

static void copying_to_a_disk_that_fills_up_leaves_no_trace_either(void **state)
{
    disk_fixture *d = *state;
    local_fixture *f = &d->local;
    mount_disk(d);
    assert_int_equal(rv_dest_prepare(f->dest, &f->err), RV_OK);
    assert_int_equal(spool_and_put(f->dest, f->base, PART_BYTES, &f->err), RV_E_DEST_FULL);
    assert_full(&f->err, f->folder);
    assert_int_equal(temp_dir_entries(f->folder, ""), 0);
    assert_int_equal(temp_dir_entries(f->base, RV_SPOOL_PREFIX), 0);
    assert_int_equal(spool_and_put(f->dest, f->base, DISK_BYTES / 2, &f->err), RV_OK);
    assert_int_equal(temp_dir_entries(f->folder, ""), 1);
    assert_int_equal(temp_dir_entries(f->base, RV_SPOOL_PREFIX), 0);
}

static void a_full_disk_is_found_before_the_run_and_by_every_put(void **state)
{
    disk_fixture *d = *state;
    local_fixture *f = &d->local;
    mount_disk(d);
    assert_int_equal(rv_dest_prepare(f->dest, &f->err), RV_OK);
    assert_int_equal(rv_dest_put_bytes(f->dest, "manifest.json", "old", 3, &f->err), RV_OK);
    char *filler = temp_dir_join(f->folder, "filler");
    FILE *file = fopen(filler, "wb");
    assert_non_null(file);
    setvbuf(file, NULL, _IONBF, 0);
    static const char block[4096];
    while (fwrite(block, 1, sizeof block, file) == sizeof block)
        continue;
    fclose(file);
    free(filler);
    assert_int_equal(rv_dest_prepare(f->dest, &f->err), RV_E_DEST_FULL);
    assert_full(&f->err, f->folder);
    assert_int_equal(rv_dest_put_bytes(f->dest, "manifest.json", "new", 3, &f->err), RV_E_DEST_FULL);
    assert_true(temp_file_holds(f->folder, "manifest.json", "old", 3));
    assert_int_equal(temp_dir_entries(f->folder, ".rivet"), 0);
}

static void a_read_only_file_system_is_denied(void **state)
{
    disk_fixture *d = *state;
    local_fixture *f = &d->local;
    mount_disk(d);
    assert_int_equal(rv_dest_put_bytes(f->dest, "manifest.json", "old", 3, &f->err), RV_OK);
    rv_dest_close(f->dest);
    f->dest = NULL;
    assert_int_equal(mount("tmpfs", d->disk, "tmpfs", MS_REMOUNT | MS_RDONLY, "size=2m"), 0);
    f->dest = open_local(f->folder, &f->err);
    assert_int_equal(rv_dest_prepare(f->dest, &f->err), RV_E_DEST_DENIED);
    assert_int_equal(f->err.os_errno, EROFS);
    assert_non_null(strstr(f->err.hint, "read-only"));
    assert_int_equal(rv_dest_put_bytes(f->dest, "manifest.json", "new", 3, &f->err), RV_E_DEST_DENIED);
    assert_int_equal(rv_dest_remove(f->dest, "manifest.json", &f->err), RV_E_DEST_DENIED);
    assert_true(temp_file_holds(f->folder, "manifest.json", "old", 3));
}

static void a_file_system_that_is_unmounted_during_the_run_is_noticed(void **state)
{
    disk_fixture *d = *state;
    local_fixture *f = &d->local;
    mount_disk(d);
    assert_int_equal(rv_dest_prepare(f->dest, &f->err), RV_OK);
    assert_int_equal(umount2(d->disk, MNT_DETACH), 0);
    assert_int_equal(rv_dest_put_bytes(f->dest, "manifest.json", "x", 1, &f->err), RV_E_DEST_UNAVAILABLE);
    assert_int_equal(temp_dir_entries(d->disk, ""), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define DISK_TEST(name) cmocka_unit_test_setup_teardown(name, disk_setup, disk_teardown)
        DISK_TEST(a_disk_that_fills_up_is_a_clear_error_without_a_trace),
        DISK_TEST(copying_to_a_disk_that_fills_up_leaves_no_trace_either),
        DISK_TEST(a_full_disk_is_found_before_the_run_and_by_every_put),
        DISK_TEST(a_read_only_file_system_is_denied),
        DISK_TEST(a_file_system_that_is_unmounted_during_the_run_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
