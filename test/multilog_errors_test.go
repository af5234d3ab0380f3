package test

// A disk that fails, by system calls that do.
//
// Not tested in this file: what a device does that fails halfway, a call that writes less
// than it should.

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Whatever call fails, and whichever it is of that kind, once or three times in a row:
// multilog refuses to start and has taken nothing, or says so and goes on.
func TestErrorsOfADiskLoseNothing(t *testing.T) {
	need(t, "strace")
	// What tells one current or boot from another may be lacking, files that no longer
	// matter may stay, and a read of nothing only asks whether reads are allowed.
	harmless := regexp.MustCompile(`"/proc/|^readv?\(\d, [^,]+, 0\)|^read\(\d, \w+, (24|256|4096)\)|^statx\(\d, ""|^statx\(AT_FDCWD, "./a/current"|^statx\(\d, "lock"|^statx\(\d, ".journal"|^ftruncate\(|^unlinkat\(\d, "(state|newstate|processed)"`)
	lines := regexp.MustCompile(`\A(multilog: (warning|fatal): (unable to [^\n]*: input/output error|out of memory|\d messages could not be written)\n)*\z`)
	crowd := newCrowd()
	defer crowd.Wait()
	for _, call := range []string{"openat", "read", "readv", "write", "pwrite64", "tee", "ftruncate", "fsync", "renameat2", "unlinkat", "fchmod", "mmap", "statx", "pipe2"} {
		for when := 1; when <= 12; when++ {
			for _, more := range []string{"", fmt.Sprint("..", when+2)} {
				crowd.run(t, fmt.Sprint(call, " ", when, more), func(t *testing.T) {
					f := newFlood(t, uint64(when), 300)
					f.fill(200)
					stdin := f.end()
					defer stdin.Close()
					words := []string{"s4096", "n1000", "./a"}
					got, text := f.traced(t, stdin, []string{fmt.Sprintf("%s:error=EIO:when=%d%s", call, when, more)}, words...)
					if got != "exit 0" && got != "exit 111" || !lines.MatchString(text) {
						t.Errorf("%s: %s", got, text)
					}
					failed := regexp.MustCompile(`(?m)^.*EIO.*INJECTED.*$`).FindAllString(textOf(f.file("trace")), -1)
					failed = slices.DeleteFunc(failed, harmless.MatchString)
					if (got == "exit 111") != strings.Contains(text, "fatal") || len(failed) > 0 && text == "" {
						t.Errorf("%s, it says %q; failed: %q", got, text, failed)
					}
					if got := f.run(t, fused, stdin, words...); got != "exit 0" {
						t.Error(got)
					}
					if text := f.missing("a", false, func([]byte) bool { return true }); text != "" {
						t.Error(text)
					}
				})
			}
		}
	}
}
