package test

// What the manual pages and other texts of the project say.
//
// Not tested in this file: anything.

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// commands lists the tools, the multi-call binary and the hosted programs.
func commands() []string { return append(append(tools(), hosted()...), "catena") }

// pages lists what has a page: svscanboot is a script, not a tool.
func pages() []string { return append(commands(), "svscanboot") }

// unnamed lists the tools that have the names of common commands: no file is installed for them.
func unnamed(t *testing.T) []string {
	t.Helper()
	return strings.Fields(submatches(`(?m)^UNNAMED *= *(.*)$`, read(t, filepath.Join(root, "Makefile")))[0])
}

func page(tool string) string { return filepath.Join(root, "man", tool+".8") }

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// words makes texts comparable that differ in how their lines are wrapped.
func words(s string) string { return strings.Join(strings.Fields(s), " ") }

// diffLists reports what only one of two lists has.
func diffLists(t *testing.T, gotFrom string, got []string, wantFrom string, want []string) {
	t.Helper()
	for _, s := range got {
		if !slices.Contains(want, s) {
			t.Errorf("%s is in %s and not in %s", s, gotFrom, wantFrom)
		}
	}
	for _, s := range want {
		if !slices.Contains(got, s) {
			t.Errorf("%s is in %s and not in %s", s, wantFrom, gotFrom)
		}
	}
}

// submatches lists what the first group of an expression finds in a text.
func submatches(expr, text string) (found []string) {
	for _, m := range regexp.MustCompile(expr).FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	return found
}

// section cuts a section out of the source of a manual page.
func section(t *testing.T, tool, heading string) string {
	t.Helper()
	_, text, ok := strings.Cut(read(t, page(tool)), "\n.Sh "+heading+"\n")
	if !ok {
		t.Fatalf("%s.8 has no section %s", tool, heading)
	}
	text, _, _ = strings.Cut(text, "\n.Sh ")
	return text + "\n"
}

// pageSynopsis renders the SYNOPSIS of a manual page as plain text.
func pageSynopsis(t *testing.T, tool string) string {
	t.Helper()
	need(t, "mandoc")
	text, err := exec.Command("mandoc", "-Tascii", page(tool)).Output()
	if err != nil {
		t.Fatalf("mandoc %s.8: %v", tool, err)
	}
	plain := regexp.MustCompile(".\b").ReplaceAllString(string(text), "")
	_, plain, _ = strings.Cut(plain, "\nSYNOPSIS\n")
	plain, _, _ = strings.Cut(plain, "\n\n")
	return words(plain)
}
