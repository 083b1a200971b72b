#include "rivet/dest.h"

#include "fault.h"
#include "lib/temp_dir.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { CONTENT_BYTES = 3 << 20 };

static uint8_t *content; /* CONTENT_BYTES that depend on their position */
static char *folder;

static int group_setup(void **state)
{
    (void)state;
    content = malloc(CONTENT_BYTES);
    if (content == NULL)
        return -1;
    for (size_t i = 0; i < CONTENT_BYTES; i++)
        content[i] = (uint8_t)(i * 131 + (i >> 8) * 7 + (i >> 16));
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    free(content);
    return 0;
}

static int setup(void **state)
{
    (void)state;
    folder = temp_dir_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    temp_dir_free(folder);
    return 0;
}

/* Write the content in pieces whose lengths run through small, odd and larger than the buffer. */
static rv_code write_content(rv_spool *spool, rv_error *err)
{
    static const size_t pieces[] = {1, 7, 4096, 65536, 100001, 262144, 262145, 600000};
    size_t at = 0;
    for (size_t i = 0; at < CONTENT_BYTES; i++) {
        size_t len = pieces[i % (sizeof pieces / sizeof pieces[0])];
        if (len > CONTENT_BYTES - at)
            len = CONTENT_BYTES - at;
        RV_TRY(rv_sink_write(rv_spool_sink(spool), content + at, len, err));
        at += len;
    }
    return RV_OK;
}

static const char *file_name(const rv_spool *spool)
{
    return strrchr(rv_spool_path(spool), '/') + 1;
}

static void a_finished_file_holds_what_was_written(void **state)
{
    (void)state;
    rv_error err = {0};
    rv_spool *spool = NULL;
    assert_int_equal(rv_spool_open(&spool, folder, "orders_1", &err), RV_OK);
    assert_int_equal(write_content(spool, &err), RV_OK);
    assert_int_equal(rv_spool_sink(spool)->written, CONTENT_BYTES);
    assert_int_equal(rv_spool_finish(spool, &err), RV_OK);
    assert_true(temp_file_holds(folder, file_name(spool), content, CONTENT_BYTES));
    rv_spool_discard(spool);
    assert_int_equal(temp_dir_entries(folder, ""), 0);
}

static void the_file_is_private_and_named_after_its_run(void **state)
{
    (void)state;
    rv_spool *spool = NULL;
    assert_int_equal(rv_spool_open(&spool, folder, "a/b\nc_20261121T093000.123", NULL), RV_OK);
    struct stat status;
    assert_int_equal(stat(rv_spool_path(spool), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(temp_dir_entries(folder, RV_SPOOL_PREFIX "a_b_c_20261121T093000.123-"), 1);
    rv_spool *other = NULL;
    assert_int_equal(rv_spool_open(&other, folder, "a/b\nc_20261121T093000.123", NULL), RV_OK);
    assert_string_not_equal(rv_spool_path(spool), rv_spool_path(other));
    rv_spool_discard(other);
    rv_spool_discard(spool);
}

static void a_released_file_stays(void **state)
{
    (void)state;
    rv_spool *spool = NULL;
    assert_int_equal(rv_spool_open(&spool, folder, "r", NULL), RV_OK);
    assert_int_equal(rv_sink_write(rv_spool_sink(spool), "abc", 3, NULL), RV_OK);
    assert_int_equal(rv_spool_finish(spool, NULL), RV_OK);
    char *name = strdup(file_name(spool));
    rv_spool_release(spool);
    assert_true(temp_file_holds(folder, name, "abc", 3));
    free(name);
}

static void a_missing_folder_is_an_unavailable_destination(void **state)
{
    (void)state;
    char *missing = temp_dir_join(folder, "missing");
    rv_spool *spool = NULL;
    rv_error err = {0};
    assert_int_equal(rv_spool_open(&spool, missing, "r", &err), RV_E_DEST_UNAVAILABLE);
    assert_null(spool);
    assert_non_null(strstr(err.message, missing));
    assert_true(err.hint[0] != '\0');
    free(missing);
}

static void without_a_folder_the_temporary_one_of_the_system_is_used(void **state)
{
    (void)state;
    const char *set = getenv("TMPDIR");
    char *before = set != NULL ? strdup(set) : NULL;
    setenv("TMPDIR", folder, 1);
    rv_spool *spool = NULL;
    assert_int_equal(rv_spool_open(&spool, NULL, "r", NULL), RV_OK);
    assert_int_equal(temp_dir_entries(folder, RV_SPOOL_PREFIX "r-"), 1);
    rv_spool_discard(spool);
    if (before != NULL)
        setenv("TMPDIR", before, 1);
    else
        unsetenv("TMPDIR");
    free(before);
}

static rv_code make_file(rv_spool **out, rv_error *err)
{
    RV_AUTO(rv_spool_discard) rv_spool *spool = NULL;
    RV_TRY(rv_spool_open(&spool, folder, "r", err));
    RV_TRY(write_content(spool, err));
    RV_TRY(rv_spool_finish(spool, err));
    RV_MOVE(out, spool);
    return RV_OK;
}

static void every_failure_has_a_code_and_leaves_no_file(void **state)
{
    (void)state;
    static const struct {
        fault_kind kind;
        int os_errno;
        rv_code code;
    } cases[] = {
        {FAULT_ALLOC, 0, RV_E_OUT_OF_MEMORY},  {FAULT_OPEN, EACCES, RV_E_DEST_DENIED},
        {FAULT_OPEN, ENOSPC, RV_E_DEST_FULL},  {FAULT_OPEN, EMFILE, RV_E_SPOOL},
        {FAULT_WRITE, ENOSPC, RV_E_DEST_FULL}, {FAULT_WRITE, EDQUOT, RV_E_DEST_FULL},
        {FAULT_WRITE, EIO, RV_E_SPOOL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int mode = FAULT_TRANSIENT; mode <= FAULT_PERSISTENT; mode++)
            for (int n = 1;; n++) {
                rv_error err = {0};
                fault_arm(cases[i].kind, n, (fault_mode)mode, cases[i].os_errno);
                rv_spool *spool = NULL;
                rv_code rc = make_file(&spool, &err);
                bool hit = fault_disarm();
                rv_spool_discard(spool);
                assert_int_equal(temp_dir_entries(folder, ""), 0);
                assert_int_equal(rc, hit ? cases[i].code : RV_OK);
                assert_int_equal(err.code, rc);
                if (!hit)
                    break;
            }
}

static void short_and_interrupted_writes_are_continued(void **state)
{
    (void)state;
    static const struct {
        fault_kind kind;
        fault_mode mode;
        int os_errno;
    } cases[] = {{FAULT_SHORT_WRITE, FAULT_PERSISTENT, 0}, {FAULT_WRITE, FAULT_TRANSIENT, EINTR}};
    for (size_t i = 0; i < 2; i++) {
        rv_spool *spool = NULL;
        fault_arm(cases[i].kind, 1, cases[i].mode, cases[i].os_errno);
        rv_code rc = make_file(&spool, NULL);
        assert_true(fault_disarm());
        assert_int_equal(rc, RV_OK);
        assert_true(temp_file_holds(folder, file_name(spool), content, CONTENT_BYTES));
        rv_spool_discard(spool);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_finished_file_holds_what_was_written, setup, teardown),
        cmocka_unit_test_setup_teardown(the_file_is_private_and_named_after_its_run, setup, teardown),
        cmocka_unit_test_setup_teardown(a_released_file_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(a_missing_folder_is_an_unavailable_destination, setup, teardown),
        cmocka_unit_test_setup_teardown(without_a_folder_the_temporary_one_of_the_system_is_used, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(every_failure_has_a_code_and_leaves_no_file, setup, teardown),
        cmocka_unit_test_setup_teardown(short_and_interrupted_writes_are_continued, setup, teardown),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
