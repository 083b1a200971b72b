/* source/registry.h - the drivers of this build. A driver is its folder, a line here and a line in
 * source.c. */
#ifndef SOURCE_REGISTRY_H
#define SOURCE_REGISTRY_H

#include "rivet/source.h"

#ifdef RIVET_HAVE_POSTGRES
extern const rv_source_ops rvi_postgres_ops;
#endif
#ifdef RIVET_HAVE_MYSQL
extern const rv_source_ops rvi_mysql_ops;
#endif
#ifdef RIVET_HAVE_SQLITE
extern const rv_source_ops rvi_sqlite_ops;
#endif
#ifdef RIVET_HAVE_FAKE
extern const rv_source_ops rvi_fake_ops, rvi_fake_apart_ops; /* the scripted source; test builds only */
#endif

#endif
