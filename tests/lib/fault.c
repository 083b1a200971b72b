/* fault.c - the wrappers behind fault.h.
 *
 * The linker sends every call of malloc() in the objects of a test program to __wrap_malloc(), and
 * __real_malloc() is what malloc() was, be it libc's or a sanitizer's. Calls made inside shared libraries are
 * not redirected. With _FILE_OFFSET_BITS=64 the C library renames open, openat and pwrite to their 64 forms,
 * so both are wrapped. Any thread: the state is atomic; one fault is armed at a time. */
#include "fault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

enum { NOT_ARMED = -1 };

static atomic_int armed_kind = NOT_ARMED;
static atomic_int armed_nth, armed_mode, armed_errno;
static atomic_int n_calls[FAULT_KINDS];
static atomic_bool was_hit;

void fault_arm(fault_kind kind, int nth, fault_mode mode, int os_errno)
{
    atomic_store(&armed_kind, NOT_ARMED);
    for (int i = 0; i < FAULT_KINDS; i++)
        atomic_store(&n_calls[i], 0);
    atomic_store(&was_hit, false);
    atomic_store(&armed_nth, nth);
    atomic_store(&armed_mode, (int)mode);
    atomic_store(&armed_errno, os_errno);
    atomic_store(&armed_kind, (int)kind);
}

bool fault_disarm(void)
{
    atomic_store(&armed_kind, NOT_ARMED);
    return atomic_load(&was_hit);
}

int fault_calls(fault_kind kind)
{
    return atomic_load(&n_calls[kind]);
}

/* Count a call; true: it is to fail. Calls are counted only while a fault of any kind is armed. */
static bool strikes(fault_kind kind)
{
    int armed = atomic_load(&armed_kind);
    if (armed == NOT_ARMED)
        return false;
    int call = atomic_fetch_add(&n_calls[kind], 1) + 1;
    if (armed != (int)kind)
        return false;
    int nth = atomic_load(&armed_nth);
    bool hit = call == nth || (call > nth && atomic_load(&armed_mode) == FAULT_PERSISTENT);
    if (hit)
        atomic_store(&was_hit, true);
    return hit;
}

static int fail(void)
{
    errno = atomic_load(&armed_errno);
    return -1;
}

/* How much of a write of `len` bytes goes through: all of it, or half. */
static size_t shortened(size_t len)
{
    return strikes(FAULT_SHORT_WRITE) && len > 1 ? len / 2 : len;
}

static mode_t mode_argument(int flags, va_list args)
{
    /* mode_t is promoted when it passes through "..." (it is an unsigned int on Linux). */
    return flags & O_CREAT ? va_arg(args, mode_t) : 0;
}

/* NOLINTBEGIN(bugprone-reserved-identifier): the linker's own names */
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *memory, size_t size);
ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __real_pwrite(int fd, const void *data, size_t len, off_t offset);
ssize_t __real_pwrite64(int fd, const void *data, size_t len, off_t offset);
ssize_t __real_pread(int fd, void *data, size_t len, off_t offset);
ssize_t __real_pread64(int fd, void *data, size_t len, off_t offset);
int __real_fsync(int fd);
int __real_fdatasync(int fd);
int __real_open(const char *path, int flags, ...);
int __real_open64(const char *path, int flags, ...);
int __real_openat(int dir, const char *path, int flags, ...);
int __real_openat64(int dir, const char *path, int flags, ...);
int __real_mkdir(const char *path, mode_t mode);
int __real_mkdirat(int dir, const char *path, mode_t mode);
int __real_rename(const char *from, const char *to);
int __real_renameat(int from_dir, const char *from, int to_dir, const char *to);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *memory, size_t size);
ssize_t __wrap_write(int fd, const void *data, size_t len);
ssize_t __wrap_pwrite(int fd, const void *data, size_t len, off_t offset);
ssize_t __wrap_pwrite64(int fd, const void *data, size_t len, off_t offset);
ssize_t __wrap_pread(int fd, void *data, size_t len, off_t offset);
ssize_t __wrap_pread64(int fd, void *data, size_t len, off_t offset);
int __wrap_fsync(int fd);
int __wrap_fdatasync(int fd);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_openat(int dir, const char *path, int flags, ...);
int __wrap_openat64(int dir, const char *path, int flags, ...);
int __wrap_mkdir(const char *path, mode_t mode);
int __wrap_mkdirat(int dir, const char *path, mode_t mode);
int __wrap_rename(const char *from, const char *to);
int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to);

static void *no_memory(void)
{
    errno = ENOMEM;
    return NULL;
}

void *__wrap_malloc(size_t size)
{
    return strikes(FAULT_ALLOC) ? no_memory() : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return strikes(FAULT_ALLOC) ? no_memory() : __real_calloc(n, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    return strikes(FAULT_ALLOC) ? no_memory() : __real_realloc(memory, size);
}

ssize_t __wrap_write(int fd, const void *data, size_t len)
{
    return strikes(FAULT_WRITE) ? fail() : __real_write(fd, data, shortened(len));
}

ssize_t __wrap_pwrite(int fd, const void *data, size_t len, off_t offset)
{
    return strikes(FAULT_WRITE) ? fail() : __real_pwrite(fd, data, shortened(len), offset);
}

ssize_t __wrap_pwrite64(int fd, const void *data, size_t len, off_t offset)
{
    return strikes(FAULT_WRITE) ? fail() : __real_pwrite64(fd, data, shortened(len), offset);
}

ssize_t __wrap_pread(int fd, void *data, size_t len, off_t offset)
{
    return strikes(FAULT_READ) ? fail() : __real_pread(fd, data, len, offset);
}

ssize_t __wrap_pread64(int fd, void *data, size_t len, off_t offset)
{
    return strikes(FAULT_READ) ? fail() : __real_pread64(fd, data, len, offset);
}

int __wrap_fsync(int fd)
{
    return strikes(FAULT_FSYNC) ? fail() : __real_fsync(fd);
}

int __wrap_fdatasync(int fd)
{
    return strikes(FAULT_FSYNC) ? fail() : __real_fdatasync(fd);
}

int __wrap_open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = mode_argument(flags, args);
    va_end(args);
    return strikes(FAULT_OPEN) ? fail() : __real_open(path, flags, mode);
}

int __wrap_open64(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = mode_argument(flags, args);
    va_end(args);
    return strikes(FAULT_OPEN) ? fail() : __real_open64(path, flags, mode);
}

int __wrap_openat(int dir, const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = mode_argument(flags, args);
    va_end(args);
    return strikes(FAULT_OPEN) ? fail() : __real_openat(dir, path, flags, mode);
}

int __wrap_openat64(int dir, const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = mode_argument(flags, args);
    va_end(args);
    return strikes(FAULT_OPEN) ? fail() : __real_openat64(dir, path, flags, mode);
}

int __wrap_mkdir(const char *path, mode_t mode)
{
    return strikes(FAULT_OPEN) ? fail() : __real_mkdir(path, mode);
}

int __wrap_mkdirat(int dir, const char *path, mode_t mode)
{
    return strikes(FAULT_OPEN) ? fail() : __real_mkdirat(dir, path, mode);
}

int __wrap_rename(const char *from, const char *to)
{
    return strikes(FAULT_RENAME) ? fail() : __real_rename(from, to);
}

int __wrap_renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    return strikes(FAULT_RENAME) ? fail() : __real_renameat(from_dir, from, to_dir, to);
}
/* NOLINTEND(bugprone-reserved-identifier) */
