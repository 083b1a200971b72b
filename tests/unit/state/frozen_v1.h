/* tests/unit/state/frozen_v1.h - version 1 of the state store as it was released. */
#ifndef TESTS_STATE_FROZEN_V1_H
#define TESTS_STATE_FROZEN_V1_H

extern const char *const frozen_v1_schema[];  /* statements, up to a NULL */
extern const char *const frozen_v1_content[]; /* one finished run, one open run, a cursor */

#endif
