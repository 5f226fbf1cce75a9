/* Keeps an undo log of what a process writes into one folder, so that a power cut can be played afterwards.
 *
 * A killed process loses nothing: what it wrote is in the page cache. A pulled plug loses what was not synced.
 * Loaded by LD_PRELOAD, this notes before each write what stood there, and after each sync that the file is safe.
 * tests/faults/power_cut.py says what it does not see, builds it, and undoes what was not synced.
 *
 * A record is five 64-bit integers (kind, inode, offset, size before, bytes that follow), then those bytes. It is
 * logged before the act that it undoes and after the sync that it reports: whatever instant the process dies at,
 * no write lacks its record and no record of a sync lacks its sync.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { STARTED = 'S', NAMED = 'F', OVERWRITTEN = 'W', SYNCED = 'Y', GONE = 'G', RENAMED = 'R' };

struct record {
    uint64_t kind, inode, offset, size_before, length;
};

static char folder[PATH_MAX]; /* resolved, ends in a slash; empty: nothing is watched */
static size_t folder_length;
static int log_fd = -1;
static struct { dev_t device; ino_t inode; int inside; } known[4096]; /* by descriptor; inode 0: ask anew */
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

static void give_up(const char *what) {
    fprintf(stderr, "power_cut: %s: %s\n", what, strerror(errno));
    abort(); /* a hole in the log would show as a file that survived */
}

#define REAL(name)                                        \
    ({                                                    \
        static __typeof__(&name) found;                   \
        if (!found) found = (__typeof__(&name))real(#name); \
        found;                                            \
    })

static void *real(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (!found) give_up(name);
    return found;
}

static int is_shm(const char *path) {
    size_t length = strlen(path);
    return length >= 4 && strcmp(path + length - 4, "-shm") == 0;
}

static int inside(const char *path) {
    return folder_length && strncmp(path, folder, folder_length) == 0 && !is_shm(path);
}

static void append(uint64_t kind, uint64_t inode, uint64_t offset, uint64_t size_before, const void *bytes,
                   uint64_t length) {
    char *whole = malloc(sizeof(struct record) + length);
    size_t left = sizeof(struct record) + length, done = 0;
    if (!whole) give_up("no memory for a record");
    *(struct record *)whole = (struct record){kind, inode, offset, size_before, length};
    if (length) memcpy(whole + sizeof(struct record), bytes, length);
    while (left) {
        long wrote = syscall(SYS_write, log_fd, whole + done, left);
        if (wrote < 0 && errno != EINTR) give_up("the log cannot be written");
        if (wrote > 0) done += (size_t)wrote, left -= (size_t)wrote;
    }
    free(whole);
}

__attribute__((constructor)) static void start(void) {
    const char *watched = getenv("TALKTIME_POWER_CUT"), *log = getenv("TALKTIME_POWER_CUT_LOG");
    char resolved[PATH_MAX];
    if (!watched || !log) return;
    if (!realpath(watched, resolved)) give_up(watched);
    int low = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (low < 0) give_up(log);
    log_fd = fcntl(low, F_DUPFD_CLOEXEC, 200); /* out of the way of numbers that programs expect */
    if (log_fd < 0) give_up(log);
    syscall(SYS_close, low);
    snprintf(folder, sizeof folder, "%.*s/", PATH_MAX - 2, resolved);
    folder_length = strlen(folder);
    append(STARTED, 0, 0, 0, NULL, 0);
}

/* The whole path that a name given to openat stands for, whether or not the file exists yet. */
static int resolve(int dir, const char *name, char *path) {
    char full[PATH_MAX * 2], base[PATH_MAX] = "", link[64];
    if (name[0] != '/' && dir != AT_FDCWD) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
        ssize_t length = readlink(link, base, sizeof base - 2);
        if (length < 0) return 0;
        strcpy(base + length, "/");
    }
    snprintf(full, sizeof full, "%s%s", base, name);
    if (realpath(full, path)) return 1;
    char *slash = strrchr(full, '/');
    char *last = slash ? slash + 1 : full;
    char leaf[NAME_MAX + 1];
    if (strlen(last) > NAME_MAX) return 0;
    strcpy(leaf, last);
    *last = 0;
    if (!realpath(*full ? full : ".", path) || strlen(path) + strlen(leaf) + 2 > PATH_MAX) return 0;
    strcat(strcat(path, "/"), leaf);
    return 1;
}

/* Whether the descriptor is a file of the folder that still has a name; logs its name each time it is not the file
 * that this descriptor was before. Asked anew each time, since descriptors are closed and copied in many ways. */
static int watched_file(int fd, struct stat *now) {
    char link[64], path[PATH_MAX];
    if (!folder_length || fd == log_fd || fd < 0 || fstat(fd, now) || !S_ISREG(now->st_mode) || !now->st_nlink)
        return 0;
    if (fd < 4096 && known[fd].inode == now->st_ino && known[fd].device == now->st_dev) return known[fd].inside;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) give_up(link);
    path[length] = 0;
    int is_inside = inside(path);
    if (is_inside)
        append(NAMED, now->st_ino, 0, 0, path + folder_length, (uint64_t)length - folder_length);
    if (fd < 4096) {
        known[fd].device = now->st_dev;
        known[fd].inode = now->st_ino;
        known[fd].inside = is_inside;
    }
    return is_inside;
}

/* Notes what stands from `offset` on for `length` bytes, and how long the file is. */
static void note(int fd, const struct stat *now, uint64_t offset, uint64_t length) {
    uint64_t size = (uint64_t)now->st_size, read = 0;
    uint64_t standing = offset >= size ? 0 : (length < size - offset ? length : size - offset);
    char *bytes = malloc(standing ? standing : 1);
    if (!bytes) give_up("no memory for what stood there");
    while (read < standing) {
        ssize_t got = pread(fd, bytes + read, standing - read, (off_t)(offset + read));
        if (got <= 0) give_up("what stands there cannot be read");
        read += (uint64_t)got;
    }
    append(OVERWRITTEN, now->st_ino, offset, size, bytes, standing);
    free(bytes);
}

static ssize_t write_noted(int fd, const void *bytes, size_t length, off_t offset, int at_offset) {
    struct stat now;
    pthread_mutex_lock(&one_at_a_time);
    if (watched_file(fd, &now)) {
        int appends = fcntl(fd, F_GETFL) & O_APPEND; /* Linux appends then, even in pwrite */
        off_t from = appends ? now.st_size : at_offset ? offset : lseek(fd, 0, SEEK_CUR);
        note(fd, &now, (uint64_t)from, length);
    }
    ssize_t wrote = at_offset ? REAL(pwrite64)(fd, bytes, length, offset) : REAL(write)(fd, bytes, length);
    int error = errno;
    pthread_mutex_unlock(&one_at_a_time);
    errno = error;
    return wrote;
}

/* Pipes and sockets may block: they never wait with the lock held. */
static int is_file(int fd) {
    struct stat now;
    return folder_length && fstat(fd, &now) == 0 && S_ISREG(now.st_mode);
}

ssize_t write(int fd, const void *bytes, size_t length) {
    return is_file(fd) ? write_noted(fd, bytes, length, 0, 0) : REAL(write)(fd, bytes, length);
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
    return is_file(fd) ? write_noted(fd, bytes, length, offset, 1) : REAL(pwrite64)(fd, bytes, length, offset);
}
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
    return pwrite64(fd, bytes, length, offset);
}

int ftruncate64(int fd, off64_t length) {
    struct stat now;
    pthread_mutex_lock(&one_at_a_time);
    if (length >= 0 && watched_file(fd, &now)) note(fd, &now, (uint64_t)length, UINT64_MAX);
    int answer = REAL(ftruncate64)(fd, length), error = errno;
    pthread_mutex_unlock(&one_at_a_time);
    errno = error;
    return answer;
}
int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

static int sync_noted(int fd, int (*sync_it)(int)) {
    struct stat now;
    pthread_mutex_lock(&one_at_a_time);
    int answer = sync_it(fd), error = errno;
    if (answer == 0 && watched_file(fd, &now)) append(SYNCED, now.st_ino, 0, 0, NULL, 0);
    pthread_mutex_unlock(&one_at_a_time);
    errno = error;
    return answer;
}
int fsync(int fd) { return sync_noted(fd, REAL(fsync)); }
int fdatasync(int fd) { return sync_noted(fd, REAL(fdatasync)); }

int close(int fd) {
    if (folder_length && fd == log_fd) return 0;
    if (fd >= 0 && fd < 4096) known[fd].inode = 0;
    return REAL(close)(fd);
}

/* A file of the folder is opened for reading too, and emptied by a truncate that is noted. */
static int open_noted(int dir, const char *name, int flags, mode_t mode) {
    char path[PATH_MAX];
    struct stat now;
    int writes = (flags & O_ACCMODE) != O_RDONLY;
    if (!folder_length || !writes || !resolve(dir, name, path) || !inside(path)
        || (stat(path, &now) == 0 && !S_ISREG(now.st_mode)))
        return REAL(openat64)(dir, name, flags, mode);
    int fd = REAL(openat64)(dir, name, (flags & ~(O_ACCMODE | O_TRUNC)) | O_RDWR, mode);
    if (fd >= 0 && flags & O_TRUNC && ftruncate64(fd, 0)) give_up("an opened file cannot be emptied");
    return fd;
}

#define MODE(mode, flags, last)                                       \
    mode_t mode = 0;                                                  \
    if ((flags) & O_CREAT || ((flags) & O_TMPFILE) == O_TMPFILE) {    \
        va_list rest;                                                 \
        va_start(rest, last);                                         \
        mode = va_arg(rest, mode_t);                                  \
        va_end(rest);                                                 \
    }

int open(const char *name, int flags, ...) {
    MODE(mode, flags, flags)
    return open_noted(AT_FDCWD, name, flags, mode);
}
int open64(const char *name, int flags, ...) {
    MODE(mode, flags, flags)
    return open_noted(AT_FDCWD, name, flags, mode);
}
int openat(int dir, const char *name, int flags, ...) {
    MODE(mode, flags, flags)
    return open_noted(dir, name, flags, mode);
}
int openat64(int dir, const char *name, int flags, ...) {
    MODE(mode, flags, flags)
    return open_noted(dir, name, flags, mode);
}

/* A file without a name takes its records with it: its inode number may come back as another file. */
static void gone(const struct stat *file) {
    for (size_t fd = 0; fd < sizeof known / sizeof *known; fd++)
        if (known[fd].inode == file->st_ino) known[fd].inode = 0;
    append(GONE, file->st_ino, 0, 0, NULL, 0);
}

static int last_name(const char *name, struct stat *before) {
    char path[PATH_MAX];
    return folder_length && resolve(AT_FDCWD, name, path) && inside(path) && lstat(name, before) == 0
           && S_ISREG(before->st_mode) && before->st_nlink == 1;
}

int unlink(const char *name) {
    struct stat before;
    pthread_mutex_lock(&one_at_a_time);
    int goes = last_name(name, &before), answer = REAL(unlink)(name), error = errno;
    if (goes && answer == 0) gone(&before);
    pthread_mutex_unlock(&one_at_a_time);
    errno = error;
    return answer;
}

int rename(const char *old, const char *new) {
    struct stat before, moved;
    char path[PATH_MAX];
    pthread_mutex_lock(&one_at_a_time);
    int goes = last_name(new, &before), answer = REAL(rename)(old, new), error = errno;
    int moves = answer == 0 && folder_length && stat(new, &moved) == 0;
    if (moves && goes && moved.st_ino != before.st_ino) gone(&before);
    if (moves && resolve(AT_FDCWD, new, path) && inside(path))
        append(RENAMED, moved.st_ino, 0, 0, path + folder_length, strlen(path) - folder_length);
    pthread_mutex_unlock(&one_at_a_time);
    errno = error;
    return answer;
}
