/* docs.c - a second small program: writes the generated documents. `rivet-docs man|cli|errors|config|schema` or
 * `rivet-docs completions SHELL`. */
#include "cli.h"

#include <string.h>

static bool write_config_page(bool as_schema)
{
    rvi_stdio_sink sink;
    rvi_stdio_sink_init(&sink, stdout);
    return (as_schema ? rv_config_write_json_schema(&sink.base, NULL)
                      : rv_config_write_reference(&sink.base, NULL)) == RV_OK;
}

int main(int argc, char **argv)
{
    const char *page = argc > 1 ? argv[1] : "";
    bool ok = true;
    if (strcmp(page, "man") == 0)
        rvi_help_man(stdout);
    else if (strcmp(page, "cli") == 0)
        rvi_help_markdown(stdout);
    else if (strcmp(page, "errors") == 0)
        rvi_errors_markdown(stdout);
    else if (strcmp(page, "config") == 0 || strcmp(page, "schema") == 0)
        ok = write_config_page(page[0] == 's');
    else if (strcmp(page, "completions") == 0 && argc > 2)
        ok = rvi_completion(stdout, argv[2]);
    else
        ok = false;
    if (!ok || fflush(stdout) != 0) {
        fputs("usage: rivet-docs man|cli|errors|config|schema|completions SHELL\n", stderr);
        return RV_EXIT_USAGE;
    }
    return RV_EXIT_OK;
}
