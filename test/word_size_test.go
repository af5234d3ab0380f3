package test

// What is different in a program with words of 32 bits.
//
// Not tested in this file: all else, which is the same code; test/lint vets it for more
// architectures, and the arm64 path runs the scripts.

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// narrow is catena with words of 32 bits: for this machine, or for arm under qemu-user where
// the kernel runs no such programs.
var narrow = sync.OnceValue(func() (n struct {
	dir      string
	emulator []string
}) {
	n.dir = buildNarrow("386")
	if exec.Command(filepath.Join(n.dir, "svstat"), "--version").Run() != nil {
		n.dir, n.emulator = buildNarrow("arm"), []string{emulator}
	}
	return n
})

const emulator = "qemu-arm-static"

func buildNarrow(arch string) (dir string) {
	dir = filepath.Join(work, arch)
	must(os.MkdirAll(dir, 0o755))
	build(filepath.Join(dir, "catena"), "./cmd/catena", false, "GOARCH="+arch)
	for _, tool := range tools() {
		must(os.Symlink("catena", filepath.Join(dir, tool)))
	}
	return dir
}

// narrowly is a command of such a program.
func narrowly(tool string, words ...string) *exec.Cmd {
	argv := append(slices.Clone(narrow().emulator), filepath.Join(narrow().dir, tool))
	argv = append(argv, words...)
	return exec.Command(argv[0], argv[1:]...)
}

// needNarrow skips a test where such programs do not run.
func needNarrow(t *testing.T) {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		skip(t, "no amd64")
	}
	if narrow().emulator != nil {
		need(t, emulator)
	}
}

func TestFilesOfOver2GiBAreOpened(t *testing.T) {
	needNarrow(t)
	file := filepath.Join(t.TempDir(), "big.log")
	must(os.WriteFile(file, nil, 0o644))
	must(os.Truncate(file, 3<<30))
	out, err := narrowly("setlock", file, "sh", "-c", "echo ran").CombinedOutput()
	if err != nil || string(out) != "ran\n" {
		t.Errorf("%v, %q", err, out)
	}
}

// The lock file of a service belongs to an account that may be anybody's.
func TestErrorNumberThatIsNone(t *testing.T) {
	needNarrow(t)
	h := newHome(t, "")
	must(os.WriteFile(h.file("down"), nil, 0o644))
	s := h.supervise(t, fused)
	eventually(t, "a state", func() bool { return h.exists("supervise/ok") && h.reason().why == neverStarted })
	lock, err := os.OpenFile(h.file("supervise/lock"), os.O_WRONLY, 0)
	must(err)
	defer lock.Close()
	for _, errno := range []uint32{1<<32 - 1, 1 << 31, 1<<31 + 1<<13, 1<<13 + 1000, 500} {
		_, err = lock.WriteAt(append(binary.LittleEndian.AppendUint32(nil, errno), cannotRun), 128+40)
		must(err)
		for option, says := range map[string]string{"-l": "unknown error", "-j": `"reason":"unknown error"`} {
			wide := exec.Command(filepath.Join(fused.dir, "svstat"), option, "s")
			for _, cmd := range []*exec.Cmd{wide, narrowly("svstat", option, "s")} {
				cmd.Dir = h.top
				if out, end := runInTime(cmd); end != "exit 0" || !strings.Contains(out, says) {
					t.Errorf("%q, errno %#x: %s, %.300q", cmd.Args, errno, end, out)
				}
			}
		}
	}
	s.kill()
}
