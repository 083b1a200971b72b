#include "cli.h"

#include "rivet/preflight.h"

#include <stdlib.h>

typedef struct doctor {
    const rvi_cli *cli;
    json_t *checks; /* NULL: text */
    bool all_ok, incomplete;
} doctor;

static void add_json(doctor *d, const rv_check_result *result, const rv_error *error)
{
    json_t *check = json_pack("{s:o,s:b,s:o}", "name", rvi_text_json(result->name), "ok", (int)result->ok,
                              "detail", rvi_text_json(result->ok ? result->detail : error->message));
    if (check != NULL && !result->ok) {
        (void)json_object_set_new(check, "code", json_string(rv_code_name(error->code)));
        if (error->hint[0] != '\0')
            (void)json_object_set_new(check, "hint", rvi_text_json(error->hint));
    }
    if (json_array_append_new(d->checks, check) != 0)
        d->incomplete = true;
}

static void print_check(const rv_check_result *result, const rv_error *error)
{
    char name[sizeof result->detail], text[sizeof error->message];
    rvi_text_line(name, sizeof name, result->name);
    if (result->ok) {
        printf("\xe2\x9c\x93 %-28s %s\n", name, rvi_text_line(text, sizeof text, result->detail));
        return;
    }
    printf("\xe2\x9c\x97 %-28s %s: %s\n", name, rv_code_name(error->code),
           rvi_text_line(text, sizeof text, error->message));
    if (error->hint[0] != '\0')
        printf("  %-28s hint: %s\n", "", rvi_text_line(text, sizeof text, error->hint));
}

static void show_check(void *context, const rv_check_result *result)
{
    doctor *d = context;
    rv_error error = result->error;
    rv_redact_error(d->cli->redactor, &error);
    d->all_ok &= result->ok;
    if (d->checks != NULL)
        add_json(d, result, &error);
    else
        print_check(result, &error);
}

static rv_code print_report(const doctor *d, const char *config_path, rv_error *err)
{
    json_t *report = json_pack("{s:o,s:b,s:O}", "config_path", rvi_text_json(config_path), "all_ok",
                               (int)d->all_ok, "checks", d->checks);
    char *text = report != NULL && !d->incomplete ? json_dumps(report, JSON_INDENT(2)) : NULL;
    json_decref(report);
    if (text == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "rendering the report as JSON");
    printf("%s\n", text);
    free(text);
    return RV_OK;
}

rv_code rvi_cmd_doctor(rvi_cli *cli, const rvi_args *args, rv_error *err)
{
    RV_AUTO(rv_config_free) rv_config *config = NULL;
    const char *state_path = NULL;
    RV_TRY(rvi_load_config(cli, args, &config, err));
    RV_TRY(rv_run_state_path(config, config->arena, &state_path, err));
    RV_TRY(rv_signals_start(&cli->signals, cli->cancel, err));
    bool as_json = rvi_option_given(args, "json");
    doctor d = {.cli = cli, .checks = as_json ? json_array() : NULL, .all_ok = true};
    if (as_json && d.checks == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "rendering the report as JSON");
    rv_check_result loaded = {.name = "configuration", .ok = true};
    (void)snprintf(loaded.detail, sizeof loaded.detail, "%s, %d export%s", config->path, config->n_exports,
                   config->n_exports == 1 ? "" : "s");
    show_check(&d, &loaded);
    rv_code rc = rv_preflight_run(config, state_path, rv_clock_system(), cli->cancel, show_check, &d, err);
    cli->reported = rc != RV_OK && !cli->json_errors; /* every failure was shown with its hint */
    rv_error output = {0};
    if (as_json && print_report(&d, config->path, &output) != RV_OK) {
        rvi_render_error(cli, &output);
        cli->reported = true;
        rc = rc != RV_OK ? rc : output.code;
    }
    json_decref(d.checks);
    return rc;
}
