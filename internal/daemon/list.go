package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// listDaemons lists the pidfiles of a folder that are locked; with --verbose all.
func (s *settings) listDaemons() error {
	entries, err := os.ReadDir(s.folder())
	if err != nil {
		return because(err, "failed to list currently running daemons")
	}
	var names []string
	for _, entry := range entries {
		if name, is := strings.CutSuffix(entry.Name(), ".pid"); is && name != "" {
			names = append(names, name)
		}
	}
	if len(names) == 0 && s.verbose > 0 {
		fmt.Println("No named daemons are running")
	}
	slices.SortStableFunc(names, byNumbers)
	for _, name := range names {
		pidfile := filepath.Join(s.folder(), name+".pid")
		is, err := isRunning(pidfile)
		switch {
		case err != nil:
			s.warn("failed to tell if the %s daemon is running: %s", name, reason(err))
		case s.verbose > 0:
			fmt.Printf("%s %s\n", name, s.describe(pidfile, is))
		case is:
			fmt.Println(name)
		}
	}
	return nil
}

// describe says what is known of a pidfile.
func (s *settings) describe(pidfile string, isRunning bool) string {
	if !isRunning {
		if folder := s.folder(); folder == "/tmp" || folder == "/var/run" {
			return "is not running (or is independent)"
		}
		return "is not running"
	}
	pid, _ := readPid(pidfile)
	text := fmt.Sprintf("is running (pid %d)", pid)
	if client, err := readPid(clientPidfile(pidfile)); err == nil {
		return text + fmt.Sprintf(" (client pid %d)", client)
	}
	switch comm(pid) {
	case "daemon", "supervise":
		return text + " (client is not running)"
	case "":
		return text
	}
	return text + " (independent)"
}

// byNumbers compares texts without regard to case, and the numbers in them as numbers.
func byNumbers(a, b string) int {
	a, b = strings.ToLower(a), strings.ToLower(b)
	for a != "" && b != "" {
		digitsA, digitsB := leadingDigits(a), leadingDigits(b)
		if digitsA == "" || digitsB == "" {
			if a[0] != b[0] {
				return int(a[0]) - int(b[0])
			}
			a, b = a[1:], b[1:]
			continue
		}
		a, b = a[len(digitsA):], b[len(digitsB):]
		digitsA, digitsB = strings.TrimLeft(digitsA, "0"), strings.TrimLeft(digitsB, "0")
		if len(digitsA) != len(digitsB) {
			return len(digitsA) - len(digitsB)
		}
		if order := strings.Compare(digitsA, digitsB); order != 0 {
			return order
		}
	}
	return len(a) - len(b)
}

func leadingDigits(text string) string {
	return text[:len(text)-len(strings.TrimLeft(text, "0123456789"))]
}
