package svscan

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/supervise"
)

// The programs of the directory that svscan becomes at its end, under the names of s6-svscan.
const (
	finish = ".svscan/finish" // when everything has stopped
	crash  = ".svscan/crash"  // when svscan cannot begin
)

// become execs one of these programs, with the signals and limits that svscan was started with.
// If there is no such program, become returns exit.
func become(p *bare.Process, program string, exit bare.Exit) bare.Exit {
	// A second TERM that came meanwhile was for svscan, and must not end the program.
	var list [4]bare.Arrived
	for range 16 {
		if supervise.Signals(&list) == 0 {
			break
		}
	}
	supervise.RestoreForService()
	argv, ok := bare.NewWords(program)
	if !ok {
		return p.NoMemory()
	}
	err := bare.Execve(program, argv, &p.Env)
	if (err == unix.ENOENT || err == unix.ENOTDIR) && bare.Exists(bare.Cwd, program) != 0 {
		return exit
	}
	return p.FatalErrno(err, "unable to start ", program)
}
