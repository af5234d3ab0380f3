//go:build linux && (amd64 || arm64)

// Package machine says what the figures depend on, and asks the kernel for the figures: it
// spawns programs, reads /proc, and counts calls.
package machine

// What the figures depend on and cannot show: the machine, the kernel, the
// versions of Go and of the peers' packages.
//
// Not recorded: names of hosts and people, and paths.

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"catena/bench/figures"
)

// Facts are those of this machine and of the named packages.
func Facts(from []string) []figures.Fact {
	all := []figures.Fact{
		{Name: "date", Value: time.Now().UTC().Format("2006-01-02")},
		{Name: "machine", Value: fmt.Sprintf("%s, %d CPUs%s", runtime.GOARCH, runtime.NumCPU(), virtual())},
		{Name: "CPU", Value: cpuinfo("model name")},
		{Name: "kernel", Value: kernel()},
		{Name: "Go", Value: strings.TrimPrefix(runtime.Version(), "go")},
	}
	if p := packages(from); p != "" {
		all = append(all, figures.Fact{Name: "packages", Value: p})
	}
	return all
}

func kernel() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
}

// cpuinfo is the first value of a field of /proc/cpuinfo.
func cpuinfo(field string) string {
	file, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ":")
		if strings.TrimSpace(name) == field {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// HardLimit is how many files a process may have open.
func HardLimit() string {
	var files unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &files) != nil {
		return "unknown"
	}
	return fmt.Sprint(files.Max)
}

func virtual() string {
	if strings.Contains(cpuinfo("flags"), "hypervisor") {
		return ", a virtual machine"
	}
	return ""
}

// packages are the versions of packages, where dpkg knows them.
func packages(names []string) string {
	args := append(strings.Fields("-W -f"), "${Package} ${Version}, ")
	out, err := exec.Command("dpkg-query", append(args, names...)...).Output()
	if err != nil && len(out) == 0 {
		return ""
	}
	return strings.TrimSuffix(string(out), ", ")
}
