/* tests/lib/fault.h - make the nth allocation or system call of the code under test fail.
 *
 * Test programs link with -Wl,--wrap=malloc,… so that the product's own calls pass through here; production code
 * has no hooks. A fault is either transient (only the nth call) or persistent (the nth and all later ones).
 *
 *     for (int n = 1;; n++) {
 *         fault_arm(FAULT_ALLOC, n, FAULT_TRANSIENT, 0);
 *         rv_code rc = operation(&err);
 *         bool hit = fault_disarm();
 *         if (!hit) { assert_int_equal(rc, RV_OK); break; }
 *         assert_int_not_equal(rc, RV_OK);
 *     }
 */
#ifndef TESTS_LIB_FAULT_H
#define TESTS_LIB_FAULT_H

#include <stdbool.h>

typedef enum fault_kind {
    FAULT_ALLOC,       /* malloc calloc realloc: NULL */
    FAULT_WRITE,       /* write pwrite: -1 with os_errno */
    FAULT_SHORT_WRITE, /* write pwrite: takes only half of the bytes (at least one); never an error */
    FAULT_READ,        /* pread: -1 with os_errno */
    FAULT_FSYNC,       /* fsync fdatasync */
    FAULT_OPEN,        /* open openat mkdir mkdirat */
    FAULT_RENAME,      /* rename renameat */
    FAULT_KINDS
} fault_kind;

typedef enum fault_mode { FAULT_TRANSIENT, FAULT_PERSISTENT } fault_mode;

void fault_arm(fault_kind kind, int nth, fault_mode mode, int os_errno);
bool fault_disarm(void);          /* true: the armed call was reached */
int fault_calls(fault_kind kind); /* calls seen since fault_arm */

#endif
