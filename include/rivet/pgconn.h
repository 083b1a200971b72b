/* rivet/pgconn.h - connections to PostgreSQL, for the source driver and for the state store alike.
 *
 * One set of rules for both: nothing is taken from the environment, nothing crosses a network in the clear unless the
 * configuration says so, and a SQLSTATE means the same failure everywhere. What is done with a connection is its
 * owner's: waiting, deadlines, statements. Any thread; no shared state. */
#ifndef RIVET_PGCONN_H
#define RIVET_PGCONN_H

#include "rivet/config.h"
#include "rivet/error.h"

struct pg_conn; /* libpq's PGconn */

/* Begin a connection, as PQconnectStartParams() does; the caller polls it to its end and frees it with PQfinish().
 * Blocks while the host's name is looked up. Fails CONFIG_VALUE (an environment variable would overrule the
 * configuration), SOURCE_AUTH, SOURCE_TLS, SOURCE_CONNECT, OUT_OF_MEMORY. */
rv_code rv_pg_connect_start(struct pg_conn **out, const rv_source_config *cfg, rv_error *err) RV_MUST_CHECK;
int rv_pg_connect_timeout_s(const rv_source_config *cfg);
/* libpq's word for it: "verify-full" … */
const char *rv_pg_ssl_mode(const rv_tls_config *tls);

typedef struct rv_pg_verdict {
    rv_code code;
    rv_retry retry;
    const char *hint; /* NULL: none */
} rv_pg_verdict;
/* From a SQLSTATE alone. Unknown ones are SOURCE_QUERY, never retried. */
rv_pg_verdict rv_pg_classify(const char *sqlstate);
/* From what libpq says about a failed connection attempt at verbosity PQERRORS_VERBOSE, when there is no result
 * to ask. `sqlstate` gets the server's code, or "". */
rv_pg_verdict rv_pg_classify_connect(const char *message, bool needs_password, char sqlstate[6]);
/* The verdict as a failure, with the message on one line; sets no hint. */
rv_code rv_pg_fail_with(rv_pg_verdict verdict, const char *sqlstate, const char *message, rv_error *err);
rv_code rv_pg_fail_connect(struct pg_conn *conn, rv_error *err);
/* `from` with runs of white space as one blank, cut to fit. */
void rv_pg_one_line(char *out, size_t out_bytes, const char *from);

#endif
