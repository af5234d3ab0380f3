//go:build linux && (amd64 || arm64)

package main

// The results as files: a summary in Markdown, the raw figures as CSV.

import (
	"os"
	"path/filepath"
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
