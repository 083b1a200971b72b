/* verify_written.h - the `verify` of the Parquet format. */
#ifndef RIVET_PARQUET_READER_VERIFY_WRITTEN_H
#define RIVET_PARQUET_READER_VERIFY_WRITTEN_H

#include "rivet/format.h"

rv_code rvi_parquet_verify_written(rv_input *input, const rv_writer_options *options, uint64_t *sums,
                                   rv_file_facts *out, rv_error *err) RV_MUST_CHECK;

#endif
