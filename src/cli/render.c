/* render.c - the one place that prints failures. Everything printed passes the redactor first. */
#include "cli.h"

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
    json_t *object = json_pack("{s:o,s:i,s:s,s:b}", "error", rvi_text_json(text), "exit_class",
                               (int)rv_code_exit(err->code), "code", rv_code_name(err->code), "retryable",
                               rv_code_exit(err->code) == RV_EXIT_TRANSIENT);
    if (object == NULL)
        return NULL;
    if (err->hint[0] != '\0')
        (void)json_object_set_new(object, "hint", rvi_text_json(err->hint));
    if (err->native[0] != '\0')
        (void)json_object_set_new(object, "native_code", rvi_text_json(err->native));
    json_t *context = json_array();
    for (int i = 0; i < err->n_frames; i++)
        (void)json_array_append_new(context, rvi_text_json(err->frame[i]));
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

static void print_error(const rv_error *err)
{
    char text[ERROR_TEXT_BYTES], line[ERROR_TEXT_BYTES];
    one_line(err, text, sizeof text);
    fprintf(stderr, "error %s: %s\n", rv_code_name(err->code), rvi_text_line(line, sizeof line, text));
    for (int i = 0; i < err->n_frames; i++)
        fprintf(stderr, "  in %s\n", rvi_text_line(line, sizeof line, err->frame[i]));
    if (err->hint[0] != '\0')
        fprintf(stderr, "  hint: %s\n", rvi_text_line(line, sizeof line, err->hint));
}

void rvi_render_error(const rvi_cli *cli, const rv_error *err)
{
    rv_error shown = *err;
    rv_redact_error(cli->redactor, &shown);
    if (cli->json_errors)
        print_json_line(error_object(&shown));
    else
        print_error(&shown);
}

/* A finding's message as it may be shown. */
static void redacted_message(const rvi_cli *cli, const rv_finding *finding, char out[ERROR_TEXT_BYTES])
{
    (void)snprintf(out, ERROR_TEXT_BYTES, "%s", finding->message);
    rv_redact(cli->redactor, out, ERROR_TEXT_BYTES);
}

static json_t *finding_object(const rvi_cli *cli, const char *file, const rv_finding *finding)
{
    char message[ERROR_TEXT_BYTES];
    redacted_message(cli, finding, message);
    return json_pack("{s:o,s:i,s:i,s:s,s:s,s:o,s:o}", "file", rvi_text_json(file), "line", finding->line,
                     "column", finding->column, "severity", finding->warning ? "warning" : "error", "code",
                     rv_code_name(finding->code), "message", rvi_text_json(message), "path",
                     finding->path != NULL ? rvi_text_json(finding->path) : json_null());
}

static void render_findings_json(const rvi_cli *cli, const char *file, const rv_findings *findings,
                                 const rv_error *err)
{
    rv_error shown = *err;
    json_t *list = json_array();
    rv_redact_error(cli->redactor, &shown);
    for (int i = 0; i < findings->n; i++)
        (void)json_array_append_new(list, finding_object(cli, file, &findings->items[i]));
    json_t *object = error_object(&shown);
    if (object != NULL)
        (void)json_object_set(object, "findings", list);
    json_decref(list);
    print_json_line(object);
}

static void print_finding(const rvi_cli *cli, const char *file, const rv_finding *finding)
{
    char message[ERROR_TEXT_BYTES], line[ERROR_TEXT_BYTES];
    redacted_message(cli, finding, message);
    fprintf(stderr, "%s:", rvi_text_line(line, sizeof line, file));
    if (finding->line > 0) /* what the command line says has no place in the file */
        fprintf(stderr, "%d:%d:", finding->line, finding->column);
    fprintf(stderr, " %s %s: ", finding->warning ? "warning" : "error", rv_code_name(finding->code));
    if (finding->path != NULL && finding->path[0] != '\0')
        fprintf(stderr, "%s: ", rvi_text_line(line, sizeof line, finding->path));
    fprintf(stderr, "%s\n", rvi_text_line(line, sizeof line, message));
}

void rvi_render_findings(const rvi_cli *cli, const char *file, const rv_findings *findings,
                         const rv_error *err)
{
    int n_errors = 0;
    for (int i = 0; i < findings->n; i++)
        n_errors += !findings->items[i].warning;
    if (cli->json_errors && n_errors > 0) {
        render_findings_json(cli, file, findings, err);
        return;
    }
    for (int i = 0; i < findings->n; i++)
        print_finding(cli, file, &findings->items[i]);
    if (n_errors > 1)
        fprintf(stderr, "%d problems in %s; nothing was run\n", n_errors, file);
}
