//go:build linux && (amd64 || arm64)

package supervision

// The services of a run, on a tmpfs, and what they record: bench/c/sleeper.c.
// Whoever waits for them looks at the size of that file now and then, which
// disturbs nobody; the time is in the record.

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"catena/bench/machine"
	"catena/bench/stage"
)

// A world is where a run happens.
type world struct {
	experiment experiment
	by         supervisor
	dir        string // the tmpfs
	scanner    int    // the process of by.scan, once it is started
	looked     int    // records that awaitRecord has looked at
	samples    map[string][]float64
}

func (w *world) services() string  { return w.dir + "/service" }
func (w *world) elsewhere() string { return w.dir + "/elsewhere" }
func (w *world) log() string       { return w.dir + "/records" }

// service is the directory of a service.
func (w *world) service(n int) string { return fmt.Sprintf("%s/service-%05d", w.services(), n) }

// add takes a sample of a figure.
func (w *world) add(figure string, value float64) {
	w.samples[figure] = append(w.samples[figure], value)
}

// script is a run script that does nothing but what every run script does.
const script = "#!/bin/sh\nexec ../../sleeper\n"

// furnish lays out the tmpfs.
func (w *world) furnish(s *bench) error {
	for _, dir := range []string{w.services(), w.elsewhere()} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	sleeper, err := os.ReadFile(s.InC("sleeper"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(w.dir+"/sleeper", sleeper, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(w.dir+"/script", []byte(script), 0o755); err != nil {
		return err
	}
	return os.WriteFile(w.log(), nil, 0o644)
}

// makeService makes a service directory whose run is the sleeper or the script.
func (w *world) makeService(dir, run string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	for _, f := range w.by.files {
		if err := os.WriteFile(dir+"/"+f.name, []byte(f.text), 0o644); err != nil {
			return err
		}
	}
	return os.Link(w.dir+"/"+run, dir+"/run")
}

func (w *world) makeServices(count int, run string) error {
	for n := range count {
		if err := w.makeService(w.service(n), run); err != nil {
			return err
		}
	}
	return nil
}

// startScanner starts what keeps the services running.
func (w *world) startScanner(before ...string) error {
	argv := append(append(before, w.by.scan...), w.services())
	c, err := machine.NewCommand(argv, stage.Environment(w.by.path))
	if err == nil {
		w.scanner, err = c.Start()
	}
	return err
}

// startServices starts services by their scanner, or bare, with nobody to look
// after them.
func (w *world) startServices(count int) error {
	if w.by.scan != nil {
		return w.startScanner()
	}
	c, err := machine.NewCommand([]string{"./run"}, stage.Environment(w.by.path))
	for n := range count {
		if err == nil {
			err = os.Chdir(w.service(n))
		}
		if err == nil {
			_, err = c.Start()
		}
	}
	return err
}

// up makes services and starts them. It returns the time from there to the last
// one's start.
func (w *world) up(count int, run string) (time.Duration, error) {
	if err := w.makeServices(count, run); err != nil {
		return 0, err
	}
	begun := machine.Now()
	if err := w.startServices(count); err != nil {
		return 0, err
	}
	if have, err := w.await(count); have < count {
		return 0, errors.Join(err, fmt.Errorf("%d services of %d are up", have, count))
	}
	took, err := w.last(begun)
	if err == nil && w.by.scan != nil {
		_, err = w.keepers(count)
	}
	return took, err
}

// last is the time from an instant to the last record.
func (w *world) last(begun time.Duration) (time.Duration, error) {
	all, err := w.records()
	latest := begun
	for _, r := range all {
		latest = max(latest, r.at)
	}
	return latest - begun, err
}

// pause is how long to wait before looking again, patience how long until nothing
// more is expected. Who looks at a directory every 5 seconds gets time to do so.
const (
	pause    = 2 * time.Millisecond
	patience = 12 * time.Second
)

// A record is what a service has noted.
type record struct {
	at   time.Duration
	pid  int
	what int32
}

// What a record is about, as in sleeper.c.
const (
	begunRecord = iota
	terminatedRecord
)

const recordSize = 16

func (w *world) records() ([]record, error) {
	text, err := os.ReadFile(w.log())
	if err != nil {
		return nil, err
	}
	return parseRecords(text), nil
}

func parseRecords(text []byte) []record {
	var all []record
	for order := binary.NativeEndian; len(text) >= recordSize; text = text[recordSize:] {
		all = append(all, record{time.Duration(order.Uint64(text)),
			int(order.Uint32(text[8:])), int32(order.Uint32(text[12:]))})
	}
	return all
}

// await waits for a number of records, as long as there are more and more of them,
// and returns how many there are.
func (w *world) await(count int) (have int, err error) {
	for news := machine.Now(); ; time.Sleep(pause) {
		info, err := os.Stat(w.log())
		if err != nil {
			return have, err
		}
		if n := int(info.Size() / recordSize); n > have {
			have, news = n, machine.Now()
		}
		if have >= count || machine.Now() > news+patience {
			return have, nil
		}
		if w.scanner != 0 {
			if pid, _ := unix.Wait4(w.scanner, nil, unix.WNOHANG, nil); pid == w.scanner {
				return have, fmt.Errorf("%s has ended", w.by.scan[0])
			}
		}
	}
}

// awaitRecord waits for the next record of a kind that some process has made.
func (w *world) awaitRecord(what int32, is func(pid int) bool) (record, error) {
	for {
		if have, err := w.await(w.looked + 1); have <= w.looked {
			return record{}, errors.Join(err, errors.New("nothing has happened"))
		}
		all, err := w.records()
		if err != nil {
			return record{}, err
		}
		for ; w.looked < len(all); w.looked++ {
			if r := all[w.looked]; r.what == what && is(r.pid) {
				w.looked++
				return r, nil
			}
		}
	}
}
