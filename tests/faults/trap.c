/* Traps every system call that writes below one directory: counts it, and at one of them kills the
   process group, or fails as a full or a broken disk does; or writes down what was done.

   seccomp(2) hands a call to the SIGSYS handler below whoever makes it. Interposing on libc would
   miss those that make it themselves, as Rust's rustix does where tantivy renames its meta.json.
   Loaded into a process (by dlopen or LD_PRELOAD) where FAULT_CONTROL names the control file; what
   that process starts is trapped, too, and counts in the same file. x86-64 Linux alone. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

#define OURS 0x0fa17e57 /* sixth argument of the calls that the handler itself makes */
#define PATH 4096

enum fault { RECORD, KILL, FULL, ERROR, ERRORS };
enum kind { WRITE, TRUNCATE, SYNC, CREATE, MKDIR, RENAME, LINK, UNLINK, RMDIR, ACKNOWLEDGE,
            EXCHANGE };

struct control { /* as in trap.py */
    int32_t fault;
    int32_t lock;
    int64_t at;
    int64_t calls;
    char below[512];
    char what[512]; /* the call that was number `at` */
};

struct record {
    uint32_t kind, path, other, data; /* lengths of what follows */
    uint64_t inode;
    int64_t offset;
};

static struct control *control;
static int log_descriptor = -1;

static long call(long number, long a, long b, long c, long d, long e)
{
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = OURS;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

static void lock(void)
{
    while (__atomic_exchange_n(&control->lock, 1, __ATOMIC_ACQUIRE))
        call(SYS_sched_yield, 0, 0, 0, 0, 0);
}

static void unlock(void)
{
    __atomic_store_n(&control->lock, 0, __ATOMIC_RELEASE);
}

static void put(const void *data, size_t size)
{
    while (size > 0) {
        long done = call(SYS_write, log_descriptor, (long)data, size, 0, 0);
        if (done <= 0)
            _exit(99);
        data = (const char *)data + done;
        size -= done;
    }
}

static void put_record(enum kind kind, const char *path, const char *other, uint64_t inode,
                       int64_t offset, size_t data)
{
    struct record head = {kind, strlen(path), strlen(other), data, inode, offset};
    put(&head, sizeof head);
    put(path, head.path);
    put(other, head.other);
}

/* Says in the log that somebody was told that `what` is done. */
void acknowledge(const char *what)
{
    lock();
    put_record(ACKNOWLEDGE, what, "", 0, 0, 0);
    unlock();
}

/* The path of a descriptor, "" if it has none. */
static void path_of(int descriptor, char *path)
{
    char link[64];
    if (descriptor == AT_FDCWD)
        strcpy(link, "/proc/self/cwd");
    else
        snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    long length = call(SYS_readlink, (long)link, (long)path, PATH - 1, 0, 0);
    path[length < 0 ? 0 : length] = 0;
}

static void path_at(int folder, const char *name, char *path)
{
    path[0] = 0;
    if (name[0] != '/') {
        path_of(folder, path);
        strncat(path, "/", PATH - 1 - strlen(path));
    }
    strncat(path, name, PATH - 1 - strlen(path));
}

static int is_watched(const char *path)
{
    size_t length = strlen(control->below);
    return strncmp(path, control->below, length) == 0 && (path[length] == '/' || !path[length]);
}

static const char *name_below(const char *path)
{
    const char *rest = path + strlen(control->below);
    return *rest ? rest + 1 : ".";
}

static uint64_t inode_of(int descriptor)
{
    struct stat found;
    return call(SYS_fstat, descriptor, (long)&found, 0, 0, 0) ? 0 : found.st_ino;
}

static void put_write(const char *path, int descriptor, int64_t offset, const struct iovec *parts,
                      long size)
{
    put_record(WRITE, path, "", inode_of(descriptor), offset, size);
    for (; size > 0; parts++) {
        size_t part = (long)parts->iov_len < size ? parts->iov_len : (size_t)size;
        put(parts->iov_base, part);
        size -= part;
    }
}

/* Writes down a call that succeeded. */
static int is_exchange(long number, const long *a)
{
    return number == SYS_renameat2 && a[4] & 2; /* RENAME_EXCHANGE */
}

static void note(long number, const long *a, long result, const char *path, const char *other)
{
    struct iovec whole = {(void *)a[1], a[2]};
    int64_t offset = -1;
    switch (number) {
    case SYS_write:
    case SYS_writev:
        offset = call(SYS_lseek, a[0], 0, SEEK_CUR, 0, 0) - result;
        put_write(path, a[0], offset, number == SYS_write ? &whole : (void *)a[1], result);
        break;
    case SYS_pwrite64:
    case SYS_pwritev:
        put_write(path, a[0], a[3], number == SYS_pwrite64 ? &whole : (void *)a[1], result);
        break;
    case SYS_ftruncate:
        put_record(TRUNCATE, path, "", inode_of(a[0]), a[1], 0);
        break;
    case SYS_fsync:
    case SYS_fdatasync:
        put_record(SYNC, path, "", inode_of(a[0]), 0, 0);
        break;
    case SYS_open:
    case SYS_creat:
    case SYS_openat: {
        int flags = number == SYS_openat ? a[2] : number == SYS_open ? a[1] : O_CREAT | O_TRUNC;
        put_record(CREATE, path, "", inode_of(result), flags & O_TRUNC ? 0 : -1, 0);
        break;
    }
    case SYS_mkdir:
    case SYS_mkdirat:
        put_record(MKDIR, path, "", 0, 0, 0);
        break;
    case SYS_rename:
    case SYS_renameat:
    case SYS_renameat2:
        put_record(is_exchange(number, a) ? EXCHANGE : RENAME, path, other, 0, 0, 0);
        break;
    case SYS_link:
    case SYS_linkat:
        put_record(LINK, path, other, 0, 0, 0);
        break;
    case SYS_rmdir:
        put_record(RMDIR, path, "", 0, 0, 0);
        break;
    case SYS_unlink:
        put_record(UNLINK, path, "", 0, 0, 0);
        break;
    case SYS_unlinkat:
        put_record(a[2] & AT_REMOVEDIR ? RMDIR : UNLINK, path, "", 0, 0, 0);
        break;
    default: /* what cannot be replayed must not go unseen */
        _exit(97);
    }
}

static int takes_space(long number)
{
    switch (number) {
    case SYS_unlink:
    case SYS_unlinkat:
    case SYS_rmdir:
    case SYS_fsync:
    case SYS_fdatasync:
        return 0;
    }
    return 1;
}

static const struct { long number; const char *name; } names[] = {
    {SYS_write, "write"}, {SYS_writev, "writev"}, {SYS_pwrite64, "pwrite64"},
    {SYS_pwritev, "pwritev"}, {SYS_ftruncate, "ftruncate"}, {SYS_truncate, "truncate"},
    {SYS_fallocate, "fallocate"}, {SYS_fsync, "fsync"}, {SYS_fdatasync, "fdatasync"},
    {SYS_open, "open"}, {SYS_openat, "openat"}, {SYS_creat, "creat"}, {SYS_mkdir, "mkdir"},
    {SYS_mkdirat, "mkdirat"}, {SYS_rmdir, "rmdir"}, {SYS_unlink, "unlink"},
    {SYS_unlinkat, "unlinkat"}, {SYS_rename, "rename"}, {SYS_renameat, "renameat"},
    {SYS_renameat2, "renameat2"}, {SYS_link, "link"}, {SYS_linkat, "linkat"},
    {SYS_symlink, "symlink"}, {SYS_symlinkat, "symlinkat"},
};

static const char *name_of(long number)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].number == number)
            return names[i].name;
    return "?";
}

static long faulted(long number, const long *a, const char *path, const char *other)
{
    lock();
    int64_t turn = ++control->calls;
    if (turn == control->at)
        snprintf(control->what, sizeof control->what, "%s %s", name_of(number),
                 name_below(is_watched(path) ? path : other));
    long result = 0;
    switch (control->fault) {
    case KILL:
        if (turn == control->at)
            call(SYS_kill, 0, SIGKILL, 0, 0, 0);
        break;
    case FULL:
        result = turn >= control->at && takes_space(number) ? -ENOSPC : 0;
        break;
    case ERROR:
        result = turn == control->at ? -EIO : 0;
        break;
    case ERRORS:
        result = turn >= control->at ? -EIO : 0;
        break;
    }
    if (result == 0) {
        result = call(number, a[0], a[1], a[2], a[3], a[4]);
        if (result >= 0 && control->fault == RECORD)
            note(number, a, result, path, other);
    }
    unlock();
    return result;
}

static long handle(long number, const long *a)
{
    char path[PATH] = "", other[PATH] = "";
    switch (number) {
    case SYS_sendfile: /* as on systems without them: their callers write instead */
    case SYS_copy_file_range:
    case SYS_pwritev2:
    case SYS_io_uring_setup:
        return -ENOSYS;
    case SYS_open:
    case SYS_creat:
    case SYS_mkdir:
    case SYS_rmdir:
    case SYS_unlink:
    case SYS_truncate:
        path_at(AT_FDCWD, (const char *)a[0], path);
        break;
    case SYS_openat:
    case SYS_mkdirat:
    case SYS_unlinkat:
        path_at(a[0], (const char *)a[1], path);
        break;
    case SYS_rename:
    case SYS_link:
        path_at(AT_FDCWD, (const char *)a[0], path);
        path_at(AT_FDCWD, (const char *)a[1], other);
        break;
    case SYS_renameat:
    case SYS_renameat2:
    case SYS_linkat:
        path_at(a[0], (const char *)a[1], path);
        path_at(a[2], (const char *)a[3], other);
        break;
    case SYS_symlink:
        path_at(AT_FDCWD, (const char *)a[1], path);
        break;
    case SYS_symlinkat:
        path_at(a[1], (const char *)a[2], path);
        break;
    default:
        path_of(a[0], path);
    }
    if (!is_watched(path) && !is_watched(other))
        return call(number, a[0], a[1], a[2], a[3], a[4]);
    return faulted(number, a, path, other);
}

static void on_trap(int signal, siginfo_t *info, void *context)
{
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    long arguments[] = {r[REG_RDI], r[REG_RSI], r[REG_RDX], r[REG_R10], r[REG_R8]};
    (void)signal;
    r[REG_RAX] = handle(info->si_syscall, arguments);
}

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ON(value, next) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, next)
#define TRAP BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP)
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define TRAP_CALL(number) ON(number, 1), TRAP
#define TRAP_OPEN(number, flags)                                                                   \
    ON(number, 4), LOAD(args[flags]),                                                              \
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_CREAT | O_TRUNC, 0, 1), TRAP, ALLOW

static int trap(void)
{
    struct sock_filter filter[] = {
        LOAD(arch), ON(AUDIT_ARCH_X86_64, 1), BPF_STMT(BPF_JMP | BPF_JA, 1), ALLOW,
        LOAD(args[5]), ON(OURS, 1), ALLOW,
        LOAD(nr),
        TRAP_CALL(SYS_write), TRAP_CALL(SYS_writev), TRAP_CALL(SYS_pwrite64),
        TRAP_CALL(SYS_pwritev), TRAP_CALL(SYS_pwritev2), TRAP_CALL(SYS_sendfile),
        TRAP_CALL(SYS_copy_file_range), TRAP_CALL(SYS_io_uring_setup),
        TRAP_CALL(SYS_ftruncate), TRAP_CALL(SYS_truncate), TRAP_CALL(SYS_fallocate),
        TRAP_CALL(SYS_fsync), TRAP_CALL(SYS_fdatasync), TRAP_CALL(SYS_creat),
        TRAP_CALL(SYS_mkdir), TRAP_CALL(SYS_mkdirat), TRAP_CALL(SYS_rmdir),
        TRAP_CALL(SYS_unlink), TRAP_CALL(SYS_unlinkat), TRAP_CALL(SYS_rename),
        TRAP_CALL(SYS_renameat), TRAP_CALL(SYS_renameat2), TRAP_CALL(SYS_link),
        TRAP_CALL(SYS_linkat), TRAP_CALL(SYS_symlink), TRAP_CALL(SYS_symlinkat),
        TRAP_OPEN(SYS_open, 1), TRAP_OPEN(SYS_openat, 2),
        ALLOW,
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};
    return sigaction(SIGSYS, &action, NULL) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}

__attribute__((constructor)) static void install(void)
{
    const char *path = getenv("FAULT_CONTROL");
    char log[PATH];
    if (path == NULL)
        return;
    int descriptor = open(path, O_RDWR | O_CLOEXEC);
    control = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    snprintf(log, sizeof log, "%s.log", path);
    log_descriptor = open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (control == MAP_FAILED || log_descriptor < 0 || trap()) {
        perror("trap");
        _exit(98);
    }
    close(descriptor);
}
