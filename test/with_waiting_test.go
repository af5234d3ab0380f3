package test

// What tests wait with, and how many may at the same time.
//
// Not tested in this file: anything.

import (
	"bytes"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long anything may take: many times what it does take.
const patience = 20 * time.Second

// longest is how long a test waits for anything: some start thousands of processes.
const longest = 2 * patience

// eventually waits for a condition. If it does not come, the test fails, and says what
// explain returns. The pauses keep those who wait from taking the processors.
func eventually(t testing.TB, what string, holds func() bool, explain ...func() string) {
	t.Helper()
	const least = 5 // looks: on a busy machine a single one may take all the time
	for begun, looks := time.Now(), 1; ; looks++ {
		asked := time.Now()
		if holds() {
			return
		}
		if time.Since(begun) > longest && looks >= least {
			for _, e := range explain {
				what += "\n" + e()
			}
			t.Fatalf("not within %v: %s", longest, what)
		}
		time.Sleep(max(5*time.Millisecond, time.Since(asked)))
	}
}

// endingInTime waits for the end of a program, which is killed when it takes too long.
func endingInTime(cmd *exec.Cmd) string {
	late := time.AfterFunc(longest, func() { cmd.Process.Kill() })
	defer late.Stop()
	cmd.Wait()
	return ending(cmd.ProcessState)
}

// runInTime runs a program, which is killed when it takes too long, and returns what it
// prints and how it ends.
func runInTime(cmd *exec.Cmd) (out, end string) {
	var both bytes.Buffer
	cmd.Stdout, cmd.Stderr = &both, &both
	must(cmd.Start())
	end = endingInTime(cmd)
	return both.String(), end
}

func exists(file string) bool {
	_, err := os.Lstat(file)
	return err == nil
}

func textOf(file string) string {
	text, _ := os.ReadFile(file)
	return string(text)
}

// unread is how much of what was written to a pipe nobody has read.
func unread(pipe *os.File) int {
	n, err := unix.IoctlGetInt(int(pipe.Fd()), unix.TIOCINQ)
	must(err)
	return n
}

// A crowd is subtests that run at the same time, more of them than there are
// processors, because they wait most of the time.
type crowd struct {
	sync.WaitGroup
	room chan struct{}
}

func newCrowd() *crowd { return &crowd{room: make(chan struct{}, 24)} }

func (c *crowd) run(t *testing.T, name string, test func(t *testing.T)) {
	c.Go(func() {
		c.room <- struct{}{}
		defer func() { <-c.room }()
		t.Run(name, test)
	})
}

// busy waits for a processor, for tests that keep one busy: together they would keep
// each other from ending in time.
func busy(t testing.TB) {
	processors <- struct{}{}
	t.Cleanup(func() { <-processors })
}

var processors = make(chan struct{}, max(1, runtime.GOMAXPROCS(0)-1))
