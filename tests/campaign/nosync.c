/* Takes what asks for durability away from the program that it is preloaded into, so that
 * a test shows that it would find it missing. LANCET_TEST_NOSYNC names what: `all`,
 * `blobs` (their bytes), `folders` (names in them). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int is_taken(int fd) {
    const char *what = getenv("LANCET_TEST_NOSYNC");
    struct stat status;
    char link[64], path[4096];
    if (what == NULL || fstat(fd, &status) != 0) return 0;
    if (strcmp(what, "all") == 0) return 1;
    if (strcmp(what, "folders") == 0) return S_ISDIR(status.st_mode);
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strcmp(what, "blobs") == 0 && S_ISREG(status.st_mode) && strstr(path, "/blobs/") != NULL;
}

int fsync(int fd) { return is_taken(fd) ? 0 : (int)syscall(SYS_fsync, fd); }

int fdatasync(int fd) { return is_taken(fd) ? 0 : (int)syscall(SYS_fdatasync, fd); }
