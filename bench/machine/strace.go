//go:build linux && (amd64 || arm64)

package machine

// What strace says of a command: its system calls, and the programs that it executes.

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
)

// Trace runs a command under strace, and returns what strace prints. strace is the file of
// that program.
func Trace(strace string, argv, env []string) ([]byte, error) {
	file, err := os.CreateTemp("", "bench")
	if err != nil {
		return nil, err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	args := []string{"-f", "-qq", "-o", file.Name()}
	cmd := exec.Command(strace, append(args, argv...)...)
	cmd.Env = env
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, err
	}
	return os.ReadFile(file.Name())
}

// CountCalls reads strace's lines. Each begins with a process id; a call that
// another process interrupts takes two lines, the second marked as resumed.
func CountCalls(trace []byte) (calls, execs int) {
	for line := range bytes.Lines(trace) {
		text := strings.TrimSpace(string(line))
		_, text, _ = strings.Cut(text, " ")
		text = strings.TrimSpace(text)
		resumed := strings.HasPrefix(text, "<... ")
		isCall := !resumed && text != "" && text[0] != '+' && text[0] != '-'
		if isCall {
			calls++
		}
		isExec := strings.HasPrefix(text, "execve(") || strings.HasPrefix(text, "<... execve resumed")
		if isExec && strings.HasSuffix(text, " = 0") {
			execs++
		}
	}
	return calls, execs
}
