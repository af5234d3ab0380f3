package table

import (
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"catena/internal/supervisord/applied"
	"catena/internal/supervisord/rpc"
)

// A memory is what the log and the subscribers have been told of a process, and clients see. It
// stands in a file of the service directory, so that a server which takes the place of one that
// was killed goes on where that has ended.
type memory struct {
	State  rpc.State `json:"state"`
	Starts uint32    `json:"starts"` // the number of the last life that was told
	PID    int       `json:"pid"`    // of the process that is up
	Start  time.Time `json:"start"`  // the last start
	Stop   time.Time `json:"stop"`   // the last death
	Tries  uint32    `json:"tries"`  // starts that have failed in a row

	ExitStatus int64  `json:"exitstatus"`
	SpawnError string `json:"spawnerr"`
}

const told = "told"

// recall reads the memory of a service. Without one nothing was told.
func recall(dir string) (m memory) {
	text, err := os.ReadFile(filepath.Join(dir, told))
	if err != nil || json.Unmarshal(text, &m) != nil {
		return memory{}
	}
	return m
}

// keep writes the memory. If that fails, something is told twice after the next kill.
func (m memory) keep(dir string) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return applied.Replace(filepath.Join(dir, told), text, 0o600)
}
