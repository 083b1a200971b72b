/* page_header.h - the struct in front of every page. Spec: parquet.thrift, PageHeader. */
#ifndef RIVET_PARQUET_READER_PAGE_HEADER_H
#define RIVET_PARQUET_READER_PAGE_HEADER_H

#include "thrift_reader.h"

/* Parse the header at bytes[0 .. len), which lies at `at` in the file; out->header_bytes is its length. Statistics
 * borrow from `bytes`. *ran_out: the failure may be only that `len` was too little. Fails FILE_DAMAGED: also for sizes
 * below zero and for a page without the header that its type needs. */
rv_code rvi_pqr_page_header_parse(const uint8_t *bytes, size_t len, uint64_t at, rv_parquet_page *out,
                                  bool *ran_out, rv_error *err) RV_MUST_CHECK;

#endif
