/* envdir dir setuidgid account softlimit -m bytes, then a program, in one
   process: the yardstick for catena's fused chain.

   Measured with it: what the same system calls cost a static C program, in the
   order in which strace shows the fused chain making them. That includes the
   look-up of the links, of which this program has no other need.
   Not measured: option parsing, error messages, chains in general. Every
   failure just exits with 111.

   usage: chain dir account bytes program [arg ...], with catena's tools in the
   first folder of PATH. */

#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static char *environment[1024]; /* what the program will get */
static char values[8192];       /* NAME=value of the env directory */
static size_t used;
static char passwd[65536];

static void must(int ok) { if (!ok) _exit(111); }

/* musl's open makes two calls of one with O_CLOEXEC. */
static int open_file(const char *name, int flags)
{
  int fd = syscall(SYS_openat, AT_FDCWD, name, flags, 0);
  must(fd >= 0);
  return fd;
}

/* identify is statx for the inode and the mode; musl 1.2.3 has no statx. */
static void identify(const char *file)
{
  static unsigned char statx[256];
  must(syscall(SYS_statx, AT_FDCWD, file, 0, 0x102, statx) == 0);
}

/* lookup asks of a link what a path search asks, in the first folder of PATH:
   is it a file, may it be executed, which one is it? */
static void lookup(const char *name)
{
  const char *path = getenv("PATH");
  size_t n = strcspn(path, ":");
  char file[4096];

  must(n + strlen(name) + 2 < sizeof file);
  memcpy(file, path, n);
  file[n] = '/';
  strcpy(file + n + 1, name);
  identify(file);
  must(syscall(SYS_faccessat2, AT_FDCWD, file, X_OK, AT_EACCESS) == 0);
}

/* put adds name=value to the environment, in place of an earlier one. */
static void put(const char *name, const char *value, size_t length)
{
  size_t n = strlen(name), count = 0;
  char *entry = values + used;

  must(used + n + length + 2 < sizeof values);
  memcpy(entry, name, n);
  entry[n] = '=';
  memcpy(entry + n + 1, value, length);
  entry[n + 1 + length] = 0;
  used += n + length + 2;
  while (environment[count] && strncmp(environment[count], entry, n + 1)) ++count;
  must(count < 1023);
  environment[count] = entry;
}

/* variable reads one file of the env directory: its first line without the
   blanks at its end. */
static void variable(const char *name)
{
  char text[2048];
  ssize_t n, length;
  int fd = open_file(name, O_RDONLY | O_NONBLOCK);

  must((n = read(fd, text, 1024)) >= 0);
  if (n > 0) must(read(fd, text + n, 1024) == 0);
  close(fd);
  for (length = 0; length < n && text[length] != '\n'; ++length) ;
  while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\t')) --length;
  put(name, text, length);
}

static void envdir(const char *dir)
{
  static char entries[4096];
  int here = open_file(".", O_RDONLY | O_NONBLOCK), there;
  long n, at;

  must(chdir(dir) == 0);
  there = open_file(".", O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_DIRECTORY);
  while ((n = syscall(SYS_getdents64, there, entries, sizeof entries)) > 0)
    for (at = 0; at < n; at += ((struct dirent *)(entries + at))->d_reclen) {
      const char *name = ((struct dirent *)(entries + at))->d_name;
      if (name[0] != '.') variable(name);
    }
  must(n == 0);
  close(there);
  must(fchdir(here) == 0);
  close(here);
}

/* find_line returns what follows "account:" at the start of a line, 0 if no
   line does. */
static char *find_line(char *text, const char *account)
{
  size_t n = strlen(account);

  for (; text; text = strchr(text, '\n')) {
    if (*text == '\n') ++text;
    if (!strncmp(text, account, n) && text[n] == ':') return text + n + 1;
  }
  return 0;
}

/* setuidgid reads no more of /etc/passwd than it has to, and 64 kB at most. It
   makes the system calls itself: musl's setgid and setuid block signals. */
static void setuidgid(const char *account)
{
  char *line = 0;
  size_t have = 0;
  ssize_t n;
  uid_t uid;
  gid_t gid;
  int fd = open_file("/etc/passwd", O_RDONLY | O_CLOEXEC);

  while (!line || !strchr(line, '\n')) {
    must(have + 1024 < sizeof passwd);
    must((n = read(fd, passwd + have, 1024)) > 0);
    have += n;
    line = find_line(passwd, account);
  }
  close(fd);
  must((line = strchr(line, ':')) != 0);
  uid = strtoul(line + 1, &line, 10);
  must(*line == ':');
  gid = strtoul(line + 1, &line, 10);
  must(syscall(SYS_setgroups, 1, &gid) == 0);
  must(syscall(SYS_setgid, gid) == 0);
  must(syscall(SYS_setuid, uid) == 0);
  must(prctl(PR_GET_SECUREBITS) >= 0);
}

static void softlimit(const char *bytes)
{
  static const int memory[] = { RLIMIT_DATA, RLIMIT_STACK, RLIMIT_MEMLOCK, RLIMIT_AS };
  rlim_t want = strtoul(bytes, 0, 10);
  struct rlimit limit;
  size_t i;

  for (i = 0; i < sizeof memory / sizeof memory[0]; ++i) {
    must(getrlimit(memory[i], &limit) == 0);
    limit.rlim_cur = want < limit.rlim_max ? want : limit.rlim_max;
    must(setrlimit(memory[i], &limit) == 0);
  }
}

int main(int argc, char **argv, char **envp)
{
  size_t n;

  must(argc > 4);
  identify(argv[0]); /* for the look-up of the links */
  for (n = 0; n < 1023 && envp[n]; ++n) environment[n] = envp[n];
  envdir(argv[1]);
  lookup("setuidgid");
  setuidgid(argv[2]);
  lookup("softlimit");
  /* Fails; how it fails tells whether the uid has too many processes. */
  syscall(SYS_execveat, AT_FDCWD, "/", 0, 0, 0);
  softlimit(argv[3]);
  execve(argv[4], argv + 4, environment);
  return 111;
}
