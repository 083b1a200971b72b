#include "cli.h"

#include <string.h>

static rv_code split_params(const rvi_args *args, rv_param *out, int *n, char (*names)[128], rv_error *err)
{
    const char *const *given = NULL;
    *n = rvi_option_values(args, "param", &given);
    for (int i = 0; i < *n; i++) {
        const char *equals = strchr(given[i], '=');
        size_t len = equals != NULL ? (size_t)(equals - given[i]) : 0;
        if (len == 0 || len >= sizeof names[0])
            return rv_fail(err, RV_E_USAGE, "--param takes K=V, with a name of 1 to 127 bytes");
        memcpy(names[i], given[i], len);
        names[i][len] = '\0';
        out[i] = (rv_param){names[i], equals + 1};
    }
    return RV_OK;
}

rv_code rvi_load_config(rvi_cli *cli, const rvi_args *args, rv_config **out, rv_error *err)
{
    rv_param params[RVI_MAX_VALUES];
    char names[RVI_MAX_VALUES][128];
    int n = 0;
    RV_TRY(split_params(args, params, &n, names, err));
    rv_config_input input = {.path = rvi_option_value(args, "config"), .params = params, .n_params = n};
    rv_findings findings = {0};
    rv_code rc = rv_config_load(out, &input, cli->redactor, &findings, err);
    for (int i = 0; i < n; i++) /* it may be a password */
        rvi_hide_argument(params[i].value);
    if (findings.n > 0) {
        rvi_render_findings(cli, input.path, &findings, err);
        cli->reported = rc != RV_OK;
    }
    rv_findings_free(&findings);
    return rc;
}

rv_code rvi_locate_config(const rvi_args *args, rv_config **out, rv_error *err)
{
    rv_param params[RVI_MAX_VALUES];
    char names[RVI_MAX_VALUES][128];
    int n = 0;
    RV_TRY(split_params(args, params, &n, names, err));
    for (int i = 0; i < n; i++) /* not needed, and may be a password all the same */
        rvi_hide_argument(params[i].value);
    return rv_config_locate(out, rvi_option_value(args, "config"), err);
}

rv_code rvi_open_state(const rv_config *config, rv_state_access access, rv_state **out, rv_error *err)
{
    const char *path = NULL;
    RV_TRY(rv_run_state_path(config, config->arena, &path, err));
    return rv_state_open(out, path, access, rv_clock_system(), err);
}

static rv_code stdio_write(rv_sink *sink, const void *data, size_t len, rv_error *err)
{
    FILE *to = ((rvi_stdio_sink *)sink)->to;
    if (fwrite(data, 1, len, to) != len)
        return rv_fail(err, RV_E_IO, "writing the output");
    return RV_OK;
}

void rvi_stdio_sink_init(rvi_stdio_sink *sink, FILE *to)
{
    *sink = (rvi_stdio_sink){.base = {.write = stdio_write}, .to = to};
}
