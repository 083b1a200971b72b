/* rivet/input.h - bytes that can be read at any place: the counterpart of rivet/sink.h.
 *
 * An input has a size that does not change while it is open. read() delivers all bytes asked for or fails. Calls do
 * not move anything, but one thread at a time uses an input. */
#ifndef RIVET_INPUT_H
#define RIVET_INPUT_H

#include "rivet/error.h"

#include <stddef.h>
#include <stdint.h>

typedef struct rv_input rv_input;
struct rv_input {
    /* Through rv_input_read() only: the range has been checked. Fails IO. */
    rv_code (*read)(rv_input *input, uint64_t at, void *out, size_t len, rv_error *err);
    uint64_t size;    /* bytes */
    const char *name; /* for messages; borrowed */
};

/* Exactly `len` bytes from offset `at`. Fails FILE_DAMAGED (beyond the end), and as the input's owner defines (IO). */
rv_code rv_input_read(rv_input *input, uint64_t at, void *out, size_t len, rv_error *err) RV_MUST_CHECK;

/* Bytes in memory; borrowed, as is the name. */
typedef struct rv_memory_input {
    rv_input base;
    const uint8_t *data;
} rv_memory_input;
void rv_memory_input_init(rv_memory_input *input, const void *data, size_t len, const char *name);

/* A regular file. The path is borrowed and names the input. Fails IO. */
typedef struct rv_file_input {
    rv_input base;
    int fd;
} rv_file_input;
rv_code rv_file_input_open(rv_file_input *input, const char *path, rv_error *err) RV_MUST_CHECK;
void rv_file_input_close(rv_file_input *input); /* after a successful open, once; zeroed memory is fine */

#endif
