/* rivet/secret.h - secrets are a type of their own.
 *
 * A rv_secret has no field that fits "%s", is wiped when freed, and can be read only through rv_secret_reveal(),
 * so `grep rv_secret_reveal` lists every place where one leaves. A redactor knows the values of all secrets of a
 * process and removes them (and URL passwords, by pattern) from any text about to leave it. */
#ifndef RIVET_SECRET_H
#define RIVET_SECRET_H

#include "rivet/error.h"

#include <stddef.h>

typedef struct rv_secret rv_secret;

rv_code rv_secret_new(rv_secret **out, const char *bytes, size_t len,
                      rv_error *err) RV_MUST_CHECK; /* copies */
void rv_secret_free(rv_secret *secret);             /* wipes */
RV_DEFINE_AUTO(rv_secret, rv_secret_free)
/* NUL-terminated bytes, borrowed until the secret is freed. Only for handing to a client library. */
const char *rv_secret_reveal(const rv_secret *secret);
size_t rv_secret_len(const rv_secret *secret);

typedef struct rv_redactor rv_redactor;
rv_code rv_redactor_new(rv_redactor **out, rv_error *err) RV_MUST_CHECK;
void rv_redactor_free(rv_redactor *redactor);
RV_DEFINE_AUTO(rv_redactor, rv_redactor_free)
/* Remember a secret's value, and its percent-encoded form. Values under 4 bytes are matched only whole-word,
 * or every "a" of a text would vanish. Copies; wiped on free. */
rv_code rv_redactor_add(rv_redactor *redactor, const rv_secret *secret, rv_error *err) RV_MUST_CHECK;
/* Replace every known secret, and the password part of any scheme://user:password@host, by *** in place.
 * redactor == NULL applies only the pattern. Never lengthens the text beyond `size` bytes. Any thread. */
void rv_redact(const rv_redactor *redactor, char *text, size_t size);
void rv_redact_error(const rv_redactor *redactor, rv_error *err); /* message, hint and frames */

void rv_wipe(void *memory, size_t len); /* not optimised away */

#endif
