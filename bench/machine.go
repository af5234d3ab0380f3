//go:build linux && (amd64 || arm64)

package main

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
)

// A fact is one line about the machine.
type fact struct{ name, value string }

func facts(cpu, rounds int) []fact {
	all := []fact{
		{"date", time.Now().UTC().Format("2006-01-02")},
		{"machine", fmt.Sprintf("%s, %d CPUs%s", runtime.GOARCH, runtime.NumCPU(), virtual())},
		{"CPU", cpuinfo("model name")},
		{"kernel", kernel()},
		{"Go", strings.TrimPrefix(runtime.Version(), "go")},
	}
	if p := packages(); p != "" {
		all = append(all, fact{"packages", p})
	}
	return append(all, fact{"samples", fmt.Sprintf("%d per chain, all on CPU %d", rounds, cpu)})
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

func virtual() string {
	if strings.Contains(cpuinfo("flags"), "hypervisor") {
		return ", a virtual machine"
	}
	return ""
}

// packages are the versions of the peers, where dpkg knows them.
func packages() string {
	out, err := exec.Command("dpkg-query", "-W", "-f", "${Package} ${Version}, ",
		"daemontools", "runit", "s6", "gosu", "util-linux", "coreutils", "musl").Output()
	if err != nil && len(out) == 0 {
		return ""
	}
	return strings.TrimSuffix(string(out), ", ")
}
