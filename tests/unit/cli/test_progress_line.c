/* The progress line: what it says where little is known, and that it never outgrows the terminal. */
#include "cli/cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static rv_progress half_way(void)
{
    return (rv_progress){.export_name = "orders",
                         .rows_read = 500000,
                         .wire_bytes = 70000000,
                         .est_rows = 1000000,
                         .elapsed_us = 1000000,
                         .rss_bytes = 60000000};
}

static void assert_line(const rv_progress *progress, int columns, const char *expected)
{
    char out[RVI_PROGRESS_BYTES];
    rvi_progress_compose(out, progress, columns);
    assert_string_equal(out, expected);
}

static void a_line_tells_rows_share_rate_and_memory(void **state)
{
    (void)state;
    rv_progress p = half_way();
    assert_line(&p, 200, "orders  500,000 rows  50 %  ETA 1.0 s  500.0 k/s rows  70.0 MB read  RSS 60.0 MB");
}

static void storage_units_are_trusted_more_than_estimates(void **state)
{
    (void)state;
    rv_progress p = half_way();
    p.units_done = 10;
    p.n_units = 100;
    assert_line(&p, 200, "orders  500,000 rows  10 %  ETA 9.0 s  500.0 k/s rows  70.0 MB read  RSS 60.0 MB");
}

static void there_is_no_eta_where_nothing_is_known(void **state)
{
    (void)state;
    rv_progress p = half_way();
    p.est_rows = -1;
    assert_line(&p, 200, "orders  500,000 rows  500.0 k/s rows  70.0 MB read  RSS 60.0 MB");
    p.est_rows = 0; /* a table that was empty when it was analyzed */
    assert_line(&p, 200, "orders  500,000 rows  500.0 k/s rows  70.0 MB read  RSS 60.0 MB");
    p.est_rows = 1000; /* statistics that are out of date */
    assert_line(&p, 200, "orders  500,000 rows  500.0 k/s rows  70.0 MB read  RSS 60.0 MB");
    p = (rv_progress){.export_name = "t", .est_rows = 1000000};
    assert_line(&p, 200, "t  0 rows  0 /s rows  0 B read  RSS 0 B");
}

static int columns_of(const char *text)
{
    int n = 0;
    for (; *text != '\0'; text++)
        n += (*text & 0xC0) == 0x80 ? 0 : (*text & 0x80) != 0 ? 2 : 1;
    return n;
}

static void a_line_is_never_wider_than_the_terminal(void **state)
{
    (void)state;
    char name[129], out[RVI_PROGRESS_BYTES];
    for (size_t i = 0; i + 3 < sizeof name; i += 3)
        memcpy(name + i, "\xE6\x97\xA5", 3);
    name[126] = '\0';
    const char *const names[] = {"orders", name, ""};
    for (size_t i = 0; i < 3; i++)
        for (int columns = 0; columns < 200; columns++) {
            rv_progress p = half_way();
            p.export_name = names[i];
            rvi_progress_compose(out, &p, columns);
            assert_true(columns_of(out) <= columns);
        }
}

static void a_long_name_leaves_room_for_the_numbers(void **state)
{
    (void)state;
    char name[129], out[RVI_PROGRESS_BYTES];
    rv_progress p = half_way();
    memset(name, 'x', 128);
    name[128] = '\0';
    p.export_name = name;
    rvi_progress_compose(out, &p, 60);
    assert_non_null(strstr(out, "500,000 rows  50 %  ETA 1.0 s"));
}

static void a_name_cannot_move_the_cursor(void **state)
{
    (void)state;
    char out[RVI_PROGRESS_BYTES];
    rv_progress p = half_way();
    p.export_name = "a\x1b[2J\r\n\xC2\x9B"
                    "b";
    rvi_progress_compose(out, &p, 200);
    assert_null(strpbrk(out, "\x1b\r\n"));
    assert_null(strstr(out, "\xC2\x9B"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_tells_rows_share_rate_and_memory),
        cmocka_unit_test(storage_units_are_trusted_more_than_estimates),
        cmocka_unit_test(there_is_no_eta_where_nothing_is_known),
        cmocka_unit_test(a_line_is_never_wider_than_the_terminal),
        cmocka_unit_test(a_long_name_leaves_room_for_the_numbers),
        cmocka_unit_test(a_name_cannot_move_the_cursor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
