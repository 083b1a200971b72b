/* rivet/error.h - the one way a function in this program fails.
 *
 * A fallible function returns rv_code and takes `rv_error *err` last. `err` may be NULL when the caller wants
 * only the code. Nothing here allocates, so running out of memory is reported like anything else. A rv_error
 * belongs to one thread; copy it by assignment to hand it to another.
 *
 * The layer that sees a failure calls rv_fail() with its own words. Layers above add a noun each with rv_wrap()
 * ("chunk 12 of 40", "export 'orders'") and never rephrase the message. Only cli/ prints. */
#ifndef RIVET_ERROR_H
#define RIVET_ERROR_H

#include <stdarg.h>
#include <stdint.h>

#define RV_MUST_CHECK        __attribute__((warn_unused_result))
#define RV_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* What the process exits with; DESIGN's table, stable. */
typedef enum rv_exit {
    RV_EXIT_OK = 0,
    RV_EXIT_FAILED = 1,        /* failed for good: page someone */
    RV_EXIT_USAGE = 2,         /* fix the command line */
    RV_EXIT_INTEGRITY = 3,     /* stop the pipeline */
    RV_EXIT_DRIFT = 4,         /* look at the schema */
    RV_EXIT_TRANSIENT = 75,    /* try again later (EX_TEMPFAIL of sysexits.h) */
    RV_EXIT_INTERRUPTED = 130, /* interrupted; the next run resumes */
} rv_exit;

/* What may help. Set from error.def; a driver may sharpen it from its native code. */
typedef enum rv_retry {
    RV_RETRY_NEVER = 0,
    RV_RETRY_SAME,      /* the same statement on the same session */
    RV_RETRY_SMALLER,   /* a smaller page */
    RV_RETRY_RECONNECT, /* a new session */
    RV_RETRY_BACKOFF,   /* later */
} rv_retry;

typedef enum rv_code {
    RV_OK = 0,
#define RV_ERROR(symbol, number, exit_class, retry, title) RV_E_##symbol = (number),
#include "rivet/error.def"
#undef RV_ERROR
} rv_code;

enum { RV_ERROR_FRAMES = 6, RV_ERROR_FRAME_BYTES = 96 };

typedef struct rv_error {
    rv_code code;
    rv_retry retry;    /* table default; a driver may sharpen it from its native code */
    int os_errno;      /* 0: no system call was at fault */
    char native[16];   /* SQLSTATE, SQLite's extended code …, verbatim; "" if none */
    char message[512]; /* what failed, in the words of the layer that saw it */
    char hint[256];    /* what the user can do next; "" means none is known */
    const char *file;  /* where rv_fail() was called; static storage */
    int line;
    uint8_t n_frames, n_dropped;                       /* n_dropped: frames that did not fit */
    char frame[RV_ERROR_FRAMES][RV_ERROR_FRAME_BYTES]; /* innermost first: "chunk 12", "table t" */
} rv_error;

/* Fill `err` (cleared first; NULL is fine) and return `code`. The text is cut on a UTF-8 boundary. */
#define rv_fail(err, code, ...) rv_failed(rv_fail_at((err), (code), 0, __FILE__, __LINE__, __VA_ARGS__))
/* The same for a failed system call: keeps `os_errno` and appends its text, as in ": No space left on device". */
#define rv_fail_os(err, code, os_errno, ...) \
    rv_failed(rv_fail_at((err), (code), (os_errno), __FILE__, __LINE__, __VA_ARGS__))
rv_code rv_fail_at(rv_error *err, rv_code code, int os_errno, const char *file, int line, const char *fmt,
                   ...) RV_PRINTF(6, 7);

/* rv_fail_at() asserts that `code` is not RV_OK. Compilers and analyzers, which see one file at a time, would follow
 * paths on which a failure returned success; this tells them that there are none. */
static inline rv_code rv_failed(rv_code code)
{
#ifdef __clang__
    __builtin_assume(code != RV_OK);
#else
    if (code == RV_OK)
        __builtin_unreachable();
#endif
    return code;
}

/* Add one frame of context, outermost last. Asserts err->code == code. Returns `code`. */
rv_code rv_wrap(rv_error *err, rv_code code, const char *fmt, ...) RV_PRINTF(3, 4);

/* Attach what the user can do next; the first hint given stays (it was written nearest to the cause). */
void rv_hint(rv_error *err, const char *fmt, ...) RV_PRINTF(2, 3);
/* Attach the foreign system's own code, cut to fit. */
void rv_native(rv_error *err, const char *native);
void rv_error_clear(rv_error *err);

/* From error.def. An unknown number gives "RIVET_UNKNOWN" and RV_EXIT_FAILED. Names are static storage. */
const char *rv_code_name(rv_code code); /* "RIVET_SOURCE_AUTH" */
const char *rv_code_title(rv_code code);
rv_exit rv_code_exit(rv_code code);
rv_retry rv_code_retry(rv_code code);

#define RV_TRY(call)          \
    do {                      \
        rv_code rc_ = (call); \
        if (rc_ != RV_OK)     \
            return rc_;       \
    } while (0)
#define RV_TRY_CTX(call, err, ...)            \
    do {                                      \
        rv_code rc_ = (call);                 \
        if (rc_ != RV_OK) {                   \
            rv_wrap((err), rc_, __VA_ARGS__); \
            return rc_;                       \
        }                                     \
    } while (0)

/* Scope-bound ownership: RV_DEFINE_AUTO(T, T_free) once per type, then `RV_AUTO(T_free) T *x = NULL;`.
 * Never in one function with goto: gcc 12 silently accepts a jump over such a variable. */
#define RV_DEFINE_AUTO(type, free_fn)           \
    static inline void free_fn##_auto(type **p) \
    {                                           \
        free_fn(*p);                            \
    }
#define RV_AUTO(free_fn) __attribute__((cleanup(free_fn##_auto)))
#define RV_MOVE(out, local) \
    do {                    \
        *(out) = (local);   \
        (local) = NULL;     \
    } while (0)

#endif
