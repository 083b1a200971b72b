/* The scratch file: nobody sees it, and every failure of the disk is one with a code. */
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

#include <cmocka.h>

enum { BYTES = 300000 };

static uint8_t content[BYTES], found[BYTES];
static char *folder;

static int setup(void **state)
{
    (void)state;
    for (size_t i = 0; i < BYTES; i++)
        content[i] = (uint8_t)(i * 131 + (i >> 8) * 7);
    memset(found, 0, sizeof found);
    folder = temp_dir_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    temp_dir_free(folder);
    return 0;
}

static rv_code use(rv_error *err)
{
    RV_AUTO(rv_scratch_file_free) rv_scratch *scratch = NULL;
    RV_TRY(rv_scratch_file_new(&scratch, folder, "orders/1", err));
    for (uint64_t at = 0; at < BYTES; at += 100000)
        RV_TRY(rv_scratch_write(scratch, at, content + at, 100000, err));
    return rv_scratch_read(scratch, 0, found, BYTES, err);
}

static void what_was_written_is_read_and_nobody_sees_the_file(void **state)
{
    (void)state;
    RV_AUTO(rv_scratch_file_free) rv_scratch *scratch = NULL;
    assert_int_equal(rv_scratch_file_new(&scratch, folder, "orders/1", NULL), RV_OK);
    assert_int_equal(rv_scratch_write(scratch, 0, content, BYTES, NULL), RV_OK);
    assert_int_equal(temp_dir_entries(folder, ""), 0);
    assert_int_equal(rv_scratch_read(scratch, 1000, found, BYTES - 1000, NULL), RV_OK);
    assert_memory_equal(found, content + 1000, BYTES - 1000);
    assert_int_equal(rv_scratch_write(scratch, 500, content, 100, NULL), RV_OK); /* over what is there */
    assert_int_equal(rv_scratch_read(scratch, 500, found, 101, NULL), RV_OK);
    assert_memory_equal(found, content, 100);
    assert_int_equal(found[100], content[600]);
}

static void what_was_never_written_cannot_be_read(void **state)
{
    (void)state;
    rv_error err = {0};
    RV_AUTO(rv_scratch_file_free) rv_scratch *scratch = NULL;
    assert_int_equal(rv_scratch_file_new(&scratch, folder, "r", &err), RV_OK);
    assert_int_equal(rv_scratch_read(scratch, 0, found, 1, &err), RV_E_SPOOL);
    assert_int_equal(rv_scratch_write(scratch, 0, content, 10, &err), RV_OK);
    assert_int_equal(rv_scratch_read(scratch, 5, found, 6, &err), RV_E_SPOOL);
    assert_non_null(strstr(err.message, "ends before byte 10"));
    rv_scratch_reset(scratch);
    assert_int_equal(rv_scratch_read(scratch, 0, found, 1, &err), RV_E_SPOOL);
    assert_int_equal(rv_scratch_write(scratch, 0, content, 10, &err), RV_OK);
    assert_int_equal(rv_scratch_read(scratch, 0, found, 10, &err), RV_OK);
}

static void a_scratch_that_is_not_used_makes_no_file(void **state)
{
    (void)state;
    RV_AUTO(rv_scratch_file_free) rv_scratch *scratch = NULL;
    assert_int_equal(rv_scratch_file_new(&scratch, "/nonexistent/folder", "r", NULL), RV_OK);
    rv_scratch_reset(scratch);
    assert_int_equal(rv_scratch_write(scratch, 0, content, 1, NULL), RV_E_DEST_UNAVAILABLE);
    rv_scratch_file_free(NULL);
}

/* The nth call of a kind fails, once or for good, until a run in which it was not met. */
static void fail_each(fault_kind kind, fault_mode mode, int os_errno, rv_code expected)
{
    bool clean = false;
    int n = 1;
    for (; !clean; n++) {
        rv_error err = {0};
        fault_arm(kind, n, mode, os_errno);
        rv_code rc = use(&err);
        clean = !fault_disarm();
        assert_int_equal(rc, clean ? RV_OK : expected);
        assert_int_equal(err.code, rc);
        assert_int_equal(temp_dir_entries(folder, ""), 0);
        assert_true(n < 100);
    }
    assert_true(n > 2);
}

static void every_failure_has_a_code_and_leaves_nothing(void **state)
{
    (void)state;
    for (fault_mode mode = FAULT_TRANSIENT; mode <= FAULT_PERSISTENT; mode++) {
        fail_each(FAULT_ALLOC, mode, 0, RV_E_OUT_OF_MEMORY);
        fail_each(FAULT_OPEN, mode, EACCES, RV_E_DEST_DENIED);
        fail_each(FAULT_WRITE, mode, ENOSPC, RV_E_DEST_FULL);
        fail_each(FAULT_WRITE, mode, EIO, RV_E_SPOOL);
        fail_each(FAULT_READ, mode, EIO, RV_E_SPOOL);
    }
}

static void a_call_that_is_interrupted_is_repeated(void **state)
{
    (void)state;
    static const fault_kind kinds[] = {FAULT_WRITE, FAULT_READ, FAULT_SHORT_WRITE};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        memset(found, 0, sizeof found);
        fault_arm(kinds[i], 1, FAULT_TRANSIENT, EINTR);
        assert_int_equal(use(NULL), RV_OK);
        assert_true(fault_disarm());
        assert_memory_equal(found, content, BYTES);
    }
}

#define scratch_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(what_was_written_is_read_and_nobody_sees_the_file),
        scratch_test(what_was_never_written_cannot_be_read),
        scratch_test(a_scratch_that_is_not_used_makes_no_file),
        scratch_test(every_failure_has_a_code_and_leaves_nothing),
        scratch_test(a_call_that_is_interrupted_is_repeated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
