#include "dest/internal.h"

#include "fault.h"
#include "lib/temp_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { CONTENT_BYTES = 1 << 20 };

static uint8_t content[CONTENT_BYTES];

typedef struct reader {
    int fd;
    size_t len;
    uint8_t data[CONTENT_BYTES + 1];
} reader;

static void *read_all(void *argument)
{
    reader *r = argument;
    for (;;) {
        ssize_t n = read(r->fd, r->data + r->len, sizeof r->data - r->len);
        if (n <= 0)
            return NULL;
        r->len += (size_t)n;
    }
}

static rv_code write_to(int fd, rv_cancel *cancel, rv_error *err)
{
    RV_AUTO(rv_dest_close) rv_dest *dest = NULL;
    rv_sink *sink = NULL;
    RV_TRY(rvi_stdout_open_fd(&dest, fd, cancel, err));
    RV_TRY(rv_dest_prepare(dest, err));
    RV_TRY(rv_dest_stream(dest, &sink, err));
    RV_TRY(rv_sink_write(sink, content, 10, err));
    return rv_sink_write(sink, content + 10, CONTENT_BYTES - 10, err);
}

/* Write to a pipe that a thread reads; asserts that every byte arrived. */
static void write_through_pipe(int flags_of_write_end)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    if (flags_of_write_end != 0)
        assert_int_equal(fcntl(ends[1], F_SETFL, flags_of_write_end), 0);
    reader *r = calloc(1, sizeof *r);
    assert_non_null(r);
    r->fd = ends[0];
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, read_all, r), 0);
    rv_error err = {0};
    rv_code rc = write_to(ends[1], NULL, &err);
    fault_disarm();
    close(ends[1]);
    pthread_join(thread, NULL);
    close(ends[0]);
    assert_int_equal(rc, RV_OK);
    assert_int_equal(r->len, CONTENT_BYTES);
    assert_memory_equal(r->data, content, CONTENT_BYTES);
    free(r);
}

static void every_byte_goes_through_a_pipe(void **state)
{
    (void)state;
    write_through_pipe(0);
}

static void a_pipe_that_does_not_block_is_waited_for(void **state)
{
    (void)state;
    write_through_pipe(O_NONBLOCK);
}

static void short_and_interrupted_writes_are_continued(void **state)
{
    (void)state;
    fault_arm(FAULT_SHORT_WRITE, 1, FAULT_PERSISTENT, 0);
    write_through_pipe(0);
    fault_arm(FAULT_WRITE, 3, FAULT_TRANSIENT, EINTR);
    write_through_pipe(0);
    fault_arm(FAULT_WRITE, 3, FAULT_TRANSIENT, EAGAIN);
    write_through_pipe(0);
}

static void a_regular_file_is_written_in_full(void **state)
{
    (void)state;
    char *folder = temp_dir_new();
    char *path = temp_dir_join(folder, "out");
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write_to(fd, NULL, NULL), RV_OK);
    close(fd);
    assert_true(temp_file_holds(folder, "out", content, CONTENT_BYTES));
    free(path);
    temp_dir_free(folder);
}

static void a_reader_that_went_away_closes_the_destination(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    rv_error err = {0};
    assert_int_equal(write_to(ends[1], NULL, &err), RV_E_DEST_CLOSED);
    assert_int_equal(err.os_errno, EPIPE);
    assert_int_equal(rv_code_exit(err.code), RV_EXIT_OK);
    close(ends[1]);
}

static void *request(void *cancel)
{
    rv_cancel_request(cancel);
    return NULL;
}

static void a_pipe_that_nobody_reads_does_not_hold_a_cancelled_run(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    rv_cancel *cancel = NULL;
    assert_int_equal(rv_cancel_new(&cancel, NULL), RV_OK);
    pthread_t thread;
    rv_dest *dest = NULL;
    rv_sink *sink = NULL;
    rv_error err = {0};
    assert_int_equal(rvi_stdout_open_fd(&dest, ends[1], cancel, &err), RV_OK);
    assert_int_equal(rv_dest_stream(dest, &sink, &err), RV_OK);
    assert_int_equal(pthread_create(&thread, NULL, request, cancel), 0);
    assert_int_equal(rv_sink_write(sink, content, CONTENT_BYTES, &err), RV_E_CANCELLED);
    pthread_join(thread, NULL);
    rv_dest_close(dest);
    assert_int_equal(write_to(ends[1], cancel, &err), RV_E_CANCELLED);
    rv_cancel_free(cancel);
    close(ends[0]);
    close(ends[1]);
}

static void a_full_device_is_a_full_destination(void **state)
{
    (void)state;
    int fd = open("/dev/full", O_WRONLY);
    assert_true(fd >= 0);
    rv_error err = {0};
    assert_int_equal(write_to(fd, NULL, &err), RV_E_DEST_FULL);
    assert_non_null(strstr(err.message, "standard output"));
    close(fd);
}

static void a_closed_or_read_only_descriptor_is_refused_before_the_run(void **state)
{
    (void)state;
    rv_error err = {0};
    int fd = open("/dev/null", O_RDONLY);
    assert_int_equal(write_to(fd, NULL, &err), RV_E_DEST_DENIED);
    close(fd);
    assert_int_equal(write_to(fd, NULL, &err), RV_E_DEST_UNAVAILABLE);
}

static void the_driver_of_the_configuration_writes_to_descriptor_one(void **state)
{
    (void)state;
    int ends[2], saved = dup(STDOUT_FILENO);
    assert_int_equal(pipe(ends), 0);
    const rv_dest_config cfg = {.kind = "stdout"};
    rv_dest *dest = NULL;
    rv_sink *sink = NULL;
    dup2(ends[1], STDOUT_FILENO);
    rv_code rc = rv_dest_open(&dest, &cfg, "", NULL, NULL);
    if (rc == RV_OK)
        rc = rv_dest_stream(dest, &sink, NULL);
    if (rc == RV_OK)
        rc = rv_sink_write(sink, "hello", 5, NULL);
    rv_dest_close(dest);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    close(ends[1]);
    char text[6] = "";
    assert_int_equal(rc, RV_OK);
    assert_int_equal(read(ends[0], text, 5), 5);
    assert_string_equal(text, "hello");
    close(ends[0]);
}

static void running_out_of_memory_while_opening_leaves_nothing(void **state)
{
    (void)state;
    int fd = open("/dev/null", O_WRONLY);
    fault_arm(FAULT_ALLOC, 1, FAULT_TRANSIENT, 0);
    rv_code rc = write_to(fd, NULL, NULL);
    assert_true(fault_disarm());
    assert_int_equal(rc, RV_E_OUT_OF_MEMORY);
    close(fd);
}

static int group_setup(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof content; i++)
        content[i] = (uint8_t)(i * 31 + (i >> 8));
    return signal(SIGPIPE, SIG_IGN) == SIG_ERR ? -1 : 0; /* as the program does */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_goes_through_a_pipe),
        cmocka_unit_test(a_pipe_that_does_not_block_is_waited_for),
        cmocka_unit_test(short_and_interrupted_writes_are_continued),
        cmocka_unit_test(a_regular_file_is_written_in_full),
        cmocka_unit_test(a_reader_that_went_away_closes_the_destination),
        cmocka_unit_test(a_pipe_that_nobody_reads_does_not_hold_a_cancelled_run),
        cmocka_unit_test(a_full_device_is_a_full_destination),
        cmocka_unit_test(a_closed_or_read_only_descriptor_is_refused_before_the_run),
        cmocka_unit_test(the_driver_of_the_configuration_writes_to_descriptor_one),
        cmocka_unit_test(running_out_of_memory_while_opening_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, group_setup, NULL);
}
