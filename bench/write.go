//go:build linux && (amd64 || arm64)

package main

// The results as files: a summary in Markdown, the raw figures as CSV.

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// write leaves the summary and the raw results in the folder, and shows the
// summary.
func write(folder, name, summary, raw string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	file := filepath.Join(folder, name)
	if err := os.WriteFile(file+".md", []byte(summary), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(file+".csv", []byte(raw), 0o644); err != nil {
		return err
	}
	_, err := os.Stdout.WriteString(summary)
	return err
}

// begin is how a summary begins.
func begin(b *strings.Builder, title string, facts []fact, method string, notes []string) {
	fmt.Fprintf(b, "# %s, side by side\n\nWritten by `make bench`.\n\n", title)
	for _, f := range facts {
		fmt.Fprintf(b, "- %s: %s\n", f.name, f.value)
	}
	b.WriteString("\n" + method)
	if len(notes) > 0 {
		b.WriteString("\n- " + strings.Join(notes, "\n- ") + "\n")
	}
}

// beginRaw is how the raw results begin; the column names follow.
func beginRaw(b *strings.Builder, facts []fact) {
	for _, f := range facts {
		fmt.Fprintf(b, "# %s: %s\n", f.name, f.value)
	}
}
