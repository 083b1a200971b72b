/* page.h - a page's bytes: levels and encoded values, compressed, behind a header with a checksum.
 *
 * Spec: parquet-format, README, "Data Pages" (V1) and "Checksumming". */
#ifndef RIVET_PARQUET_PAGE_H
#define RIVET_PARQUET_PAGE_H

#include "column.h"

/* What an encoding gets to see of the open page. `data`: its values or indices; borrowed, like `work`. */
rvi_pq_page_values rvi_pq_page_values_of(const rvi_pq_column *column, const rvi_pq_buf *data,
                                         rvi_pq_workspace *work);

/* Whether `packed` bytes instead of `raw` are worth a reader's time. */
bool rvi_pq_page_shrinks(size_t raw, size_t packed);

/* Send the open page, which must have rows, on its way to work->pages, and append it to the chunk's infos and totals;
 * its place and size are known when it has been stowed. Fails OUT_OF_MEMORY, MEMORY_BUDGET, LIMIT_EXCEEDED (2 GiB). */
rv_code rvi_pq_page_finish(rvi_pq_column *column, rvi_pq_workspace *work, rv_error *err) RV_MUST_CHECK;

/* Wait for the page that has been under way longest, of whatever column, and put it into work->pages. There must be
 * one. Fails as finish does. */
rv_code rvi_pq_page_stow(rvi_pq_workspace *work, rv_error *err) RV_MUST_CHECK;

/* Write the chunk's dictionary page to the output and add it to the chunk's totals. */
rv_code rvi_pq_page_write_dictionary(rvi_pq_column *column, rvi_pq_workspace *work, rvi_pq_output *out,
                                     rv_error *err) RV_MUST_CHECK;

#endif
