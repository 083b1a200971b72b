#include "cli.h"

rv_code rvi_cmd_schema_config(rvi_cli *cli, const rvi_args *args, rv_error *err)
{
    (void)cli;
    (void)args;
    rvi_stdio_sink sink;
    rvi_stdio_sink_init(&sink, stdout);
    return rv_config_write_json_schema(&sink.base, err);
}
