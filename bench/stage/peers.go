//go:build linux && (amd64 || arm64)

package stage

// The peers: how reports name them, and where their programs are.

import (
	"os"
	"path/filepath"
	"strings"
)

// The makers that every bench has.
const (
	Catena      = "catena"
	Daemontools = "daemontools"
	S6          = "s6"
)

// SystemPath is the PATH of the peers' programs.
const SystemPath = "/usr/bin:/bin"

// Installed is the path of a peer's program, looked for where distributions put
// them and nowhere else: another PATH may well begin with catena's own tools.
func Installed(name string) (string, bool) {
	for _, dir := range strings.Fields("/usr/bin /bin /usr/sbin /sbin") {
		file := filepath.Join(dir, name)
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			return file, true
		}
	}
	return "", false
}

// CommandLine is a command line with the absolute path of its program, if that is there.
func CommandLine(line string) []string {
	argv := strings.Fields(line)
	if name, ok := Installed(argv[0]); ok {
		argv[0] = name
	}
	return argv
}
