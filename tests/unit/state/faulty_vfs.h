/* tests/unit/state/faulty_vfs.h - make the nth write, sync or removal that SQLite asks for fail.
 *
 * SQLite's own system calls are made inside its library, where the linker's wrappers do not reach; its layer over
 * the operating system is replaceable instead. One fault at a time, one thread. */
#ifndef TESTS_STATE_FAULTY_VFS_H
#define TESTS_STATE_FAULTY_VFS_H

#include <stdbool.h>

typedef enum vfs_fault { VFS_WRITE, VFS_SYNC, VFS_OPEN, VFS_DELETE, VFS_FAULTS } vfs_fault;

/* Becomes SQLite's default. Call once, before the first connection. */
void faulty_vfs_install(void);
/* The nth call fails with `result`, SQLITE_FULL or an SQLITE_IOERR_…; with `persistent` all later ones, too. */
void faulty_vfs_arm(vfs_fault kind, int nth, int result, bool persistent);
bool faulty_vfs_disarm(void); /* true: the armed call was reached */

#endif
