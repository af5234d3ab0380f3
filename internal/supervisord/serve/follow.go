package serve

import (
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"time"

	"catena/internal/supervisord/rpc"
)

// firstPart is how much of a log that is followed comes at once.
const firstPart = 1024

// lookAgain is how often a log is looked at for more.
const lookAgain = 100 * time.Millisecond

// logOf is the log that a path names: /logtail/NAME/CHANNEL. It is empty if there is none.
func (s *Server) logOf(path string) string {
	_, name, _ := strings.Cut(strings.TrimLeft(path, "/"), "/")
	name, channel, has := strings.Cut(name, "/")
	inGroup, process := rpc.Split(name)
	for _, g := range s.Table.Groups() {
		for _, p := range g.Processes {
			if g.Name != inGroup || p.Name() != process {
				continue
			}
			switch {
			case !has || channel == "stdout":
				return p.Info().Stdout
			case channel == "stderr":
				return p.Info().Stderr
			}
		}
	}
	return ""
}

// A follower reads what is written to a log, also after the log was renamed and begun anew.
type follower struct {
	name string
	file *os.File
	at   int64
}

// followLog sends a log as it grows, until the client goes away.
func (s *Server) followLog(w http.ResponseWriter, r *http.Request, name string) {
	if r.Method != http.MethodGet {
		refuse(w, http.StatusBadRequest)
		return
	}
	f := follower{name: name}
	if name == "" || f.open() != nil {
		refuse(w, http.StatusNotFound)
		return
	}
	defer func() { f.file.Close() }()
	if info, err := f.file.Stat(); err == nil {
		f.at = max(0, info.Size()-firstPart)
		w.Header().Set("Last-Modified", info.ModTime().UTC().Format(http.TimeFormat))
	}
	Busy(r.Context())
	w.Header().Set("Content-Type", "text/plain;charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff") // browsers would keep it until they can tell what it is
	w.Header().Set("X-Accel-Buffering", "no")           // nginx would keep the log until it is long
	w.WriteHeader(http.StatusOK)
	control := http.NewResponseController(w)
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	for {
		control.SetWriteDeadline(time.Now().Add(bodyPatience))
		if f.copy(w) != nil || control.Flush() != nil {
			return
		}
		select {
		case <-again.C:
		case <-r.Context().Done():
			return
		}
	}
}

func (f *follower) open() (err error) {
	f.file, err = os.Open(f.name)
	f.at = 0
	return err
}

// copy writes what is new.
func (f *follower) copy(w io.Writer) error {
	info, err := f.file.Stat()
	if err != nil {
		return err
	}
	if info.Size() < f.at {
		f.at = 0
		if _, err := io.WriteString(w, "==> File truncated <==\n"); err != nil {
			return err
		}
	}
	n, err := io.Copy(w, io.NewSectionReader(f.file, f.at, 1<<62))
	f.at += n
	if err != nil {
		return err
	}
	now, err := os.Stat(f.name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && os.SameFile(now, info) {
		return nil
	} else if err != nil {
		return err
	}
	old := f.file
	if err := f.open(); err != nil {
		f.file = old // it is gone again
		return nil
	}
	old.Close()
	return f.copy(w)
}
