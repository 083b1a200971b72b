/* render.c - the one place that prints failures. Everything printed passes the redactor first. */
#include "cli.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { ERROR_TEXT_BYTES = 2048 };

static void one_line(const rv_error *err, char *out, size_t size)
{
    size_t at =
        (size_t)snprintf(out, size, "%s", err->message[0] != '\0' ? err->message : rv_code_title(err->code));
    if (err->native[0] != '\0' && at < size)
        (void)snprintf(out + at, size - at, " [%s]", err->native);
}

static json_t *error_object(const rv_error *err)
{
    char text[ERROR_TEXT_BYTES];
    one_line(err, text, sizeof text);
    json_t *object =
        json_pack("{s:s,s:i,s:s,s:b}", "error", text, "exit_class", (int)rv_code_exit(err->code), "code",
                  rv_code_name(err->code), "retryable", rv_code_exit(err->code) == RV_EXIT_TRANSIENT);
    if (object == NULL)
        return NULL;
    if (err->hint[0] != '\0')
        (void)json_object_set_new(object, "hint", json_string(err->hint));
    if (err->native[0] != '\0')
        (void)json_object_set_new(object, "native_code", json_string(err->native));
    json_t *context = json_array();
    for (int i = 0; i < err->n_frames; i++)
        (void)json_array_append_new(context, json_string(err->frame[i]));
    (void)json_object_set_new(object, "context", context);
    return object;
}

static void print_json_line(json_t *object)
{
    char *text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;
    fprintf(stderr, "%s\n", text != NULL ? text : "{\"error\":\"out of memory\",\"exit_class\":1}");
    free(text);
    json_decref(object);
}

void rvi_render_error(const rvi_cli *cli, const rv_error *err)
{
    rv_error shown = *err;
    rv_redact_error(cli->redactor, &shown);
    if (cli->json_errors) {
        print_json_line(error_object(&shown));
        return;
    }
    char text[ERROR_TEXT_BYTES];
    one_line(&shown, text, sizeof text);
    fprintf(stderr, "error %s: %s\n", rv_code_name(shown.code), text);
    for (int i = 0; i < shown.n_frames; i++)
        fprintf(stderr, "  in %s\n", shown.frame[i]);
    if (shown.hint[0] != '\0')
        fprintf(stderr, "  hint: %s\n", shown.hint);
}

static json_t *finding_object(const char *file, const rv_finding *finding)
{
    return json_pack("{s:s,s:i,s:i,s:s,s:s,s:s,s:s?}", "file", file, "line", finding->line, "column",
                     finding->column, "severity", finding->warning ? "warning" : "error", "code",
                     rv_code_name(finding->code), "message", finding->message, "path", finding->path);
}

static void render_findings_json(const char *file, const rv_findings *findings, const rv_error *err)
{
    json_t *list = json_array();
    for (int i = 0; i < findings->n; i++)
        (void)json_array_append_new(list, finding_object(file, &findings->items[i]));
    json_t *object = error_object(err);
    if (object != NULL)
        (void)json_object_set(object, "findings", list);
    json_decref(list);
    print_json_line(object);
}

void rvi_render_findings(const rvi_cli *cli, const char *file, const rv_findings *findings,
                         const rv_error *err)
{
    int n_errors = 0;
    for (int i = 0; i < findings->n; i++)
        n_errors += !findings->items[i].warning;
    if (cli->json_errors && n_errors > 0) {
        render_findings_json(file, findings, err);
        return;
    }
    for (int i = 0; i < findings->n; i++) {
        const rv_finding *finding = &findings->items[i];
        char message[ERROR_TEXT_BYTES];
        (void)snprintf(message, sizeof message, "%s", finding->message);
        rv_redact(cli->redactor, message, sizeof message);
        fprintf(stderr, "%s:%d:%d: %s %s: ", file, finding->line, finding->column,
                finding->warning ? "warning" : "error", rv_code_name(finding->code));
        if (finding->path != NULL && finding->path[0] != '\0')
            fprintf(stderr, "%s: ", finding->path);
        fprintf(stderr, "%s\n", message);
    }
    if (n_errors > 1)
        fprintf(stderr, "%d problems in %s; nothing was run\n", n_errors, file);
}
