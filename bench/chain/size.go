//go:build linux && (amd64 || arm64)

package chain

// Measured: how large the files are.
//
// Not measured: how much of a file is ever read, and the libraries that a
// dynamically linked peer needs beside it.

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"catena/bench/stage"
)

type size struct {
	name  string
	bytes int64
}

const multiCall = "catena, all tools in one file"

func (s *bench) sizes() []size {
	var all []size
	add := func(name, file string) {
		if info, err := os.Stat(file); err == nil {
			all = append(all, size{name, info.Size()})
		}
	}
	add(multiCall, s.Bin+"/catena")
	singles, _ := filepath.Glob(s.single + "/*")
	for _, file := range singles {
		add(filepath.Base(file)+", a file of its own", file)
	}
	if s.inC != "" {
		add(inC, s.inC)
	}
	for _, name := range peers {
		if file, ok := stage.Installed(name); ok {
			add(name+" ("+makerOf(name)+")", file)
		}
	}
	return all
}

// makerOf tells whose program a peer's is.
func makerOf(program string) string {
	switch {
	case strings.HasPrefix(program, "s6-"):
		return stage.S6
	case program == "chpst":
		return "runit"
	case program == "gosu":
		return "gosu, static"
	case program == "env", program == "nohup":
		return "coreutils"
	case program == "setpriv", program == "prlimit", program == "flock", program == "setsid":
		return utilLinux
	}
	return stage.Daemontools
}

func writeSizes(b *strings.Builder, sizes []size) {
	b.WriteString("\n## Sizes\n\nOf the stripped files; the peers but gosu need a C library beside them.\n\n")
	b.WriteString("| | kB |\n|---|--:|\n")
	for _, s := range sizes {
		fmt.Fprintf(b, "| %s | %.0f |\n", s.name, float64(s.bytes)/1000)
	}
}
