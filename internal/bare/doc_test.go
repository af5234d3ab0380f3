// Not tested here: whether a file holds what the list says of it.
package bare

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestTheListOfFilesHasEachFile(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	listed := regexp.MustCompile(`(?m)^//\t.*?([\w*]+\.go) `).FindAllStringSubmatch(string(doc), -1)
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if file == "doc.go" || strings.HasSuffix(file, "_test.go") {
			continue
		}
		found := false
		for _, l := range listed {
			match, err := filepath.Match(l[1], file)
			found = found || err == nil && match
		}
		if !found {
			t.Errorf("%s is not in the list of doc.go", file)
		}
	}
	for _, l := range listed {
		if there, err := filepath.Glob(l[1]); err != nil || len(there) == 0 {
			t.Errorf("doc.go lists %s, which is not there", l[1])
		}
	}
}
