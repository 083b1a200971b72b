/* choice.h - which encoding a column chunk gets, decided by its first page with values.
 *
 * Sizes count as they would be stored, after compression. What is decided depends on the rows, the codec and the
 * options alone, never on how rows came in batches. */
#ifndef RIVET_PARQUET_CHOICE_H
#define RIVET_PARQUET_CHOICE_H

#include "column.h"

/* Set column->encoding for the open page, which gathers values and has some, and for the rest of the chunk.
 * Fails OUT_OF_MEMORY, MEMORY_BUDGET, LIMIT_EXCEEDED. */
rv_code rvi_pq_choose_encoding(rvi_pq_column *column, rvi_pq_workspace *work, rv_error *err) RV_MUST_CHECK;

/* Whether the dictionary can take values beyond those of the open page. */
typedef enum rvi_pq_room { RVI_PQ_ROOM_LEFT, RVI_PQ_ROOM_NONE } rvi_pq_room;

/* Whether the dictionary pays, judged by the open page, which gathers indices and has some. May set column->encoding,
 * for what is written without it. Fails as above. */
rv_code rvi_pq_choose_dictionary(rvi_pq_column *column, rvi_pq_workspace *work, rvi_pq_room room, bool *pays,
                                 rv_error *err) RV_MUST_CHECK;

#endif
