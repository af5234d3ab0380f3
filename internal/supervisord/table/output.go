package table

import (
	"fmt"
	"io"
	"os"
	"time"

	"catena/internal/supervisord/config"
	"catena/internal/supervisord/journal"
)

// At the level debug Supervisor's log has what programs write. Here they write to their files
// themselves, so that the table reads these files.

// readEvery is how often files are looked at for more.
const readEvery = 100 * time.Millisecond

// mostOutput is how much of a file is told at once.
const mostOutput = 64 << 10

// sayOutput says what programs write, if anybody wants to know.
func (t *Table) sayOutput() {
	if !t.log.Says(journal.Debug) {
		return
	}
	at := map[string]int64{} // up to where files were told
	var again func()
	again = func() {
		for _, p := range t.all() {
			for stream, log := range map[string]config.Log{"stdout": p.program.Stdout, "stderr": p.program.Stderr} {
				t.sayMore(p.program.Name, stream, log, at)
			}
		}
		time.AfterFunc(readEvery, again)
	}
	again()
}

// all are the processes at this moment.
func (t *Table) all() []*process {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]*process(nil), t.processes...)
}

// sayMore says what has come into a file. What was in it before this server began is told only if
// the file was made for the program, and there was no other server.
func (t *Table) sayMore(name, stream string, log config.Log, at map[string]int64) {
	info, err := os.Stat(log.Path)
	if log.Path == "" || err != nil || !info.Mode().IsRegular() {
		return
	}
	from, known := at[log.Path]
	if !known && (log.File != config.Auto || !t.new) {
		from = info.Size()
	}
	if from > info.Size() {
		from = 0
	}
	at[log.Path] = from
	if from == info.Size() {
		return
	}
	file, err := os.Open(log.Path)
	if err != nil {
		return
	}
	defer file.Close()
	text, _ := io.ReadAll(io.NewSectionReader(file, from, mostOutput))
	at[log.Path] = from + int64(len(text))
	t.tell(news{at: time.Now(), level: journal.Debug, text: fmt.Sprintf("'%s' %s output:\n%s", name, stream, text)})
}
