#include "cli.h"

rv_code rvi_cmd_completions(rvi_cli *cli, const rvi_args *args, rv_error *err)
{
    (void)cli;
    if (!rvi_completion(stdout, args->operand))
        return rv_fail(err, RV_E_USAGE, "no completion for shell '%s'", args->operand);
    return RV_OK;
}
