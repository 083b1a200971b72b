/* rivet/crash_point.h - named points of the commit protocol at which a test kills the program.
 *
 * With -DRIVET_CRASH_POINTS the process dies by SIGKILL at the point named in RIVET_CRASH_AT; "name:3" means the
 * third time it is passed. In a release build the macro is empty. The names are listed in docs/internals/commit.md. */
#ifndef RIVET_CRASH_POINT_H
#define RIVET_CRASH_POINT_H

#ifdef RIVET_CRASH_POINTS
void rv_crash_point(const char *name);
#define RV_CRASH_POINT(name) rv_crash_point(name)
#else
#define RV_CRASH_POINT(name) ((void)0)
#endif

#endif
