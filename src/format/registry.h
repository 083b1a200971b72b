/* registry.h - the formats of this build; a format is a folder and a line here and in format.c. */
#ifndef RIVET_FORMAT_REGISTRY_H
#define RIVET_FORMAT_REGISTRY_H

#include "rivet/format.h"

extern const rv_format_ops rvi_parquet_ops;
extern const rv_format_ops rvi_csv_ops;

#endif
