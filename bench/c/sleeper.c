/* The service of the supervision bench: it records that it has begun, and that
   it got TERM, and sleeps in between.

   Measured with it: the instants at which a service began and got a signal, by
   the clock that the bench reads as well. It is the same program below every
   supervisor, so what it costs falls on all alike.
   Not measured: a service that does something.

   Records go to a file that all services have two folders above their own: the
   time in nanoseconds, the process id, and what happened. */

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

enum { BEGUN, TERMINATED };

static void record(int fd, int what)
{
  struct timespec now;
  struct { int64_t at; int32_t pid, what; } line;

  if (clock_gettime(CLOCK_MONOTONIC, &now) == -1) _exit(111);
  line.at = now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
  line.pid = getpid();
  line.what = what;
  if (write(fd, &line, sizeof line) != sizeof line) _exit(111);
}

int main(void)
{
  sigset_t term;
  int signal;
  int fd = open("../../records", O_WRONLY | O_APPEND);

  if (fd == -1) return 111;
  /* Before the record: whoever reads it may send TERM. */
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  if (sigprocmask(SIG_BLOCK, &term, 0) == -1) return 111;
  record(fd, BEGUN);
  if (sigwait(&term, &signal) != 0) return 111;
  record(fd, TERMINATED);
  return 0;
}
