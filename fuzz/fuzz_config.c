/* fuzz_config.c - any bytes as a configuration: the loader returns a verdict, and secrets stay where they are.
 *
 * No file and no environment is touched. Aborts when a load that succeeded reported an error, when one that failed
 * reported none, and when the value of a variable shows up in a message although the input does not have it. */
#include "config/internal.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char canary[] = "c4nary%2Fw0rd";

static const char *fixed_environment(const char *name)
{
    if (strcmp(name, "PW") == 0)
        return canary;
    if (strcmp(name, "URL") == 0)
        return "postgresql://etl:c4nary%2Fw0rd@db1:5432/shop?sslmode=verify-full";
    return strcmp(name, "N") == 0 ? "7" : NULL;
}

static void require(bool truth)
{
    if (!truth)
        abort();
}

static bool has_canary(const char *text)
{
    return strstr(text, canary) || strstr(text, "c4nary/w0rd");
}

static void check_findings(const rv_findings *findings, rv_code rc, const char *input)
{
    int n_errors = 0;
    for (int i = 0; i < findings->n; i++) {
        n_errors += !findings->items[i].warning;
        require(has_canary(input) || !has_canary(findings->items[i].message));
    }
    require((rc == RV_OK) == (n_errors == 0) || rc == RV_E_OUT_OF_MEMORY);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const rv_param params[] = {{"TABLE", "public.orders"}, {"UNUSED", "1"}};
    rv_config_input input = {
        .path = "fuzz/rivet.yaml", .params = params, .n_params = 2, .getenv = fixed_environment};
    rv_findings findings = {0};
    rv_redactor *redactor = NULL;
    rv_config *config = NULL;
    char *text = malloc(size + 1);
    if (!text || rv_redactor_new(&redactor, NULL) != RV_OK)
        abort();
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    rv_error err = {0};
    rv_code rc =
        rvi_config_load_memory(&config, text, size, &input, RVI_FILES_REFUSED, redactor, &findings, &err);
    if (!memchr(text, '\0', size))
        check_findings(&findings, rc, text);
    rv_config_free(config);
    rv_findings_free(&findings);
    rv_redactor_free(redactor);
    free(text);
    return 0;
}
