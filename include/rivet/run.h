/* rivet/run.h - one execution of one export: the executor, and what it tells its caller.
 *
 * All modes are lists of chunks; this is the only place that reads pages, starts threads and retries. */
#ifndef RIVET_RUN_H
#define RIVET_RUN_H

#include "rivet/bytes.h"
#include "rivet/clock.h"
#include "rivet/plan.h"
#include "rivet/quality.h"

/* A moment of a run, for progress displays. Counters only grow. */
typedef struct rv_progress {
    const char *export_name;
    int64_t rows_read, rows_written;
    uint64_t wire_bytes, file_bytes;
    int64_t est_rows; /* -1: unknown */
    int64_t chunks_done, n_chunks;
    int64_t units_done, n_units; /* of a physical strategy; 0: unknown */
    int64_t elapsed_us, pages;
    uint64_t rss_bytes;
} rv_progress;

enum { RV_MAX_NOTES = 16, RV_NOTE_BYTES = 240, RV_MAX_GATES = 16 };

/* A quality gate, as rv_quality_result has it. */
typedef struct rv_gate_summary {
    const char *key;                                  /* static */
    char column[RV_NOTE_BYTES], proof[RV_NOTE_BYTES]; /* "": none; cut to fit */
    rv_quality_verdict_kind verdict;
    double measured, limit;
} rv_gate_summary;

/* How a run ended. Plain data; strings are inside. */
typedef struct rv_summary {
    char export_name[RV_RUN_ID_BYTES], run_id[RV_RUN_ID_BYTES];
    char mode[24], strategy[24], reason[RV_NOTE_BYTES], format[16], compression[16], profile[16];
    char source[RV_NOTE_BYTES], dest_uri[4096], relation[RV_NOTE_BYTES];
    rv_run_status status;
    bool resumed; /* an earlier, interrupted run was finished or repeated under its own run_id */
    int64_t started_us, finished_us, duration_ms;
    int64_t rows, files, n_chunks, pages, longest_statement_ms, retries;
    uint64_t bytes, wire_bytes, peak_rss_bytes, peak_budget_bytes;
    bool validate;                         /* every part was to be read back before it was published */
    int64_t n_validated;                   /* parts that were */
    int64_t policy_uses;                   /* cells changed by on_invalid, all columns together */
    int n_quality_gates, n_quality_failed; /* gates that were judged; those that did not pass */
    int n_gates;                           /* of these, those that did not pass first */
    rv_gate_summary gates[RV_MAX_GATES];
    int n_schema_changes; /* of columns since the last successful run */
    int n_notes;
    char notes[RV_MAX_NOTES][RV_NOTE_BYTES];
    rv_error error; /* code RV_OK unless status is FAILED or INTERRUPTED; redacted */
} rv_summary;

/* Callbacks run on the run's monitor thread, one at a time, a few times a second. All may be NULL. */
typedef struct rv_observer {
    void *context;
    void (*on_progress)(void *context, const rv_progress *progress);
} rv_observer;

/* How many connections to the source all exports of a process may have together. Any thread. NULL: no limit. */
typedef struct rv_connections rv_connections;
rv_code rv_connections_new(rv_connections **out, int limit, rv_error *err) RV_MUST_CHECK; /* limit >= 1 */
void rv_connections_free(rv_connections *connections);                                    /* NULL is fine */
RV_DEFINE_AUTO(rv_connections, rv_connections_free)
bool rv_connections_try(rv_connections *connections) RV_MUST_CHECK; /* false: none is left */
void rv_connections_give_back(rv_connections *connections);

typedef struct rv_run_context {
    const rv_config *config;
    const char *state_path;
    const rv_clock *clock;
    rv_cancel *cancel; /* requested by a signal; the run has a token of its own below it */
    const rv_redactor *redactor;
    rv_observer observer;
    bool validate;               /* read every part back before it is published */
    rv_connections *connections; /* NULL: no limit */
    bool resume;                 /* --resume: go on with the run that is open; nothing of it is given up */
    bool
        force; /* --force: --resume may begin a new run where a successful one lies; without it, an open run of
                   another configuration is given up */
} rv_run_context;

/* All parts of a run that succeeded were read back and hold what was exported. */
static inline bool rv_summary_validated(const rv_summary *summary)
{
    return summary->validate && summary->status == RV_RUN_SUCCEEDED && summary->n_validated == summary->files;
}

/* Run one export to its verdict. Everything learnt is in `summary`, also on failure. The code returned is
 * summary->error.code: RV_OK for SUCCEEDED and SKIPPED. DEST_CLOSED (the reader of stdout went away) is a clean end. */
rv_code rv_run_export(const rv_run_context *context, const rv_export_config *export_config,
                      rv_summary *summary);

/* Several exports at once, `at_once` of them at a time, each with a context of its own. on_done is called for each that
 * has ended, by one thread at a time. A stop leaves those that were not begun. Fails IO (no thread). */
typedef struct rv_run_batch {
    const rv_run_context *contexts;
    const rv_export_config *const *exports;
    rv_summary *summaries;
    bool *begun; /* true before the call: not to be run */
    int n;
    void (*on_done)(void *context, int index);
    void *on_done_context;
} rv_run_batch;
rv_code rv_run_exports(const rv_run_batch *batch, int at_once, rv_error *err) RV_MUST_CHECK;

/* The exports that one with partition_by stands for; in the arena. Asks the source. Fails as rv_plan_partitions(). */
rv_code rv_run_partitions(const rv_run_context *context, const rv_export_config *export_config,
                          rv_arena *arena, rv_export_config **out, int *n_out, rv_error *err) RV_MUST_CHECK;

/* The runs that a state store has as running, by the names of their exports. In the arena. Creates no store. */
typedef struct rv_open_name {
    const char *export_name, *config_fingerprint; /* as rv_run_plan has them */
} rv_open_name;
typedef struct rv_open_names {
    const rv_open_name *items;
    int n;
} rv_open_names;
rv_code rv_run_list_open(const rv_run_context *context, rv_arena *arena, rv_open_names *out,
                         rv_error *err) RV_MUST_CHECK;

/* What partition_by named otherwise when these runs were begun: runs of this export that none of the `n` exports that
 * are to be run for it now would meet, because no one has their names. They are ended where rivet run would end an open
 * run of another configuration. Fails as it does: RUN_CHANGED, RUN_OPEN, RUN_LEASE_HELD; nothing is touched then. */
rv_code rv_run_settle_renamed(const rv_run_context *context, const rv_export_config *export_config,
                              const rv_open_names *open, const rv_export_config *exports, int n,
                              rv_error *err) RV_MUST_CHECK;

/* End the open run of an export, whose owner is dead, as interrupted, and remove its files; one that has published its
 * manifest succeeds instead. Asks no source. out (in the arena): what was open; out->exists false: nothing was. Fails
 * RUN_LEASE_HELD. */
rv_code rv_run_give_up(const rv_run_context *context, const rv_export_config *export_config, rv_open_run *out,
                       rv_arena *arena, rv_error *err) RV_MUST_CHECK;

/* Read chunks of a run that another process has begun, until none is left; its owner commits. The configuration must
 * be the one that it was begun with. Fails RUN_NOT_JOINABLE, and as rv_run_export(). */
rv_code rv_run_join(const rv_run_context *context, const char *run_id, rv_summary *summary) RV_MUST_CHECK;

/* Where the state of a configuration lies: what RIVET_STATE_URL says (it may hold a password), or .rivet_state.db in
 * the configuration's folder. */
rv_code rv_run_state_path(const rv_config *config, rv_arena *arena, const char **out,
                          rv_error *err) RV_MUST_CHECK;

/* Where an export's run writes: the destination's path with its placeholders, appended to `out`; nothing for a
 * destination without a path. started_us: wall clock, gives {date}. Fails CONFIG_VALUE. */
rv_code rv_run_dest_path(const rv_export_config *export_config, const char *run_id, int64_t started_us,
                         rv_bytes *out, rv_error *err) RV_MUST_CHECK;

/* SIGINT, SIGTERM and SIGHUP are blocked in every thread and received by one: the first requests `cancel`, the
 * second ends the process at once. One that is ignored when the program starts (nohup, a background job) stays so.
 * SIGPIPE is ignored. Call before any other thread starts. */
typedef struct rv_signals rv_signals;
rv_code rv_signals_start(rv_signals **out, rv_cancel *cancel, rv_error *err) RV_MUST_CHECK;
int rv_signals_received(const rv_signals *signals); /* the first signal's number; 0: none */
void rv_signals_stop(rv_signals *signals);          /* joins; NULL is fine */
RV_DEFINE_AUTO(rv_signals, rv_signals_stop)

#endif
