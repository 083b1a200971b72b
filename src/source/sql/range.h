/* source/sql/range.h - the words in which drivers write keys and ranges (rivet/bounds.h) as conditions of a statement. */
#ifndef SOURCE_SQL_RANGE_H
#define SOURCE_SQL_RANGE_H

#include "rivet/bounds.h"

/* Where a place cuts a key's order: which rows are meant. */
typedef enum rvi_sql_side { RVI_SQL_AFTER = 0, RVI_SQL_FROM, RVI_SQL_BEFORE, RVI_SQL_UP_TO } rvi_sql_side;

/* Do the place's own rows not belong to its side? */
static inline bool rvi_sql_is_strict(rvi_sql_side side)
{
    return side == RVI_SQL_AFTER || side == RVI_SQL_BEFORE;
}
/* Are values of column i greater on this side? Behind a place they are, unless the column sorts downwards. */
static inline bool rvi_sql_is_greater(rvi_sql_side side, const rv_key *key, int i)
{
    bool after = side == RVI_SQL_AFTER || side == RVI_SQL_FROM;
    return after != key->descending[i];
}

/* The key's order, or the other way round. */
typedef enum rvi_sql_order { RVI_SQL_FORWARDS = 0, RVI_SQL_BACKWARDS } rvi_sql_order;

/* A range's start can be left out where what is read lies behind it anyway. */
typedef enum rvi_sql_start { RVI_SQL_WITH_START = 0, RVI_SQL_WITHOUT_START } rvi_sql_start;

#endif
