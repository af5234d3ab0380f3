//go:build linux && (amd64 || arm64)

package main

// What /proc says of processes and of the memory of all.

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// fields are the numbers of a file of lines such as "Threads:	1", in which
// others may stand as well.
func fields(file string) (map[string]int, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return parseFields(string(text)), nil
}

func parseFields(text string) map[string]int {
	numbers := map[string]int{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(line, ":")
		if all := strings.Fields(value); len(all) > 0 {
			if n, err := strconv.Atoi(all[0]); err == nil {
				numbers[name] = n
			}
		}
	}
	return numbers
}

func processFile(pid int, name string) string { return fmt.Sprintf("/proc/%d/%s", pid, name) }

// runs tells whether a process executes a file, whatever name that has.
func runs(pid int, file string) bool {
	a, errA := os.Stat(processFile(pid, "exe"))
	b, errB := os.Stat(file)
	return errA == nil && errB == nil && os.SameFile(a, b)
}

// processes are all that there are in the namespace.
func processes() ([]int, error) {
	entries, err := os.ReadDir("/proc")
	var all []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			all = append(all, pid)
		}
	}
	return all, err
}

// keepers are the processes that look after the services, one for each or one for
// all. It is an error if they are not the maker's.
func (w *world) keepers(count int) ([]int, error) {
	if !runs(w.scanner, w.by.scan[0]) {
		return nil, fmt.Errorf("%s is not what runs", w.by.scan[0])
	}
	if w.by.keeper == "" {
		return []int{w.scanner}, nil
	}
	all, err := processes()
	if err != nil {
		return nil, err
	}
	var found []int
	for _, pid := range all {
		status, err := fields(processFile(pid, "status"))
		if err != nil || status["PPid"] != w.scanner {
			continue
		}
		if !runs(pid, w.by.keeper) {
			return nil, fmt.Errorf("%s has children that are not %s", w.by.scan[0], w.by.keeper)
		}
		found = append(found, pid)
	}
	if len(found) != count {
		return nil, fmt.Errorf("%d processes of %s for %d services", len(found), w.by.keeper, count)
	}
	return found, nil
}

// memoryFields make up what processes cost, in /proc/meminfo, in kB.
var memoryFields = words("AnonPages PageTables KernelStack Slab")

// readMemory reads them without what the kernel keeps because there is room.
func readMemory() ([]int, error) {
	if err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("3\n"), 0); err != nil {
		return nil, err
	}
	info, err := fields("/proc/meminfo")
	var values []int
	for _, name := range memoryFields {
		values = append(values, info[name])
	}
	return values, err
}
