#include "faulty_vfs.h"

#include <assert.h>
#include <stddef.h>

#include <sqlite3.h>

/* An open file: what SQLite sees, and behind it the real file, whose size only the real VFS knows. */
typedef struct shim_file {
    sqlite3_file base;
    sqlite3_file *real;
} shim_file;

static sqlite3_vfs *real_vfs;
static sqlite3_vfs shim_vfs;
static struct {
    bool armed, persistent, hit;
    vfs_fault kind;
    int nth, n_calls, result;
} fault;

void faulty_vfs_arm(vfs_fault kind, int nth, int result, bool persistent)
{
    fault.armed = true;
    fault.persistent = persistent;
    fault.hit = false;
    fault.kind = kind;
    fault.nth = nth;
    fault.n_calls = 0;
    fault.result = result;
}

bool faulty_vfs_disarm(void)
{
    fault.armed = false;
    return fault.hit;
}

static bool strikes(vfs_fault kind)
{
    if (!fault.armed || fault.kind != kind)
        return false;
    fault.n_calls++;
    bool hit = fault.n_calls == fault.nth || (fault.persistent && fault.n_calls > fault.nth);
    fault.hit = fault.hit || hit;
    return hit;
}

static sqlite3_file *real_of(sqlite3_file *file)
{
    return ((shim_file *)file)->real;
}

static int shim_close(sqlite3_file *file)
{
    return real_of(file)->pMethods->xClose(real_of(file));
}

static int shim_read(sqlite3_file *file, void *data, int len, sqlite3_int64 offset)
{
    return real_of(file)->pMethods->xRead(real_of(file), data, len, offset);
}

static int shim_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 offset)
{
    if (!strikes(VFS_WRITE))
        return real_of(file)->pMethods->xWrite(real_of(file), data, len, offset);
    /* A torn write: the first half reached the disk. */
    if (len > 1)
        (void)real_of(file)->pMethods->xWrite(real_of(file), data, len / 2, offset);
    return fault.result;
}

static int shim_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    return real_of(file)->pMethods->xTruncate(real_of(file), size);
}

/* Nothing is really synced: the machine does not lose its power in these tests, and hundreds of lives take long. */
static int shim_sync(sqlite3_file *file, int flags)
{
    (void)file;
    (void)flags;
    return strikes(VFS_SYNC) ? fault.result : SQLITE_OK;
}

static int shim_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return real_of(file)->pMethods->xFileSize(real_of(file), size);
}

static int shim_lock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int shim_unlock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int shim_reserved(sqlite3_file *file, int *out)
{
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), out);
}

static int shim_control(sqlite3_file *file, int operation, void *argument)
{
    return real_of(file)->pMethods->xFileControl(real_of(file), operation, argument);
}

static int shim_sector(sqlite3_file *file)
{
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int shim_traits(sqlite3_file *file)
{
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static const sqlite3_io_methods shim_methods = {
    .iVersion = 1, /* no shared memory, no mapping: the store uses neither */
    .xClose = shim_close,
    .xRead = shim_read,
    .xWrite = shim_write,
    .xTruncate = shim_truncate,
    .xSync = shim_sync,
    .xFileSize = shim_size,
    .xLock = shim_lock,
    .xUnlock = shim_unlock,
    .xCheckReservedLock = shim_reserved,
    .xFileControl = shim_control,
    .xSectorSize = shim_sector,
    .xDeviceCharacteristics = shim_traits,
};

static int shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
    (void)vfs;
    shim_file *shim = (shim_file *)file;
    shim->base.pMethods = NULL;
    shim->real = (sqlite3_file *)(shim + 1);
    if (strikes(VFS_OPEN))
        return SQLITE_CANTOPEN;
    int result = real_vfs->xOpen(real_vfs, name, shim->real, flags, out_flags);
    if (shim->real->pMethods)
        shim->base.pMethods = &shim_methods;
    return result;
}

static int shim_delete(sqlite3_vfs *vfs, const char *name, int sync_folder)
{
    (void)vfs;
    (void)sync_folder;
    return strikes(VFS_DELETE) ? fault.result : real_vfs->xDelete(real_vfs, name, 0);
}

void faulty_vfs_install(void)
{
    real_vfs = sqlite3_vfs_find(NULL);
    assert(real_vfs != NULL);
    shim_vfs = *real_vfs;
    shim_vfs.szOsFile = (int)sizeof(shim_file) + real_vfs->szOsFile;
    shim_vfs.zName = "faulty";
    shim_vfs.pNext = NULL;
    shim_vfs.xOpen = shim_open;
    shim_vfs.xDelete = shim_delete;
    int result = sqlite3_vfs_register(&shim_vfs, 1);
    assert(result == SQLITE_OK);
    (void)result;
}
