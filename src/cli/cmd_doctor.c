#include "cli.h"

#include "rivet/preflight.h"

#include <jansson.h>
#include <stdlib.h>

typedef struct doctor {
    const rvi_cli *cli;
    json_t *checks; /* NULL: text */
    bool all_ok;
} doctor;

static void add_json(doctor *d, const rv_check_result *result, const rv_error *error)
{
    json_t *check = json_pack("{s:s,s:b}", "name", result->name, "ok", (int)result->ok);
    if (check == NULL)
        return;
    (void)json_object_set_new(check, "detail", json_string(result->ok ? result->detail : error->message));
    if (!result->ok) {
        (void)json_object_set_new(check, "code", json_string(rv_code_name(error->code)));
        if (error->hint[0] != '\0')
            (void)json_object_set_new(check, "hint", json_string(error->hint));
    }
    (void)json_array_append_new(d->checks, check);
}

static void show_check(void *context, const rv_check_result *result)
{
    doctor *d = context;
    rv_error error = result->error;
    rv_redact_error(d->cli->redactor, &error);
    d->all_ok &= result->ok;
    if (d->checks != NULL) {
        add_json(d, result, &error);
        return;
    }
    if (result->ok) {
        printf("\xe2\x9c\x93 %-28s %s\n", result->name, result->detail);
        return;
    }
    printf("\xe2\x9c\x97 %-28s %s: %s\n", result->name, rv_code_name(error.code), error.message);
    if (error.hint[0] != '\0')
        printf("  %-28s hint: %s\n", "", error.hint);
}

static void print_report(const doctor *d, const char *config_path)
{
    json_t *report =
        json_pack("{s:s,s:b,s:O}", "config_path", config_path, "all_ok", (int)d->all_ok, "checks", d->checks);
    char *text = report != NULL ? json_dumps(report, JSON_INDENT(2)) : NULL;
    printf("%s\n", text != NULL ? text : "{}");
    free(text);
    json_decref(report);
}

rv_code rvi_cmd_doctor(rvi_cli *cli, const rvi_args *args, rv_error *err)
{
    RV_AUTO(rv_config_free) rv_config *config = NULL;
    const char *state_path = NULL;
    RV_TRY(rvi_load_config(cli, args, &config, err));
    RV_TRY(rv_run_state_path(config, config->arena, &state_path, err));
    RV_TRY(rv_signals_start(&cli->signals, cli->cancel, err));
    doctor d = {.cli = cli, .checks = rvi_option_given(args, "json") ? json_array() : NULL, .all_ok = true};
    rv_check_result loaded = {.name = "configuration", .ok = true};
    (void)snprintf(loaded.detail, sizeof loaded.detail, "%s, %d export%s", config->path, config->n_exports,
                   config->n_exports == 1 ? "" : "s");
    show_check(&d, &loaded);
    rv_code rc = rv_preflight_run(config, state_path, rv_clock_system(), cli->cancel, show_check, &d, err);
    if (d.checks != NULL)
        print_report(&d, config->path);
    json_decref(d.checks);
    cli->reported = rc != RV_OK && !cli->json_errors; /* every failure was shown with its hint */
    return rc;
}
