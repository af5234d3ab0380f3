package test

// AT_SECURE without any privilege more, as a change of domain by SELinux or AppArmor sets
// it. The kernel is not made to do that here: the word in the auxiliary vector is set by
// ptrace(2) before the first instruction.
//
// Not tested in this file: programs that do have more privileges, which
// chain_set_user_id_refused.txtar has.

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestAToolRunsInAnotherDomain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(os.Mkdir(filepath.Join(dir, "env"), 0o755))
	must(os.WriteFile(filepath.Join(dir, "env", "A"), []byte("works\n"), 0o644))
	for _, c := range []struct {
		name string
		sys  syscall.SysProcAttr
	}{
		{"the user of the tests", syscall.SysProcAttr{}},
		{"nobody", syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}},
		{"nobody with an ambient capability", syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534},
			AmbientCaps: []uintptr{unix.CAP_NET_BIND_SERVICE}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.sys.Credential != nil {
				needRoot(t)
				must(os.Chmod(dir, 0o755))
				must(os.Chmod(filepath.Dir(dir), 0o755))
			}
			for _, p := range []path{fused, separate, plain} {
				cmd := exec.Command(filepath.Join(p.dir, "envdir"), "env", "sh", "-c", "echo $A")
				cmd.Dir, cmd.Env = dir, []string{"PATH=" + systemPath}
				var out bytes.Buffer
				sys := c.sys
				cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = &out, &out, &sys
				securely(t, cmd)
				if out.String() != "works\n" {
					t.Errorf("%s: %q", p.name, &out)
				}
			}
		})
	}
}

// securely runs a program to which the kernel seems to have said that it is privileged.
func securely(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	runtime.LockOSThread() // the tracer is a thread
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr.Ptrace = true
	must(cmd.Start())
	defer cmd.Wait()
	defer cmd.Process.Kill()
	pid := cmd.Process.Pid
	_, err := unix.Wait4(pid, nil, 0, nil)
	must(err)
	stat := textOf(fmt.Sprintf("/proc/%d/stat", pid))
	const startstack = 28 - 3 // of proc_pid_stat(5), counted from the state
	at, err := strconv.ParseInt(strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])[startstack], 10, 64)
	must(err)
	memory, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_RDWR, 0)
	must(err)
	defer memory.Close()
	word := func() uint64 {
		var b [8]byte
		_, err := memory.ReadAt(b[:], at)
		must(err)
		at += 8
		return binary.NativeEndian.Uint64(b[:])
	}
	at += int64(word()+1) * 8 // the arguments
	for word() != 0 {         // the environment
	}
	const atSecure = 23
	for word() != atSecure {
		word()
	}
	_, err = memory.WriteAt(binary.NativeEndian.AppendUint64(nil, 1), at)
	must(err)
	must(unix.PtraceDetach(pid))
	must(cmd.Wait())
}
