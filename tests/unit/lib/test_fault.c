/* The fault wrappers themselves: a wrapper that does not intercept would make every fault loop pass unseen. */
#include "fault.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* volatile: the compiler may not elide an allocation whose result is only compared. */
static void *volatile memory;

static void the_nth_allocation_fails_and_only_that(void **state)
{
    (void)state;
    fault_arm(FAULT_ALLOC, 2, FAULT_TRANSIENT, 0);
    memory = malloc(8);
    assert_non_null(memory);
    void *larger = realloc(memory, 16);
    assert_null(larger);
    free(memory);
    memory = calloc(1, 8);
    assert_non_null(memory);
    free(memory);
    assert_int_equal(fault_calls(FAULT_ALLOC), 3);
    assert_true(fault_disarm());
    memory = malloc(8);
    free(memory);
    assert_int_equal(fault_calls(FAULT_ALLOC), 3);
}

static void a_persistent_fault_stays_until_disarmed(void **state)
{
    (void)state;
    fault_arm(FAULT_ALLOC, 2, FAULT_PERSISTENT, 0);
    memory = malloc(8);
    free(memory);
    for (int i = 0; i < 3; i++) {
        memory = malloc(8);
        assert_null(memory);
    }
    assert_true(fault_disarm());
    memory = malloc(8);
    assert_non_null(memory);
    free(memory);
}

static void a_fault_that_is_not_reached_says_so(void **state)
{
    (void)state;
    fault_arm(FAULT_ALLOC, 5, FAULT_PERSISTENT, 0);
    memory = malloc(8);
    free(memory);
    assert_false(fault_disarm());
}

/* A folder with one open file "a" in it, removed again by folder_close(). */
typedef struct folder {
    char path[64], file[80], other[80];
    int dir, fd;
} folder;

static void folder_open(folder *f)
{
    snprintf(f->path, sizeof f->path, "%s", "/tmp/fault-XXXXXX");
    assert_non_null(mkdtemp(f->path));
    snprintf(f->file, sizeof f->file, "%s/a", f->path);
    snprintf(f->other, sizeof f->other, "%s/b", f->path);
    f->dir = open(f->path, O_RDONLY | O_DIRECTORY);
    f->fd = open(f->file, O_RDWR | O_CREAT, 0600);
    assert_true(f->dir >= 0 && f->fd >= 0);
}

static void folder_close(folder *f)
{
    close(f->fd);
    close(f->dir);
    (void)unlink(f->file);
    (void)unlink(f->other);
    assert_int_equal(rmdir(f->path), 0);
}

static int call_write(const folder *f)
{
    return (int)write(f->fd, "ab", 2);
}
static int call_pwrite(const folder *f)
{
    return (int)pwrite(f->fd, "ab", 2, 0);
}
static int call_fsync(const folder *f)
{
    return fsync(f->fd);
}
static int call_fdatasync(const folder *f)
{
    return fdatasync(f->fd);
}
static int call_open(const folder *f)
{
    int fd = open(f->other, O_WRONLY | O_CREAT, 0600);
    return fd < 0 ? fd : close(fd);
}
static int call_openat(const folder *f)
{
    int fd = openat(f->dir, "b", O_WRONLY | O_CREAT, 0600);
    return fd < 0 ? fd : close(fd);
}
static int call_mkdir(const folder *f)
{
    char path[96];
    snprintf(path, sizeof path, "%s/d", f->path);
    int rc = mkdir(path, 0700);
    return rc < 0 ? rc : rmdir(path);
}
static int call_mkdirat(const folder *f)
{
    int rc = mkdirat(f->dir, "d", 0700);
    return rc < 0 ? rc : unlinkat(f->dir, "d", AT_REMOVEDIR);
}
static int call_rename(const folder *f)
{
    return rename(f->file, f->other);
}
static int call_renameat(const folder *f)
{
    return renameat(f->dir, "a", f->dir, "b");
}

static void every_wrapped_system_call_fails_once_and_then_works(void **state)
{
    (void)state;
    static const struct {
        fault_kind kind;
        int (*call)(const folder *f);
    } cases[] = {
        {FAULT_WRITE, call_write},     {FAULT_WRITE, call_pwrite}, {FAULT_FSYNC, call_fsync},
        {FAULT_FSYNC, call_fdatasync}, {FAULT_OPEN, call_open},    {FAULT_OPEN, call_openat},
        {FAULT_OPEN, call_mkdir},      {FAULT_OPEN, call_mkdirat}, {FAULT_RENAME, call_rename},
        {FAULT_RENAME, call_renameat},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        folder f;
        folder_open(&f);
        fault_arm(cases[i].kind, 1, FAULT_TRANSIENT, EDQUOT);
        errno = 0;
        assert_int_equal(cases[i].call(&f), -1);
        assert_int_equal(errno, EDQUOT);
        assert_int_not_equal(cases[i].call(&f), -1);
        assert_int_equal(fault_calls(cases[i].kind), 2);
        assert_true(fault_disarm());
        folder_close(&f);
    }
}

static void a_short_write_takes_half_but_at_least_one_byte(void **state)
{
    (void)state;
    folder f;
    folder_open(&f);
    fault_arm(FAULT_SHORT_WRITE, 1, FAULT_PERSISTENT, 0);
    assert_int_equal(write(f.fd, "0123456", 7), 3);
    assert_int_equal(pwrite(f.fd, "01", 2, 0), 1);
    assert_int_equal(write(f.fd, "0", 1), 1);
    assert_true(fault_disarm());
    assert_int_equal(write(f.fd, "0123456", 7), 7);
    folder_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nth_allocation_fails_and_only_that),
        cmocka_unit_test(a_persistent_fault_stays_until_disarmed),
        cmocka_unit_test(a_fault_that_is_not_reached_says_so),
        cmocka_unit_test(every_wrapped_system_call_fails_once_and_then_works),
        cmocka_unit_test(a_short_write_takes_half_but_at_least_one_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
