/* Failures as they are printed: redacted, on their own lines, and valid JSON whatever they hold. */
#include "cli/cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { PRINTED_BYTES = 64 << 10 };

typedef struct capture {
    rvi_cli cli;
    FILE *file;
    int real_stderr;
    char text[PRINTED_BYTES];
} capture;

static int capture_setup(void **state)
{
    capture *c = calloc(1, sizeof *c);
    assert_non_null(c);
    assert_int_equal(rv_redactor_new(&c->cli.redactor, NULL), RV_OK);
    RV_AUTO(rv_secret_free) rv_secret *secret = NULL;
    assert_int_equal(rv_secret_new(&secret, "hunter22", 8, NULL), RV_OK);
    assert_int_equal(rv_redactor_add(c->cli.redactor, secret, NULL), RV_OK);
    *state = c;
    return 0;
}

static int capture_teardown(void **state)
{
    capture *c = *state;
    rv_redactor_free(c->cli.redactor);
    free(c);
    return 0;
}

static void capture_begin(capture *c)
{
    (void)fflush(stderr);
    c->file = tmpfile();
    assert_non_null(c->file);
    c->real_stderr = dup(STDERR_FILENO);
    assert_true(dup2(fileno(c->file), STDERR_FILENO) >= 0);
}

static const char *capture_end(capture *c)
{
    (void)fflush(stderr);
    assert_true(dup2(c->real_stderr, STDERR_FILENO) >= 0);
    (void)close(c->real_stderr);
    rewind(c->file);
    c->text[fread(c->text, 1, sizeof c->text - 1, c->file)] = '\0';
    (void)fclose(c->file);
    return c->text;
}

static const char *render(capture *c, const rv_error *err)
{
    capture_begin(c);
    rvi_render_error(&c->cli, err);
    return capture_end(c);
}

static rv_error some_error(const char *message)
{
    rv_error err = {0};
    rv_fail(&err, RV_E_SOURCE_LOST, "%s", message);
    rv_native(&err, "08006");
    rv_wrap(&err, RV_E_SOURCE_LOST, "chunk 1 of 2");
    rv_hint(&err, "look at the network");
    return err;
}

static void an_error_tells_code_place_and_hint(void **state)
{
    const rv_error err = some_error("gone");
    assert_string_equal(render(*state, &err), "error RIVET_SOURCE_LOST: gone [08006]\n  in chunk 1 of 2\n"
                                              "  hint: look at the network\n");
}

static void a_message_cannot_forge_lines_or_show_secrets(void **state)
{
    const rv_error err = some_error("a\nerror RIVET_FORGED: \x1b[31m hunter22 postgres://u:pw@h/d");
    const char *text = render(*state, &err);
    assert_null(strstr(text, "\nerror RIVET_FORGED"));
    assert_null(strchr(text, '\x1b'));
    assert_null(strstr(text, "hunter22"));
    assert_null(strstr(text, ":pw@"));
}

static void json_is_one_valid_line_whatever_the_message_holds(void **state)
{
    capture *c = *state;
    c->cli.json_errors = true;
    const rv_error err = some_error("bad \xFF byte,\nline, \"quote\", hunter22");
    const char *text = render(c, &err);
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    json_t *object = json_loads(text, 0, NULL);
    assert_non_null(object);
    assert_string_equal(json_string_value(json_object_get(object, "error")),
                        "bad \xEF\xBF\xBD byte,\nline, \"quote\", *** [08006]");
    assert_string_equal(json_string_value(json_object_get(object, "code")), "RIVET_SOURCE_LOST");
    assert_int_equal(json_integer_value(json_object_get(object, "exit_class")), 75);
    assert_true(json_is_true(json_object_get(object, "retryable")));
    json_decref(object);
}

static const char *render_findings(capture *c)
{
    static rv_finding items[] = {
        {.code = RV_E_CONFIG_VALUE,
         .line = 3,
         .column = 5,
         .path = "source.url",
         .message = "has hunter22\n"},
        {.code = RV_E_CONFIG_VALUE, .warning = true, .line = 9, .column = 1, .message = "only a warning"},
        {.code = RV_E_CONFIG_TYPE, .line = 4, .column = 2, .path = "exports[0]", .message = "bad \xFF"},
    };
    const rv_findings findings = {.items = items, .n = 3};
    rv_error err = {0};
    rv_fail(&err, RV_E_CONFIG_INVALID, "2 problems, one is hunter22");
    capture_begin(c);
    rvi_render_findings(&c->cli, "r\xFF.yaml", &findings, &err);
    return capture_end(c);
}

static void findings_are_printed_without_secrets(void **state)
{
    const char *text = render_findings(*state);
    assert_null(strstr(text, "hunter22"));
    assert_non_null(strstr(text, ":3:5: error RIVET_CONFIG_VALUE: source.url: has *** \n"));
    assert_non_null(strstr(text, ":9:1: warning RIVET_CONFIG_VALUE: only a warning\n"));
    assert_non_null(strstr(text, "2 problems in "));
}

static void findings_are_json_without_secrets(void **state)
{
    capture *c = *state;
    c->cli.json_errors = true;
    const char *text = render_findings(c);
    assert_null(strstr(text, "hunter22"));
    json_t *object = json_loads(text, 0, NULL);
    assert_non_null(object);
    assert_int_equal(json_array_size(json_object_get(object, "findings")), 3);
    json_decref(object);
}

#define render_test(name) cmocka_unit_test_setup_teardown(name, capture_setup, capture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        render_test(an_error_tells_code_place_and_hint),
        render_test(a_message_cannot_forge_lines_or_show_secrets),
        render_test(json_is_one_valid_line_whatever_the_message_holds),
        render_test(findings_are_printed_without_secrets),
        render_test(findings_are_json_without_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
