/* run/internal.h - what the threads of one run share.
 *
 *   lane × N: reader ──pages──▶ encoder ──┐
 *               ▲───spare batches──┘      ├─parts──▶ uploader ──records──▶ recorder
 *               ▲────────────────── claims ───────────────────────────────────┘
 *
 * Shared mutable state: the queues (each with its own leaf lock), the cancel tokens, the atomics in rvi_counters, the
 * end of the lease, the snapshot that lanes share, and the first-failure slot. A lane belongs to its own two threads.
 * Everything else in rvi_run is written before the threads start or by the one thread named beside it, and read by
 * others after they are joined. */
#ifndef RUN_INTERNAL_H
#define RUN_INTERNAL_H

#include "rivet/bytes.h"
#include "rivet/dest.h"
#include "rivet/format.h"
#include "rivet/manifest.h"
#include "rivet/meta.h"
#include "rivet/quality.h"
#include "rivet/queue.h"
#include "rivet/run.h"
#include "rivet/seen.h"
#include "rivet/shapes.h"

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>

/* How the process's memory is dealt out, for one lane. All in bytes. */
enum { RVI_MAX_BATCHES = 8, RVI_MAX_LANES = 64 };
typedef struct rvi_memory {
    size_t budget;      /* the lane's account; the run's is that of all its lanes together */
    size_t page_target; /* what the pace aims at for one page */
    size_t page_max;    /* a page that would pass it is given up and read again smaller */
    size_t writer;      /* what a format writer may hold */
    int n_batches;      /* in circulation: one filled, one waiting, one encoded; at most RVI_MAX_BATCHES */
} rvi_memory;
/* n_unique: columns whose values a guard remembers. */
rvi_memory rvi_memory_plan(const rv_tuning *tuning, int n_unique);

/* Steers page sizes so that a statement takes about target_us and a page about target_bytes. Pure. */
typedef struct rvi_pace {
    int64_t target_us, target_bytes, max_rows; /* max_rows 0: none */
    int64_t target_rows;                       /* of scans that do not count in rows; 0: none */
    int64_t units;                             /* what the next statement should cover, >= 1 */
    int64_t duty_percent;
    int64_t throttle_ms, throttle_rows; /* pause throttle_ms for every throttle_rows read; 0: none */
} rvi_pace;
void rvi_pace_init(rvi_pace *pace, const rv_tuning *tuning, size_t target_bytes, bool unit_is_row,
                   double est_bytes_per_unit);
void rvi_pace_learn(rvi_pace *pace, const rv_page *page, int64_t rows, size_t bytes);
bool rvi_pace_shrink(rvi_pace *pace); /* after a page was given up; false: it is at one unit already */
int64_t rvi_pace_pause_us(const rvi_pace *pace, int64_t statement_us,
                          int64_t rows); /* before the next statement */

/* What all lanes of a run may take together: a bucket that fills at a rate, and that may be overdrawn by a page, which
 * is then waited for. Full it holds a second's worth. */
typedef struct rvi_bucket {
    pthread_mutex_t lock;                /* guards the rest; leaf */
    int64_t rows_per_s, bytes_per_s;     /* 0: no limit */
    int64_t rows_paid_us, bytes_paid_us; /* monotonic: until when what was taken is paid for */
} rvi_bucket;
rv_code rvi_bucket_init(rvi_bucket *bucket, const rv_tuning *tuning, rv_error *err) RV_MUST_CHECK;
void rvi_bucket_deinit(rvi_bucket *bucket);
/* How long to wait after taking this much at this moment. */
int64_t rvi_bucket_take(rvi_bucket *bucket, int64_t now_us, int64_t rows, uint64_t bytes);

typedef struct rvi_counters {
    atomic_int_fast64_t rows_read, rows_written, pages, chunks_done, units_done, statement_us,
        longest_statement_us, retries, pages_too_large;
    atomic_uint_fast64_t wire_bytes, file_bytes;
} rvi_counters;

/* The snapshot that the lanes of a run read under, and its epochs: snapshot.c. All guarded by `lock`. */
enum { RVI_SNAPSHOT_NAME_BYTES = 128 };
typedef struct rvi_snapshot {
    pthread_mutex_t lock; /* leaf; held for a look and a change, never while the source is asked */
    pthread_cond_t changed;
    char name[RVI_SNAPSHOT_NAME_BYTES]; /* under which lanes join it; "": it cannot be joined */
    int64_t epoch;                      /* of the snapshot that is, or of the next one */
    int64_t since_mono_us;
    int n_inside;  /* lanes that read under it */
    bool taken;    /* there is one */
    bool taking;   /* one lane is about to take the next */
    bool ending;   /* old enough: lanes leave it after their chunks, the last one opens the next epoch */
    bool lost;     /* its connection is gone: what was read under it has to be read again */
    rv_error loss; /* why */
    bool by_seats; /* nobody can join it: lanes take turns on the connections that took it together */
    rv_source *seats[RVI_MAX_LANES]; /* those that no lane sits on; begun while the snapshot is taken */
    int n_seats, n_permits;          /* n_permits: of connections, beside the first one */
} rvi_snapshot;

typedef struct rvi_run rvi_run;
typedef struct rvi_record rvi_record;

/* One reader, one encoder, one connection to the source, and what passes between the two. */
typedef struct rvi_lane {
    rvi_run *run;
    int index;
    rv_source *source;     /* the reader's; NULL: not connected */
    rv_waker source_waker; /* as long as there is a source */
    rv_cancel
        *halt; /* the source's: requested with run->halt, or when there is nothing left to connect for */
    rv_waker halt_waker;
    bool has_permit;       /* to have a connection */
    bool at_work;          /* counted in run->n_at_work */
    int64_t rest_until_us; /* monotonic: no statement before that */
    bool begun;            /* the source is between begin() and end() */
    bool inside, holds;    /* it reads under the shared snapshot; the others join through it */
    int64_t epoch;         /* the snapshot's, while inside */
    rv_arena *arena;       /* the reader's: bounds and place of the chunk that is read */
    rv_queue *pages, *spare, *claims;
    rvi_record *record;   /* the uploader's: of the chunk whose parts are arriving */
    int64_t *policy_uses; /* the encoder's: [column][class] */
} rvi_lane;

/* The guards on what is read: guard.c. Main's, but for what `lock` guards. */
typedef struct rvi_guards {
    rv_schema files;         /* what the files hold: the plan's columns, and those that Rivet adds */
    rv_export_memory memory; /* what the last successful run left */
    pthread_mutex_t lock;    /* leaf; guards the next two while lanes end */
    rv_quality *quality;     /* of the lanes that have ended; NULL: of none */
    rv_shapes *shapes;       /* likewise */
    const char **proved;     /* unique columns that need no look: rv_quality_options */
    rv_seen *seen; /* what earlier runs have exported near the last mark; NULL: nothing is known, or asked */
    int64_t seen_from;                      /* with `seen`: complete from here on */
    const char *quality_json, *shapes_json; /* what came of them; NULL: not known, or not asked for */
} rvi_guards;

struct rvi_run {
    const rv_run_context *context;
    const rv_export_config *export_config;
    rv_arena *arena;
    /* Three tokens, each requested with the one before it. `cancel`: give everything up, now; by the first failure.
     * `halt`: no statement may go on; the sources'. `stop`: begin no other page; by a signal, through `context`. */
    rv_cancel *cancel, *halt, *stop;
    rv_waker parent_waker, halt_waker, stop_waker, queues_waker, snapshot_waker;
    atomic_bool reading; /* while lanes read, a stop lets them finish their pages */
    rv_budget budget;
    rvi_memory memory;

    rv_state *state;   /* main before and after the threads, the recorder between */
    rv_source *source; /* main's; lent to the first lane while lanes read. NULL: not connected */
    rv_dest *dest;     /* main before and after, encoder (stream) or uploader (objects) between */
    rv_server_info server;
    rv_plan plan;      /* plan.n_chunks: of the run, which may have been recorded by an earlier process */
    int64_t n_planned; /* in plan.chunks */
    rvi_guards guards;
    rv_retention retention; /* what the state remembers of this export's runs */
    rv_owner owner;
    const char *run_id, *dest_path;
    int64_t started_us, started_mono_us;
    int64_t n_held;  /* chunks that are being read here; the recorder's */
    bool recorded;   /* the run stands in the state store as running, held by us */
    bool committing; /* the commit may have begun: the parts must not be removed any more */
    atomic_int_fast64_t lease_until_us; /* wall clock: the run is ours so long; see lease.c */

    rvi_snapshot snapshot;
    rvi_bucket bucket;
    bool has_permit;                     /* main's, for the first lane's connection */
    bool joined;                         /* another process owns the run, and commits it */
    atomic_int lanes_allowed, n_at_work; /* how many may read at once; how many do */
    rvi_lane *lanes;
    int n_lanes;
    rv_queue *parts, *records;
    rv_workers *workers; /* of the encoders' writers */
    rvi_counters counters;

    pthread_mutex_t failure_lock; /* guards the next two; leaf */
    rv_error failure;             /* the first one; code RV_OK: none */
    int n_later_failures;

    int64_t *policy_uses; /* [column][class]: of all lanes that have ended */
    int64_t n_validated;  /* parts that stand and were read back; main's, the uploader's between */
    uint8_t *looked_at; /* with validate, by chunk: its parts are among them; likewise. NULL: not asked for */
    rv_summary *summary;
};

/* First failure wins: keep it if the slot is empty, then cancel the rest. Any thread. */
void rvi_run_fail(rvi_run *run, const rv_error *err);
rv_code rvi_run_failure(rvi_run *run, rv_error *out); /* RV_OK: none */
void rvi_run_note(rvi_run *run, const char *fmt, ...)
    RV_PRINTF(2, 3); /* main only; also logged as a warning */

/* Threads, started and joined in pipeline.c only. */
typedef struct rvi_thread {
    pthread_t id;
    bool started;
} rvi_thread;
rv_code rvi_thread_start(rvi_thread *thread, void *(*body)(void *), void *argument, const char *name,
                         rv_error *err) RV_MUST_CHECK;
void rvi_thread_join(rvi_thread *thread);
/* Called by a lane's thread for itself: where the tuning wants it, whoever else has work for this core comes first. */
void rvi_thread_give_way(const rvi_run *run);

/* Reads and commits every open chunk, or as many as it may: RV_OK also when the run was asked to stop, or has lost its
 * snapshot. After it run->source is the first lane's, or NULL. */
rv_code rvi_pipeline_run(rvi_run *run, rv_error *err) RV_MUST_CHECK;
void *rvi_reader_main(void *lane);
void *rvi_encoder_main(void *lane);
void *rvi_uploader_main(void *run);
void *rvi_recorder_main(void *run);

/* Nothing else should be begun: the run stops, or what it reads has to be read again. */
bool rvi_run_should_end(rvi_run *run);

/* lane.c: a lane's queues and connection. All but init and deinit by its reader. */
rv_code rvi_lane_init(rvi_lane *lane, rvi_run *run, int index, rv_error *err) RV_MUST_CHECK;
void rvi_lane_deinit(rvi_lane *lane);
void rvi_lane_abort(rvi_lane *lane); /* its queues; any thread */
/* Every chunk is read: whoever still waits for a connection need not. Any thread; not before all lanes are made. */
void rvi_lanes_stop_waiting(rvi_run *run);
/* The lane has a connection and reads under what the run reads under. */
rv_code rvi_lane_be_ready(rvi_lane *lane, rv_error *err) RV_MUST_CHECK;
/* Takes an open source over, with its begin() done. */
void rvi_lane_lend(rvi_lane *lane, rv_source *source);
rv_source *rvi_lane_take_back(rvi_lane *lane); /* NULL: it has none any more */
/* After a failure, or at the end; `why` RV_OK: nothing has failed. */
void rvi_lane_disconnect(rvi_lane *lane, const rv_error *why);

/* snapshot.c */
rv_code rvi_snapshot_init(rvi_run *run, rv_error *err) RV_MUST_CHECK;
void rvi_snapshot_deinit(rvi_run *run);
void rvi_snapshot_wake(rvi_run *run); /* who waits for a way in looks again whether there is need for it */
void rvi_read_options(const rvi_run *run, rv_read_options *out);
/* run->source has begun: its snapshot is the run's, and other lanes may join it. Or it becomes one of several that
 * begin anew, together, and is NULL from then on. By main. */
rv_code rvi_snapshot_begins(rvi_run *run, rv_error *err) RV_MUST_CHECK;
/* Lanes make no connections of their own. */
bool rvi_snapshot_gives_seats(const rvi_run *run);
/* The lanes have ended: connections that are left are closed. By main. */
void rvi_snapshot_close_seats(rvi_run *run);
/* Between chunks, by a lane with a connection: reads under the run's snapshot from now on, which may be a new one. */
rv_code rvi_snapshot_enter(rvi_lane *lane, rv_error *err) RV_MUST_CHECK;
/* Between chunks: an epoch that ends is left, a seat is given up. */
void rvi_snapshot_let_go(rvi_lane *lane);
/* The lane's connection ends; `why` RV_OK: in order. The snapshot of a lane that holds it is lost with it. */
void rvi_snapshot_leave(rvi_lane *lane, const rv_error *why);
/* Before each page: fails SOURCE_SNAPSHOT_AGE, or lets the epoch end after the chunks that are being read. */
rv_code rvi_snapshot_check_age(rvi_lane *lane, rv_error *err) RV_MUST_CHECK;
bool rvi_snapshot_is_lost(rvi_run *run);
bool rvi_snapshot_is_ending(rvi_run *run);

/* governor.c. rvi_governor_decide() is pure: a new number of lanes and why, or NULL: as it is. */
typedef struct rvi_load {
    bool readable;
    rv_pressure pressure;
    double us_per_unit; /* of our own statements since the last look; 0: there were none */
} rvi_load;
typedef struct rvi_governor {
    int least, most, misses, calm;
    bool has_last;
    rv_pressure last;
    double best_us_per_unit[RVI_MAX_LANES + 1]; /* by lanes at work; 0: not seen yet */
} rvi_governor;
void rvi_governor_init(rvi_governor *governor, int least, int most);
const char *rvi_governor_decide(rvi_governor *governor, const rvi_load *load, int *lanes);
bool rvi_governor_is_wanted(const rvi_run *run);
void *rvi_governor_main(void *monitor);
/* Before each page: waits until one more lane may be at work, or the run should end. */
void rvi_gate_enter(rvi_lane *lane);
void rvi_gate_leave(rvi_lane *lane); /* while it has nothing to read */

/* connections.c: a permit for the run's first connection, waited for. */
rv_code rvi_connections_wait(rvi_run *run, rv_error *err) RV_MUST_CHECK;

/* retry.c: what is tried again, how often and when. Pure but for the sleep. */
typedef struct rvi_retry {
    int64_t max_attempts, first_us; /* first_us: the first pause */
    int64_t n;                      /* failures in a row */
    int64_t waited_us;              /* since the last success */
    uint64_t seed;                  /* of the jitter */
} rvi_retry;
void rvi_retry_init(rvi_retry *retry, const rv_tuning *tuning, int64_t max_attempts, uint64_t seed);
void rvi_retry_succeeded(rvi_retry *retry);
/* Counts a failure. How long to wait before it is tried again; -1: not any more, or never. */
int64_t rvi_retry_pause_us(rvi_retry *retry, const rv_error *err);
/* The same for the first connection to a source that this process has not met yet: one that cannot be reached is tried
 * once more, soon. */
int64_t rvi_retry_first_pause_us(rvi_retry *retry, const rv_error *err);
/* The error is of a kind that may pass on a new connection, or by itself. What may be asked again in the same session
 * (a conflict) may be in a new one as well: not every statement is a page that can simply be repeated. */
bool rvi_is_passing(const rv_error *err);

/* connect.c: tries until it succeeds, fails for good, or patience ends; then with the last failure. */
typedef struct rvi_connecting {
    const rv_run_context *context;
    const rv_export_config *export_config;
    rv_cancel *stop;              /* ends a pause */
    bool met;                     /* the source has answered this run before */
    atomic_int_fast64_t *retries; /* counts repetitions; NULL: nobody does */
} rvi_connecting;
typedef rv_code (*rvi_attempt_fn)(void *object, rv_error *err);
rv_code rvi_connect(const rvi_connecting *c, rvi_attempt_fn attempt, void *object,
                    rv_error *err) RV_MUST_CHECK;

typedef struct rvi_monitor {
    rvi_run *run;
    rv_cancel *done; /* requested when the work is over */
    int64_t since_heartbeat_us, since_wake_us, since_stop_us;
} rvi_monitor;
void *rvi_monitor_main(void *monitor);
void rvi_run_snapshot_progress(const rvi_run *run, rv_progress *out);

void rvi_guards_init(rvi_run *run);
void rvi_guards_deinit(rvi_run *run);
/* Before planning: what the last successful run left. Fails STATE_*, OUT_OF_MEMORY. */
rv_code rvi_guards_recall(rvi_run *run, rv_error *err) RV_MUST_CHECK;
/* After planning: what the files hold, and what has changed since the last run. Fails CONFIG_VALUE, LIMIT_EXCEEDED,
 * SCHEMA_DRIFT, STATE_CORRUPT, OUT_OF_MEMORY. */
rv_code rvi_guards_prepare(rvi_run *run, rv_error *err) RV_MUST_CHECK;
/* proof.c: fills guards.proved, from the plan. Fails OUT_OF_MEMORY. */
rv_code rvi_prove_unique(rvi_run *run, rv_error *err) RV_MUST_CHECK;
bool rvi_is_along(const rv_bounds *bounds, const char *column); /* read along a key of this column alone */
/* Can chunks that another process has read be judged without reading them again, if they are counted? */
bool rvi_guards_know_kept_rows(const rvi_run *run);
/* Nothing that was seen counts any more: all of it is read again. By main. */
void rvi_guards_forget(rvi_run *run);
/* Every row is written and nothing published. rows: of the whole run. Fails QUALITY_FAILED, and then the parts may be
 * removed (run->committing is false); SPOOL, DEST_FULL, OUT_OF_MEMORY, MEMORY_BUDGET, CANCELLED, RUN_LEASE_LOST. */
rv_code rvi_guards_judge(rvi_run *run, int64_t rows, rv_error *err) RV_MUST_CHECK;
/* JSON of what the guards and validation found, for the state store; in the arena, NULL: nothing. */
const char *rvi_guards_detail(const rvi_run *run, bool validate, bool validated);

/* One lane's, used by its encoder alone. */
typedef struct rvi_lane_guard rvi_lane_guard;
rv_code rvi_lane_guard_open(rvi_lane_guard **out, rvi_run *run, rv_error *err) RV_MUST_CHECK;
void rvi_lane_guard_free(rvi_lane_guard *guard); /* NULL is fine; what was not finished is lost */
RV_DEFINE_AUTO(rvi_lane_guard, rvi_lane_guard_free)
/* Takes out of the page what earlier runs have exported. */
rv_code rvi_lane_guard_sift(rvi_lane_guard *guard, rv_batch *page, rv_error *err) RV_MUST_CHECK;
/* *rows: those of the page as the files hold them; good until the next call, and while the page is not touched. */
rv_code rvi_lane_guard_page(rvi_lane_guard *guard, const rv_batch *page, const rv_batch **rows,
                            rv_error *err) RV_MUST_CHECK;
/* What the chunk's rows say to later runs, as rv_chunk.seen has it; empty: nothing. Before keep_chunk. */
rv_code rvi_lane_guard_take_seen(rvi_lane_guard *guard, rv_bytes *out, rv_error *err) RV_MUST_CHECK;
/* Its last page is written. *tally: what the gates count of it, for the state store, to be freed; NULL: nothing. */
rv_code rvi_lane_guard_keep_chunk(rvi_lane_guard *guard, char **tally, rv_error *err) RV_MUST_CHECK;
rv_code rvi_lane_guard_drop_chunk(rvi_lane_guard *guard, rv_error *err) RV_MUST_CHECK; /* read again */
/* What the lane has seen becomes the run's. */
rv_code rvi_lane_guard_finish(rvi_lane_guard *guard, rv_error *err) RV_MUST_CHECK;

/* One page on its way from reader to encoder. `batch` goes back through the spare queue. */
typedef struct rvi_page_item {
    rv_batch *batch; /* NULL with `again` */
    int64_t chunk_index;
    bool again;           /* no page: what came of this chunk is void, it is read from its beginning */
    bool end;             /* the chunk's last page */
    int64_t chunk_rows;   /* with `end`: rows the reader got for this chunk */
    int64_t epoch, claim; /* with `end`: under which snapshot it was read, by which claim */
} rvi_page_item;
void rvi_page_item_free(void *item);

/* One finished part on its way from encoder to uploader; `last` closes the chunk. */
typedef struct rvi_part_item {
    rvi_lane *lane;
    rv_spool *spool; /* NULL: nothing to put (an empty chunk, or the bytes went to a stream) */
    rv_part part;    /* part.name and part.column_digests are owned by the item; name NULL: no part */
    int64_t chunk_index, chunk_rows, epoch, claim;
    char *tally;   /* with `last`: what gates count of the chunk; the item's. NULL: nothing */
    rv_bytes seen; /* with `last`: of the chunk; owned by the item */
    bool again;    /* no part: the chunk's parts that came before are void */
    bool last;
} rvi_part_item;
void rvi_part_item_free(void *item);
/* With context->validate: read the part back from its spool file and compare rows and digests with what was written.
 * Fails FILE_MISMATCH, FILE_DAMAGED, IO, OUT_OF_MEMORY, MEMORY_BUDGET. */
rv_code rvi_validate_part(rvi_run *run, const rvi_part_item *item, rv_error *err) RV_MUST_CHECK;
/* With context->validate: all parts of the chunk are put, and each was looked at. */
void rvi_validated_chunk(rvi_run *run, int64_t chunk_index);

typedef enum rvi_record_kind {
    RVI_RECORD_CLAIM = 1,
    RVI_RECORD_CHUNK_DONE,
    RVI_RECORD_HEARTBEAT,
    RVI_RECORD_WAKE, /* lanes that wait for a chunk get an answer */
    RVI_RECORD_EVENT,
} rvi_record_kind;
/* A message to the recorder. CHUNK_DONE owns its parts and its tally, EVENT its detail. */
struct rvi_record {
    rvi_record_kind kind;
    rvi_lane *lane; /* CLAIM */
    int64_t chunk_index, rows, epoch, claim, n_parts, cap_parts;
    rv_part *parts;
    char *tally;
    rv_bytes seen;     /* CHUNK_DONE: rv_chunk.seen */
    const char *event; /* EVENT: of the journal; static storage */
    json_t *detail;
};
void rvi_record_free(void *record);
/* CLAIM (lane: who asks), HEARTBEAT, WAKE. */
rv_code rvi_record_push(rvi_run *run, rvi_record_kind kind, rvi_lane *lane, rv_error *err) RV_MUST_CHECK;
/* An event for the journal, from any thread. Takes `detail` over. Best effort. */
void rvi_record_event(rvi_run *run, const char *event, json_t *detail);

/* The answer to a claim. It comes when there is a chunk, when there will be none any more (n_open 0), and when the
 * lane should look whether to go on waiting. */
typedef struct rvi_claim {
    bool found;
    rv_chunk chunk; /* its bounds lie in the lane's arena */
    int64_t n_open;
} rvi_claim;

enum { RVI_LEASE_MS = 60 * 1000, RVI_HEARTBEAT_US = 10 * 1000 * 1000 };

/* The lease: lease.c says why. asked_us: the wall clock just before the store was asked. */
void rvi_lease_begins(rvi_run *run, int64_t asked_us);
/* By whoever owns the state. Fails RUN_LEASE_LOST. */
rv_code rvi_lease_renew(rvi_run *run, rv_error *err) RV_MUST_CHECK;
/* By any other thread, before it changes the destination: returns when the recorder has renewed the lease lately. */
rv_code rvi_lease_await(rvi_run *run, rv_error *err) RV_MUST_CHECK;

/* Where the objects of a run lie. */
typedef struct rvi_place {
    rv_dest *dest;
    const char *run_id;
    rv_arena *arena; /* for what is found out about them */
} rvi_place;
typedef struct rvi_name_list {
    rv_arena *arena;
    const char **names;
    size_t n, cap;
} rvi_name_list;
rv_code rvi_name_list_add(rvi_name_list *list, const char *name, rv_error *err) RV_MUST_CHECK; /* copies */
typedef struct rvi_part_list {
    rv_arena *arena;
    rv_part *parts;
    int64_t n, cap;
    int64_t rows;
    uint64_t bytes;
} rvi_part_list;
rv_code rvi_list_parts(rvi_run *run, rvi_part_list *out, rv_error *err) RV_MUST_CHECK; /* from the state */

/* Is the object one of the run's: a part or a spool file? Told by its name. */
bool rvi_object_belongs(const char *name, const char *run_id);
/* Chunks of a run, by index; one may be named several times. In an arena. */
typedef struct rvi_index_list {
    int64_t *items;
    int64_t n;
} rvi_index_list;
/* damaged: the chunks of those of `parts` that are not there with their size; in the place's arena. The run's other
 * objects are added to `strays`. */
rv_code rvi_survey_objects(const rvi_place *place, const rvi_part_list *parts, rvi_name_list *strays,
                           rvi_index_list *damaged, rv_error *err) RV_MUST_CHECK;
/* Reads parts that an earlier attempt has put back as if they were new, on a destination that has files. bad: the
 * chunks of those that are not what was written, in the run's arena. By main. Fails IO, OUT_OF_MEMORY, CANCELLED,
 * MEMORY_BUDGET, RUN_LEASE_LOST. */
rv_code rvi_validate_kept(rvi_run *run, const rvi_part_list *parts, rvi_index_list *bad,
                          rv_error *err) RV_MUST_CHECK;
/* These are read once more: nothing of them was looked at. */
void rvi_validate_again(rvi_run *run, const rvi_index_list *chunks);
/* With context->validate: parts that processes which joined the run have put, read back before the manifest names them.
 * What is not as it was recorded fails the run, as a part of its own would: FILE_MISMATCH, FILE_DAMAGED; and as
 * rvi_validate_kept(). */
rv_code rvi_validate_joined(rvi_run *run, const rvi_part_list *parts, rv_error *err) RV_MUST_CHECK;
rv_code rvi_remove_objects(rv_dest *dest, const rvi_name_list *names, rv_error *err) RV_MUST_CHECK;
/* Remove every part and spool file of the run; its manifests stay. */
rv_code rvi_remove_run_objects(const rvi_place *place, rv_error *err) RV_MUST_CHECK;

/* epochs.c: fills the epochs of a run under snapshots. */
rv_code rvi_describe_epochs(rvi_run *run, const rvi_part_list *parts, rv_manifest *out,
                            rv_error *err) RV_MUST_CHECK;

/* Is the run's own manifest in place? */
rv_code rvi_is_published(const rvi_place *place, bool *out, rv_error *err) RV_MUST_CHECK;
/* Puts the run's manifest and the marker, or completes what an earlier attempt has begun. */
rv_code rvi_publish(rvi_run *run, const rvi_part_list *parts, rv_error *err) RV_MUST_CHECK;
/* The run's own manifest; nothing is changed. *found false: there is none. Fails MANIFEST_*, IO, OUT_OF_MEMORY. */
rv_code rvi_read_published(const rvi_place *place, rv_manifest *out, bool *found,
                           rv_error *err) RV_MUST_CHECK;
/* From the run's own manifest, byte by byte. *found false: there is none, and nothing was done. */
rv_code rvi_publish_again(const rvi_place *place, rv_manifest *out, bool *found, rv_error *err) RV_MUST_CHECK;
/* Take the run's manifests back, where there are any, before its parts go. */
rv_code rvi_unpublish(const rvi_place *place, rv_error *err) RV_MUST_CHECK;
/* The own manifests of earlier runs of this export; another export's may be among them. */
rv_code rvi_list_older_manifests(rvi_run *run, rvi_name_list *out, rv_error *err) RV_MUST_CHECK;
/* on_existing: replace them, or say that they are there. */
rv_code rvi_settle_older(rvi_run *run, rv_error *err) RV_MUST_CHECK;

/* Every chunk is completed, as far as main has counted. */
bool rvi_run_is_read(const rvi_run *run);
/* By the state store's word: it decides. Fails INTERNAL when a chunk is open. */
rv_code rvi_run_check_read(rvi_run *run, rv_error *err) RV_MUST_CHECK;
/* Chunks of the snapshot's epoch are open again and nothing is left of what they gave; those of earlier epochs stay. */
rv_code rvi_run_restart_epoch(rvi_run *run, rv_error *err) RV_MUST_CHECK;

/* There are chunks that a process that resumes the run would not read again. */
bool rvi_run_has_kept_chunks(rvi_run *run);

/* The window that an open run recorded becomes the plan's. */
rv_code rvi_run_adopt_window(rvi_run *run, const rv_open_run *open, rv_error *err) RV_MUST_CHECK;

/* How often on_invalid changes a value is counted in memory, which ends with the process. */
bool rvi_may_change_values(const rv_schema *schema);
/* Chunks that this process was reading go back to whoever wants them. */
rv_code rvi_run_release_chunks(rvi_run *run, const char *reason, rv_error *err) RV_MUST_CHECK;

/* join.c: the run with this id, and whether this process may read chunks of it. */
rv_code rvi_run_find_to_join(rvi_run *run, const char *run_id, rv_open_run *out, rv_error *err) RV_MUST_CHECK;
rv_code rvi_run_join_plan(rvi_run *run, const rv_open_run *open, rv_error *err) RV_MUST_CHECK;

/* changed.c: may an open run of another plan be given up for a new one? Touches nothing. Fails RUN_CHANGED, saying in
 * what they differ and what can be done; STATE_CORRUPT, OUT_OF_MEMORY, and what its destination fails with. */
rv_code rvi_run_may_give_up_changed(rvi_run *run, const rv_open_run *open, rv_error *err) RV_MUST_CHECK;
/* The same of a run that was begun under another name; found: as rv_plan_compare_renamed() has it. */
rv_code rvi_run_may_give_up_renamed(rvi_run *run, const rv_open_run *open, const rv_plan_difference *found,
                                    rv_error *err) RV_MUST_CHECK;
/* It could not be taken over. Adds to the error that it is of another configuration, if it is. */
void rvi_run_explain_held(const rv_plan_difference *found, rv_error *err);

/* What an earlier process left: decide, take over, clean. Sets run->run_id and run->dest and records the run. */
rv_code rvi_run_adopt_or_start(rvi_run *run, rv_error *err) RV_MUST_CHECK;
/* End the open run, if there is one whose owner is dead, and remove its files. Fails RUN_LEASE_HELD. */
rv_code rvi_run_give_up_open(rvi_run *run, rv_arena *arena, rv_open_run *out, rv_error *err) RV_MUST_CHECK;
/* End the open run of that name, which no export has any more, and remove its files, unless it is alive or somebody may
 * have meant to finish it. Fails RUN_CHANGED, RUN_OPEN, RUN_LEASE_HELD, and as end and removal do. */
rv_code rvi_run_settle_renamed(rvi_run *run, const char *export_name, const rv_plan_difference *found,
                               rv_error *err) RV_MUST_CHECK;
/* What is done with runs of an export outside of a run of its own: with a state that is open for writing, without a
 * source. */
typedef rv_code (*rvi_aside_fn)(rvi_run *run, void *object, rv_error *err);
rv_code rvi_run_aside(const rv_run_context *context, const rv_export_config *export_config, rvi_aside_fn fn,
                      void *object, rv_error *err) RV_MUST_CHECK;
/* Make a run that failed before it was recorded visible in the store; then run->recorded. Best effort. */
void rvi_run_record_early_failure(rvi_run *run);

/* Manifest, _SUCCESS, replaced runs, verdict. After it the run is over. */
rv_code rvi_run_commit(rvi_run *run, rv_error *err) RV_MUST_CHECK;
/* The end of a run that did not make it: parts removed and failure recorded, or, where a manifest may name the
 * parts, left open for the next run. Never fails; notes what it could not do. */
void rvi_run_abandon(rvi_run *run, const rv_error *failure);
void rvi_run_result(const rvi_run *run, rv_run_status status, rv_run_result *out);
/* Takes `detail` over, also when it is NULL for want of memory. Best effort: logs what fails. */
void rvi_run_journal(rvi_run *run, const char *event, json_t *detail);

/* JSON that state and journal keep: the resolved schema; where it came from. Appended to `out`. */
rv_code rvi_schema_json(const rv_schema *schema, rv_bytes *out, rv_error *err) RV_MUST_CHECK;
rv_code rvi_source_json(const rv_server_info *server, const char *schema, const char *table, rv_bytes *out,
                        rv_error *err) RV_MUST_CHECK;

void rvi_summary_fill(rvi_run *run, rv_run_status status);

#endif
