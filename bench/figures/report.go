//go:build linux && (amd64 || arm64)

package figures

// How each report and its raw results begin.

import (
	"fmt"
	"strings"
)

// A Fact is one line about the machine or the run.
type Fact struct{ Name, Value string }

// Head is how a summary begins.
func Head(b *strings.Builder, title string, facts []Fact, method string, notes []string) {
	fmt.Fprintf(b, "# %s, side by side\n\nWritten by `make bench`.\n\n", title)
	for _, f := range facts {
		fmt.Fprintf(b, "- %s: %s\n", f.Name, f.Value)
	}
	b.WriteString("\n" + method)
	if len(notes) > 0 {
		b.WriteString("\n- " + strings.Join(notes, "\n- ") + "\n")
	}
}

// RawHead is how the raw results begin; the column names follow.
func RawHead(b *strings.Builder, facts []Fact) {
	for _, f := range facts {
		fmt.Fprintf(b, "# %s: %s\n", f.Name, f.Value)
	}
}
