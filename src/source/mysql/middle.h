/* mysql/middle.h - values between two values of a key, made up by arithmetic.
 *
 * Integers, dates and times lie on a line: whatever is between two of them by arithmetic is between them for the
 * server. Of all other values only a guess can be made, which the server is then asked about. */
#ifndef SOURCE_MYSQL_MIDDLE_H
#define SOURCE_MYSQL_MIDDLE_H

#include "place.h"

enum { RVI_MY_MIDDLE_BYTES = 256 };

typedef enum rvi_my_scale {
    RVI_MY_SCALE_UNSIGNED = 1,
    RVI_MY_SCALE_SIGNED,
    RVI_MY_SCALE_LABELS, /* numbers in this driver's own form */
    RVI_MY_SCALE_DAYS,
    RVI_MY_SCALE_US,
    RVI_MY_SCALE_UTC_US,
} rvi_my_scale;

/* The line on which both values, and all between them, lie; false: none. */
bool rvi_my_scale_of(const rvi_my_key_type *type, const char *low, const char *high, rvi_my_scale *out);
/* A value as a place on the line; places ascend with the values. false: it has none. */
bool rvi_my_scale_read(rvi_my_scale scale, const char *text, uint64_t *out);
void rvi_my_scale_text(rvi_my_scale scale, uint64_t at, char out[RVI_MY_MIDDLE_BYTES]);
/* A guess at a value `share` (0 to 1) of the way from low to high; false: none can be made. */
bool rvi_my_guess(const rvi_my_key_type *type, const char *low, const char *high, double share,
                  char out[RVI_MY_MIDDLE_BYTES]);

#endif
