// Package bare is the toolbox of programs that run before the Go runtime has booted. Each
// subject has a file:
//
//	the process      process.go       what a tool works on: command line, environment, name
//	                 words.go         command lines
//	                 options.go       the options of a command line
//	                 environment.go   the environment of the next program
//	                 exec.go          how the process becomes another program, or ends
//	                 unexecutable.go  why a program could not be executed
//	                 ids.go           user and group ids, and capabilities
//	                 limit.go         limits, and the nice value
//	                 session.go       its id, its process group and its session
//	other processes  child.go         how children are started and waited for
//	                 pidfd.go         processes by pidfd
//	                 cgroup.go        control groups
//	                 signal.go        signals
//	accounts         account.go       what an account's name means
//	                 userlist.go      what a user and a list of groups mean
//	                 database.go      the formats of passwd(5) and group(5)
//	                 getent.go        asks the name service
//	files            path.go          how paths are joined
//	                 file.go          how files are opened, read and written
//	                 directory.go     the names in directories
//	                 rotate.go        names of old files
//	                 stat.go          which file it is, its mode and its times
//	                 descriptor.go    the numbers of open files
//	                 pipe.go          pipes and FIFOs
//	                 socket.go        sockets
//	                 syslog.go        messages for the syslog daemon
//	                 reader.go        files of lines, and lists of processes
//	                 stream.go        streams that may have been made non-blocking
//	                 filesystem.go    file systems
//	                 lock.go          locks, and who has them
//	waiting          poll.go          waits for descriptors
//	                 inotify.go       tells of changes in directories
//	                 clock.go         clocks, and sleep
//	messages         message.go       what tools print
//	                 unwaiting.go     messages that wait for no reader
//	                 reason.go        daemontools' words for errors
//	                 refusal.go       errors that name a refused system call
//	memory           memory.go        the arena, and mappings
//	                 buffer.go        text that grows
//	                 table.go         arrays that grow
//	                 text.go          strings, and numbers as text
//	                 size.go          the units of a size
//	                 ansi.go          text without ANSI sequences
//	                 address.go       addresses, which take the place of pointers
//	machines         host.go          what differs under the Go runtime
//	                 calls_*.go       system calls that differ between machines
//
// What must hold for every function here, and for all code that calls them:
//
//   - no heap: nothing escapes, nothing is boxed into an interface, no append,
//     map, closure, defer or error value made on the fly;
//   - no pointer is stored in memory that outlives the function, because the
//     compiler guards such stores with a call into the collector. What lives
//     longer is held as an address (uintptr) of memory that Go does not manage:
//     the kernel's stack, the arena of memory.go;
//   - one thread, raw system calls only, no signal handlers;
//   - package variables are initialised statically or not at all.
//
// A small function that many places call, and none of them often, is marked go:noinline: the
// compiler would write it out in each place.
//
// Tests check all of it on the built binaries (see internal/boot/HACKING.md). The same code
// also runs under the runtime, in a build without the entry flag and in unit tests. Where bare
// code does something else there, it asks the variable Hosted, which is in host.go.
package bare
