//go:build linux && (amd64 || arm64)

package supervision

// What /proc says of the supervisors, and of the memory of all processes.

import (
	"fmt"
	"os"
	"strings"

	"catena/bench/machine"
)

// keepers are the processes that look after the services, one for each or one for
// all. It is an error if they are not the maker's.
func (w *world) keepers(count int) ([]int, error) {
	if !machine.Runs(w.scanner, w.by.scan[0]) {
		return nil, fmt.Errorf("%s is not what runs", w.by.scan[0])
	}
	if w.by.keeper == "" {
		return []int{w.scanner}, nil
	}
	all, err := machine.Processes()
	if err != nil {
		return nil, err
	}
	var found []int
	for _, pid := range all {
		status, err := machine.Fields(machine.ProcessFile(pid, "status"))
		if err != nil || status["PPid"] != w.scanner {
			continue
		}
		if !machine.Runs(pid, w.by.keeper) {
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
var memoryFields = strings.Fields("AnonPages PageTables KernelStack Slab")

// readMemory reads them without what the kernel keeps because there is room.
func readMemory() ([]int, error) {
	if err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("3\n"), 0); err != nil {
		return nil, err
	}
	info, err := machine.Fields("/proc/meminfo")
	var values []int
	for _, name := range memoryFields {
		values = append(values, info[name])
	}
	return values, err
}
