/* A disk that fails on demand, for one process: preloaded in front of the C library.
 *
 * HAECHI_FAULT_DIRECTORY names the directory on that disk; HAECHI_FAULT_SWITCH names a file of four bytes that says how
 * the disk is, read at each call: 0 well, 1 full, 2 read-only, 3 cannot sync, 4 broken. Calls on other files pass.
 * A full disk still takes what overwrites a file within its size, as a real one does.
 * It uses no header, so that a compiler without the C library's development files builds it.
 */
typedef unsigned long size_t;
typedef long ssize_t;
typedef long off_t;
struct iovec {
  void *data;
  size_t size;
};

enum { WELL, FULL, READ_ONLY, CANNOT_SYNC, BROKEN };
enum { EIO_ = 5, ENOSPC_ = 28, EROFS_ = 30 };
enum { RTLD_DEEPBIND_ = 8 };
enum { O_ACCMODE_ = 3, O_CREAT_ = 0100, O_TRUNC_ = 01000, AT_FDCWD_ = -100 };

extern void *dlsym(void *, const char *);
extern char *getenv(const char *);
extern char *realpath(const char *, char *);
extern void *mmap(void *, size_t, int, int, int, off_t);
extern ssize_t readlink(const char *, char *, size_t);
extern int snprintf(char *, size_t, const char *, ...);
extern int strncmp(const char *, const char *, size_t);
extern size_t strlen(const char *);
extern off_t lseek(int, off_t, int);
extern int close(int);
extern int *__errno_location(void);

#define NEXT(name) dlsym((void *)-1, name)

static const volatile int *state;
static char directory[4096];
static size_t length;

__attribute__((constructor)) static void begin(void) {
  int (*open_)(const char *, int, ...) = NEXT("open");
  const char *path = getenv("HAECHI_FAULT_SWITCH"), *root = getenv("HAECHI_FAULT_DIRECTORY");
  if (!path || !root || !realpath(root, directory)) return;
  length = strlen(directory);
  int descriptor = open_(path, 0);
  if (descriptor < 0) return;
  void *page = mmap(0, 4096, 1 /* read */, 1 /* shared */, descriptor, 0);
  if (page != (void *)-1) state = page;
}

static int is_inside(const char *path) {
  return !strncmp(path, directory, length) && (path[length] == '/' || !path[length]);
}

static int is_ours(int descriptor) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t size = readlink(link, path, sizeof path - 1);
  if (size <= 0) return 0;
  path[size] = 0;
  return is_inside(path);
}

static int refuse(int code) {
  *__errno_location() = code;
  return 1;
}

/* The size of an open file, without moving its offset. */
static off_t size_of(int descriptor) {
  int (*open_)(const char *, int, ...) = NEXT("open");
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  int again = open_(link, 0);
  if (again < 0) return 0;
  off_t size = lseek(again, 0, 2);
  close(again);
  return size;
}

/* `at` is where the write begins, -1 for the file's own offset. */
static int write_fails(int descriptor, off_t at, size_t size) {
  if (!state || *state == WELL || *state == CANNOT_SYNC || !is_ours(descriptor)) return 0;
  if (*state == FULL) {
    off_t begin = at < 0 ? lseek(descriptor, 0, 1) : at;
    return begin + (off_t)size > size_of(descriptor) && refuse(ENOSPC_);
  }
  return refuse(*state == READ_ONLY ? EROFS_ : EIO_);
}

static size_t sum(const struct iovec *parts, int count) {
  size_t size = 0;
  for (int n = 0; n < count; n++) size += parts[n].size;
  return size;
}

static int sync_fails(int descriptor) {
  if (!state || (*state != CANNOT_SYNC && *state != BROKEN) || !is_ours(descriptor)) return 0;
  return refuse(EIO_);
}

static int name_fails(int at, const char *path, int creates) {
  if (!state || *state == WELL || *state == CANNOT_SYNC || !creates) return 0;
  char whole[4096];
  if (path[0] == '/') snprintf(whole, sizeof whole, "%s", path);
  else {
    char link[64];
    if (at == AT_FDCWD_) snprintf(link, sizeof link, "/proc/self/cwd");
    else snprintf(link, sizeof link, "/proc/self/fd/%d", at);
    ssize_t size = readlink(link, whole, 2048);
    if (size <= 0) return 0;
    snprintf(whole + size, sizeof whole - size, "/%s", path);
  }
  if (!is_inside(whole)) return 0;
  return refuse(*state == FULL ? ENOSPC_ : *state == READ_ONLY ? EROFS_ : EIO_);
}

/* A full disk still opens files that are there; a read-only one does not open them for writing. */
static int needs_room(int flags) {
  if (!state || *state == FULL) return (flags & O_CREAT_) && (flags & O_ACCMODE_);
  return (flags & O_ACCMODE_) || (flags & (O_CREAT_ | O_TRUNC_));
}

#define ON_DESCRIPTOR(type, name, fails, parameters, arguments) \
  type name parameters {                                        \
    static type(*next) parameters;                              \
    if (!next) next = NEXT(#name);                              \
    return fails ? (type)-1 : next arguments;                   \
  }

ON_DESCRIPTOR(ssize_t, write, write_fails(descriptor, -1, size), (int descriptor, const void *data, size_t size),
              (descriptor, data, size))
ON_DESCRIPTOR(ssize_t, pwrite, write_fails(descriptor, at, size),
              (int descriptor, const void *data, size_t size, off_t at), (descriptor, data, size, at))
ON_DESCRIPTOR(ssize_t, pwrite64, write_fails(descriptor, at, size),
              (int descriptor, const void *data, size_t size, off_t at), (descriptor, data, size, at))
ON_DESCRIPTOR(ssize_t, writev, write_fails(descriptor, -1, sum(parts, count)),
              (int descriptor, const struct iovec *parts, int count), (descriptor, parts, count))
ON_DESCRIPTOR(ssize_t, pwritev, write_fails(descriptor, at, sum(parts, count)),
              (int descriptor, const struct iovec *parts, int count, off_t at), (descriptor, parts, count, at))
ON_DESCRIPTOR(int, ftruncate, write_fails(descriptor, 0, size), (int descriptor, off_t size), (descriptor, size))
ON_DESCRIPTOR(int, ftruncate64, write_fails(descriptor, 0, size), (int descriptor, off_t size), (descriptor, size))
ON_DESCRIPTOR(int, fsync, sync_fails(descriptor), (int descriptor), (descriptor))
ON_DESCRIPTOR(int, fdatasync, sync_fails(descriptor), (int descriptor), (descriptor))

/* These return the error. */
#define ALLOCATE(name)                                                                                 \
  int name(int descriptor, off_t at, off_t size) {                                                     \
    static int (*next)(int, off_t, off_t);                                                             \
    if (!next) next = NEXT(#name);                                                                     \
    return write_fails(descriptor, at, size) ? *__errno_location() : next(descriptor, at, size);       \
  }
ALLOCATE(posix_fallocate)
ALLOCATE(posix_fallocate64)

#define OPEN(name)                                                                         \
  int name(const char *path, int flags, ...) {                                             \
    static int (*next)(const char *, int, ...);                                            \
    if (!next) next = NEXT(#name);                                                         \
    __builtin_va_list rest;                                                                \
    __builtin_va_start(rest, flags);                                                       \
    int mode = __builtin_va_arg(rest, int);                                                \
    __builtin_va_end(rest);                                                                \
    return name_fails(AT_FDCWD_, path, needs_room(flags)) ? -1 : next(path, flags, mode);  \
  }
#define OPENAT(name)                                                                       \
  int name(int at, const char *path, int flags, ...) {                                     \
    static int (*next)(int, const char *, int, ...);                                       \
    if (!next) next = NEXT(#name);                                                         \
    __builtin_va_list rest;                                                                \
    __builtin_va_start(rest, flags);                                                       \
    int mode = __builtin_va_arg(rest, int);                                                \
    __builtin_va_end(rest);                                                                \
    return name_fails(at, path, needs_room(flags)) ? -1 : next(at, path, flags, mode);     \
  }

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

int mkdir(const char *path, unsigned mode) {
  static int (*next)(const char *, unsigned);
  if (!next) next = NEXT("mkdir");
  return name_fails(AT_FDCWD_, path, 1) ? -1 : next(path, mode);
}

/* The engine asks to be bound past every preloaded library. */
void *dlopen(const char *path, int flags) {
  static void *(*next)(const char *, int);
  if (!next) next = NEXT("dlopen");
  return next(path, flags & ~RTLD_DEEPBIND_);
}
