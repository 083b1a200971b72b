/* owner.c - who holds a lease, and whether that process still lives.
 *
 * An owner is "host/boot-id/pid-namespace/pid/start-time". The boot id names one boot of one kernel, the PID
 * namespace says what a process number means on it (two containers of one host both have a process 1), and the
 * start time, in clock ticks since boot, tells a process from a later one with the same number. The host is for
 * people. Where boot and namespace are ours, the kernel knows whether the owner lives; anywhere else only the lease
 * does. /proc may be mounted with hidepid=2, which hides other users' processes: then kill(pid, 0) still says that
 * there is one, and the lease decides. */
#include "state/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BOOT_ID_BYTES = 37,   /* a UUID as text, and a NUL */
    HOST_BYTES = 44,      /* what RV_OWNER_BYTES leaves; the boot id tells hosts apart whatever is cut */
    PROC_TEXT_BYTES = 512 /* /proc/<pid>/stat is about 350 bytes, its name part at most 64 */
};

typedef struct identity {
    char boot_id[BOOT_ID_BYTES];
    uint64_t pid_namespace; /* inode number */
    int64_t pid;
    uint64_t start_ticks;
} identity;

/* The beginning of a small file of the kernel. Returns 0 or an errno. */
static int read_proc(const char *path, char out[PROC_TEXT_BYTES])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    ssize_t n;
    do
        n = read(fd, out, PROC_TEXT_BYTES - 1);
    while (n < 0 && errno == EINTR);
    int os_errno = n < 0 ? errno : 0;
    close(fd);
    out[n < 0 ? 0 : n] = '\0';
    return os_errno;
}

/* Field 3, the state letter, and field 22, the start time, of /proc/<pid>/stat (proc(5)). The name in field 2 may
 * hold blanks and brackets, so counting begins behind the last ')'. */
static bool parse_stat(const char *stat, char *state, uint64_t *start_ticks)
{
    enum { FIELD_STATE = 3, FIELD_START = 22 };
    const char *at = strrchr(stat, ')');
    if (!at || at[1] != ' ')
        return false;
    at += 2;
    *state = *at;
    for (int field = FIELD_STATE; field < FIELD_START; field++) {
        at = strchr(at, ' ');
        if (!at)
            return false;
        at++;
    }
    return sscanf(at, "%" SCNu64, start_ticks) == 1;
}

static rv_code read_boot_id(char out[BOOT_ID_BYTES], rv_error *err)
{
    static const char path[] = "/proc/sys/kernel/random/boot_id";
    char text[PROC_TEXT_BYTES];
    int os_errno = read_proc(path, text);
    if (os_errno != 0)
        return rv_fail_os(err, RV_E_IO, os_errno, "cannot read %s", path);
    size_t len = strcspn(text, "\n/");
    if (len != BOOT_ID_BYTES - 1)
        return rv_fail(err, RV_E_IO, "%s holds no boot id", path);
    memcpy(out, text, len);
    out[len] = '\0';
    return RV_OK;
}

static rv_code read_pid_namespace(uint64_t *out, rv_error *err)
{
    static const char path[] = "/proc/self/ns/pid";
    char target[64];
    ssize_t n = readlink(path, target, sizeof target - 1);
    if (n < 0) {
        int os_errno = errno;
        return rv_fail_os(err, RV_E_IO, os_errno, "cannot read %s", path);
    }
    target[n] = '\0';
    if (sscanf(target, "pid:[%" SCNu64 "]", out) != 1)
        return rv_fail(err, RV_E_IO, "%s names no PID namespace", path);
    return RV_OK;
}

static rv_code read_self(identity *out, rv_error *err)
{
    RV_TRY(read_boot_id(out->boot_id, err));
    RV_TRY(read_pid_namespace(&out->pid_namespace, err));
    char stat[PROC_TEXT_BYTES];
    int os_errno = read_proc("/proc/self/stat", stat);
    if (os_errno != 0)
        return rv_fail_os(err, RV_E_IO, os_errno, "cannot read /proc/self/stat");
    char state;
    if (!parse_stat(stat, &state, &out->start_ticks))
        return rv_fail(err, RV_E_IO, "/proc/self/stat has an unexpected form");
    out->pid = getpid();
    return RV_OK;
}

rv_code rv_owner_self(rv_owner *out, rv_error *err)
{
    identity self = {0};
    RV_TRY(read_self(&self, err));
    char host[256];
    if (gethostname(host, sizeof host) != 0)
        snprintf(host, sizeof host, "localhost");
    host[sizeof host - 1] = '\0';
    host[strcspn(host, "/")] = '\0';
    snprintf(out->text, sizeof out->text, "%.*s/%s/%" PRIu64 "/%" PRId64 "/%" PRIu64, HOST_BYTES, host,
             self.boot_id, self.pid_namespace, self.pid, self.start_ticks);
    return RV_OK;
}

/* What stands between the host and the end; false: not an owner that this program wrote. */
static bool parse_owner(const char *text, identity *out)
{
    const char *slash = strchr(text, '/');
    int end = 0;
    if (!slash || sscanf(slash, "/%36[0-9a-f-]/%" SCNu64 "/%" SCNd64 "/%" SCNu64 "%n", out->boot_id,
                         &out->pid_namespace, &out->pid, &out->start_ticks, &end) != 4)
        return false;
    return slash[end] == '\0' && out->pid > 0 && out->pid <= INT32_MAX;
}

typedef enum verdict { OWNER_LIVES, OWNER_IS_DEAD, OWNER_UNKNOWN } verdict;

static verdict judge(const identity *owner)
{
    if (kill((pid_t)owner->pid, 0) != 0 && errno == ESRCH)
        return OWNER_IS_DEAD;
    char path[32], stat[PROC_TEXT_BYTES], state;
    snprintf(path, sizeof path, "/proc/%" PRId64 "/stat", owner->pid);
    uint64_t start_ticks;
    if (read_proc(path, stat) != 0 || !parse_stat(stat, &state, &start_ticks))
        return OWNER_UNKNOWN;
    /* A process that was killed stays as a zombie until its parent asks for its end. */
    const bool gone = state == 'Z' || state == 'X' || start_ticks != owner->start_ticks;
    return gone ? OWNER_IS_DEAD : OWNER_LIVES;
}

bool rvi_owner_alive(const char *owner, int64_t lease_expires_us, int64_t now_us)
{
    identity holder = {0}, self = {0};
    verdict found = OWNER_UNKNOWN;
    if (parse_owner(owner, &holder) && read_self(&self, NULL) == RV_OK &&
        strcmp(holder.boot_id, self.boot_id) == 0 && holder.pid_namespace == self.pid_namespace)
        found = judge(&holder);
    switch (found) {
    case OWNER_LIVES:
        return true;
    case OWNER_IS_DEAD:
        return false;
    case OWNER_UNKNOWN:
        break;
    }
    return now_us < lease_expires_us;
}

void rv_owner_words(char out[RV_OWNER_WORDS_BYTES], const char *owner)
{
    identity holder = {0};
    if (!owner[0])
        snprintf(out, RV_OWNER_WORDS_BYTES, "nobody");
    else if (parse_owner(owner, &holder))
        snprintf(out, RV_OWNER_WORDS_BYTES, "process %" PRId64 " on %.*s", holder.pid,
                 (int)strcspn(owner, "/"), owner);
    else
        snprintf(out, RV_OWNER_WORDS_BYTES, "'%.*s'", RV_OWNER_BYTES, owner);
}
