#include "rivet/preflight.h"

#include "rivet/dest.h"
#include "rivet/run.h"
#include "rivet/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { EXPORT_ARENA_BYTES = 16 << 20, DEST_PATH_BYTES = 64 << 10 };

typedef struct preflight {
    const rv_config *config;
    const char *state_path;
    const rv_clock *clock;
    rv_cancel *cancel;
    rv_check_fn fn;
    void *context;
    rv_source *source; /* NULL: it could not be opened */
    rv_error first;    /* failure */
} preflight;

static void report(preflight *p, const char *name, const char *detail, const rv_error *err)
{
    rv_check_result result = {.name = name, .ok = err->code == RV_OK, .error = *err};
    (void)snprintf(result.detail, sizeof result.detail, "%s", detail);
    if (!result.ok && p->first.code == RV_OK)
        p->first = *err;
    p->fn(p->context, &result);
}

static void check_source(preflight *p)
{
    rv_error err = {0};
    rv_server_info server = {0};
    char detail[256] = "";
    rv_code rc = rv_source_open(&p->source, &p->config->source, p->cancel, &err);
    if (rc == RV_OK)
        rc = rv_source_server(p->source, &server, &err);
    if (rc == RV_OK)
        (void)snprintf(detail, sizeof detail, "%s %s%s%s%s", server.product, server.version,
                       server.tls ? ", " : "", server.tls ? server.tls_detail : "",
                       server.pooled ? ", behind a transaction pooler" : "");
    report(p, "source", detail, &err);
}

/* No question that planning asks may take long: they are about catalogs and the ends of indexes. */
static int64_t limit_ms(int64_t given_s)
{
    enum { MOST_MS = 10000 };
    return given_s > 0 && given_s < MOST_MS / 1000 ? given_s * 1000 : MOST_MS;
}

/* What a run does first: describe the relation and plan it, here without a snapshot that would be held. */
static rv_code try_plan(preflight *p, const rv_export_config *e, rv_arena *arena, rv_plan *plan,
                        rv_error *err)
{
    rv_read_options options = {.statement_timeout_ms = limit_ms(e->tuning.statement_timeout_s),
                               .lock_timeout_ms = limit_ms(e->tuning.lock_timeout_s),
                               .accept_row_security = e->row_security_acknowledged};
    rv_relation_info info;
    RV_TRY(rv_source_begin(p->source, &options, err));
    rv_code rc = rv_source_describe(p->source, &e->relation, arena, &info, err);
    if (rc == RV_OK)
        rc = rv_plan_make(
            arena,
            &(rv_plan_input){
                .export_config = e, .source = p->source, .info = &info, .now_us = p->clock->now_us(p->clock)},
            plan, err);
    rv_source_end(p->source);
    return rc;
}

/* "table public.orders, 9 columns; ctid, 12 chunks: block ranges in storage order …": what a run would do now. */
static void describe_plan(const rv_plan *plan, char *out, size_t size)
{
    const char *kind = plan->info.kind, *origin = plan->schema.origin;
    bool same = strcmp(kind, origin) == 0; /* a query has no name of its own */
    (void)snprintf(out, size, "%s%s%s, %d column%s; %s, %lld chunk%s%s%s", kind, same ? "" : " ",
                   same ? "" : origin, plan->schema.n_fields, plan->schema.n_fields == 1 ? "" : "s",
                   plan->strategy_name, (long long)plan->n_chunks, plan->n_chunks == 1 ? "" : "s",
                   plan->reason != NULL ? ": " : "", plan->reason != NULL ? plan->reason : "");
}

static void check_export(preflight *p, const rv_export_config *e)
{
    rv_error err = {0};
    rv_plan plan = {0};
    rv_arena *arena = NULL;
    char name[192], detail[sizeof((rv_check_result *)0)->detail] = "";
    (void)snprintf(name, sizeof name, "export %s", e->name);
    rv_code rc = rv_arena_new(&arena, EXPORT_ARENA_BYTES, &err);
    if (rc == RV_OK)
        rc = try_plan(p, e, arena, &plan, &err);
    if (rc == RV_OK)
        describe_plan(&plan, detail, sizeof detail);
    report(p, name, detail, &err);
    rv_arena_free(arena);
}

static void check_destination(preflight *p, const rv_export_config *e)
{
    rv_error err = {0};
    rv_dest *dest = NULL;
    rv_bytes path = RV_BYTES_INIT(DEST_PATH_BYTES);
    char name[192];
    const char *expanded = "";
    rv_export_config sample = *e;
    if (e->partition.column != NULL) /* one partition's folder stands for all */
        sample.partition.label = "partition";
    (void)snprintf(name, sizeof name, "destination of %s", e->name);
    rv_code rc = rv_run_dest_path(&sample, "doctor", p->clock->now_us(p->clock), &path, &err);
    if (rc == RV_OK)
        rc = rv_bytes_cstr(&path, &expanded, &err);
    if (rc == RV_OK)
        rc = rv_dest_open(&dest, &e->dest, expanded, p->cancel, &err);
    if (rc == RV_OK)
        rc = rv_dest_check(dest, &err);
    report(p, name, rc == RV_OK ? rv_dest_uri(dest) : "", &err);
    rv_dest_close(dest);
    rv_bytes_deinit(&path);
}

/* May a run write the store? It needs the folder too, for the journal beside the file. access() as the effective
 * user, as open() is judged. */
static rv_code check_writable(const char *path, rv_error *err)
{
    char folder[4096];
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);
    if (len >= sizeof folder)
        return rv_fail(err, RV_E_STATE_UNUSABLE, "the path of the state store is too long");
    (void)snprintf(folder, sizeof folder, "%.*s", (int)(len > 0 ? len : 1), len > 0 ? path : ".");
    const char *const needed[] = {folder, path};
    for (int i = 0; i < 2; i++) {
        int denied = faccessat(AT_FDCWD, needed[i], W_OK, AT_EACCESS) == 0 ? 0 : errno;
        if (denied == 0 || (i == 1 && denied == ENOENT))
            continue;
        rv_fail_os(err, RV_E_STATE_UNUSABLE, denied, "a run cannot write '%s'", needed[i]);
        rv_hint(err, "the state store lies beside the configuration, whose folder must be writable");
        return RV_E_STATE_UNUSABLE;
    }
    return RV_OK;
}

static void check_state(preflight *p)
{
    rv_error err = {0};
    rv_state *state = NULL;
    rv_code rc = rv_state_open(&state, p->state_path, RV_STATE_READ, p->clock, &err);
    const bool is_file = !rv_state_is_url(p->state_path);
    if (rc == RV_OK && is_file)
        rc = check_writable(p->state_path, &err);
    report(p, "state", rc != RV_OK ? "" : is_file ? p->state_path : rv_state_location(state), &err);
    rv_state_close(state);
}

rv_code rv_preflight_run(const rv_config *config, const char *state_path, const rv_clock *clock,
                         rv_cancel *cancel, rv_check_fn fn, void *context, rv_error *err)
{
    preflight p = {.config = config,
                   .state_path = state_path,
                   .clock = clock,
                   .cancel = cancel,
                   .fn = fn,
                   .context = context};
    check_state(&p);
    check_source(&p);
    for (int i = 0; i < config->n_exports && !rv_cancel_requested(cancel); i++) {
        if (p.source != NULL)
            check_export(&p, &config->exports[i]);
        check_destination(&p, &config->exports[i]);
    }
    rv_source_close(p.source);
    if (p.first.code == RV_OK && rv_cancel_requested(cancel))
        return rv_fail(err, RV_E_CANCELLED, "stopped before every check was made");
    if (p.first.code != RV_OK && err != NULL)
        *err = p.first;
    return p.first.code;
}
