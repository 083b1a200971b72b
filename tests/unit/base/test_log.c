#include "rivet/log.h"
#include "rivet/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

typedef struct heard {
    int n_lines;
    rv_log_level level;
    char line[2048];
} heard;

static void hear(void *context, rv_log_level level, const char *line)
{
    heard *h = context;
    h->n_lines++;
    h->level = level;
    snprintf(h->line, sizeof h->line, "%s", line);
}

static int silence(void **state)
{
    (void)state;
    rv_log_install(NULL, NULL, RV_LOG_WARN);
    return 0;
}

static void lines_up_to_the_level_reach_the_sink(void **state)
{
    (void)state;
    heard h = {0};
    rv_log_install(hear, &h, RV_LOG_INFO);
    assert_int_equal(rv_log_current_level(), RV_LOG_INFO);
    rv_log(RV_LOG_DEBUG, "not this");
    assert_int_equal(h.n_lines, 0);
    rv_log(RV_LOG_INFO, "chunk %d of %d", 3, 4);
    rv_log(RV_LOG_ERROR, "lost '%s'", "orders");
    assert_int_equal(h.n_lines, 2);
    assert_int_equal(h.level, RV_LOG_ERROR);
    assert_string_equal(h.line, "lost 'orders'");
}

static void without_a_sink_a_line_goes_nowhere(void **state)
{
    (void)state;
    rv_log(RV_LOG_ERROR, "nobody hears %s", "this");
}

static void a_message_cannot_forge_a_second_line(void **state)
{
    (void)state;
    heard h = {0};
    rv_log_install(hear, &h, RV_LOG_WARN);
    rv_log(RV_LOG_WARN, "%s", "server says\nERROR all is lost\r\x1b[31m\tred\x7f");
    assert_int_equal(h.n_lines, 1);
    assert_string_equal(h.line, "server says ERROR all is lost  [31m red ");
}

static void a_long_line_is_cut_between_characters(void **state)
{
    (void)state;
    heard h = {0};
    rv_log_install(hear, &h, RV_LOG_WARN);
    char text[3001] = "";
    for (size_t n = 0; n < 3000; n += 3)
        memcpy(text + n, "€", 4);
    rv_log(RV_LOG_WARN, "%s", text);
    assert_int_equal(strlen(h.line), 1023);
    assert_true(rv_utf8_valid((const uint8_t *)h.line, strlen(h.line)));
    rv_log(RV_LOG_WARN, "x%s", text);
    assert_int_equal(strlen(h.line), 1 + 340 * 3);
    assert_true(rv_utf8_valid((const uint8_t *)h.line, strlen(h.line)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(lines_up_to_the_level_reach_the_sink, silence),
        cmocka_unit_test_teardown(without_a_sink_a_line_goes_nowhere, silence),
        cmocka_unit_test_teardown(a_message_cannot_forge_a_second_line, silence),
        cmocka_unit_test_teardown(a_long_line_is_cut_between_characters, silence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
