package compile

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// Explain prints the run directory that Write would make, without making it: a file a line, with
// what it holds. What has more than a line stands below, indented.
func Explain(out io.Writer, dir string, services []Service) error {
	w := bufio.NewWriter(out)
	fmt.Fprintf(w, "# svscan -1 %s/%s\n", dir, Scan)
	for _, s := range services {
		at := Services + "/" + s.Name + "/"
		fmt.Fprintf(w, "\n%s/%s -> ../%s/%s\n", Scan, s.Name, Services, s.Name)
		for _, f := range s.Files {
			switch text := strings.TrimSuffix(f.Text, "\n"); {
			case f.Kind == Link:
				fmt.Fprintf(w, "%s%s -> %s\n", at, f.Name, text)
			case f.Kind == FIFO:
				fmt.Fprintf(w, "%s%s|\n", at, f.Name)
			case f.Text == "":
				fmt.Fprintf(w, "%s%s\n", at, f.Name)
			case !strings.Contains(text, "\n") && f.Name != env && f.Name != chain:
				fmt.Fprintf(w, "%s%s: %s\n", at, f.Name, text)
			default:
				fmt.Fprintf(w, "%s%s:\n\t%s\n", at, f.Name, strings.ReplaceAll(text, "\n", "\n\t"))
			}
		}
	}
	return w.Flush()
}
