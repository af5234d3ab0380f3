//go:build linux && (amd64 || arm64)

package supervision

// The experiments. Each makes its services, does one thing to them, and takes
// samples of its figures.

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"catena/bench/figures"
	"catena/bench/machine"
	"catena/bench/stage"
)

const (
	few    = 10               // services, where one is looked at at a time
	killed = 100              // services that are killed one after the other
	kills  = 10 * time.Second // after which no further one is
	settle = 2 * time.Second  // after which nobody is busy, and all may start again
	idle   = 60 * time.Second
)

func millis(d time.Duration) float64 { return float64(d) / 1e6 }

func (w *world) trial() error {
	_, err := w.up(1, "sleeper")
	return err
}

func (w *world) startStatic() error { return w.start("sleeper", startStatic) }
func (w *world) startScript() error { return w.start("script", startScript) }

func (w *world) start(run, figure string) error {
	took, err := w.up(several, run)
	w.add(figure, millis(took))
	return err
}

// memory samples what the services cost, with their supervisors or without any.
func (w *world) memory() error {
	if err := w.makeServices(several, "sleeper"); err != nil {
		return err
	}
	time.Sleep(settle) // what the run before this one had is freed by and by
	before, err := readMemory()
	if err != nil {
		return err
	}
	if err := w.startServices(several); err != nil {
		return err
	}
	if have, err := w.await(several); have < several {
		return fmt.Errorf("%d services are up: %w", have, err)
	}
	time.Sleep(settle)
	after, err := readMemory()
	if err != nil {
		return err
	}
	for i, name := range memoryFields {
		w.add(name, float64(after[i]-before[i]))
	}
	if w.by.scan == nil {
		return nil
	}
	return w.private()
}

// private samples the private memory of the processes and counts their threads.
func (w *world) private() error {
	keepers, err := w.keepers(several)
	if err != nil {
		return err
	}
	var dirty []float64
	most := 0
	for _, pid := range append(keepers, w.scanner) {
		status, err := machine.Fields(machine.ProcessFile(pid, "status"))
		if err != nil {
			return err
		}
		most = max(most, status["Threads"])
	}
	for _, pid := range keepers {
		rollup, err := machine.Fields(machine.ProcessFile(pid, "smaps_rollup"))
		if err != nil {
			return err
		}
		dirty = append(dirty, float64(rollup["Private_Dirty"]))
	}
	w.add(privateDirty, figures.Median(dirty))
	w.add(threads, float64(most))
	return nil
}

// idle samples how often the processes run while nothing happens.
func (w *world) idle() error {
	if _, err := w.up(several, "sleeper"); err != nil {
		return err
	}
	keepers, err := w.keepers(several)
	if err != nil {
		return err
	}
	if w.by.keeper != "" {
		keepers = append(keepers, w.scanner)
	}
	time.Sleep(5 * settle)
	before, err := switches(keepers)
	if err != nil {
		return err
	}
	time.Sleep(idle)
	after, err := switches(keepers)
	w.add(wakeUps, float64(after-before))
	return err
}

// switches is how often processes have been given a CPU, in all.
func switches(pids []int) (sum int, err error) {
	for _, pid := range pids {
		status, err := machine.Fields(machine.ProcessFile(pid, "status"))
		if err != nil {
			return 0, err
		}
		sum += status["voluntary_ctxt_switches"] + status["nonvoluntary_ctxt_switches"]
	}
	return sum, nil
}

// limit samples how many services there can be in a directory.
func (w *world) limit() error {
	if err := w.makeServices(many, "sleeper"); err != nil {
		return err
	}
	begun := machine.Now()
	if err := w.startScanner(); err != nil {
		return err
	}
	if _, err := w.await(many); err != nil {
		return err
	}
	took, err := w.last(begun)
	if err != nil {
		return err
	}
	all, err := machine.Processes()
	alive := 0
	for _, pid := range all {
		if machine.Runs(pid, w.dir+"/sleeper") {
			alive++
		}
	}
	w.add(servicesUp, float64(alive))
	w.add(startMany, millis(took))
	return err
}

// newDirectories samples the time from a service directory's arrival to its start.
func (w *world) newDirectories() error {
	if _, err := w.up(few, "sleeper"); err != nil {
		return err
	}
	w.looked = few
	time.Sleep(settle)
	// Who looks now and then is given as many chances as there is time for.
	for n, begun := 0, machine.Now(); n < 2*few && machine.Now() < begun+patience; n++ {
		how, move := arrivedByRename, os.Rename
		if n%2 == 1 {
			how, move = arrivedByLink, os.Symlink
		}
		from := fmt.Sprintf("%s/new-%05d", w.elsewhere(), n)
		if err := w.makeService(from, "sleeper"); err != nil {
			return err
		}
		// At no particular time of the interval between two looks.
		time.Sleep(50*time.Millisecond + time.Duration(rand.Float64()*float64(w.by.looks)))
		arrived := machine.Now()
		if err := move(from, filepath.Join(w.services(), filepath.Base(from))); err != nil {
			return err
		}
		if w.by.ask != nil {
			if err := w.tell(w.by.ask, w.services()); err != nil {
				return err
			}
		}
		r, err := w.awaitRecord(begunRecord, func(int) bool { return true })
		if err != nil {
			return err
		}
		w.add(how, millis(r.at-arrived))
	}
	return nil
}

// tell runs a command that has the maker's programs do something.
func (w *world) tell(argv []string, dir string) error {
	c, err := machine.NewCommand(append(argv[:len(argv):len(argv)], dir), stage.Environment(w.by.path))
	if err == nil {
		_, err = c.Run()
	}
	return err
}

// restart samples how soon a service that was killed is there again, and how soon
// one that has just been started gets a signal. Of a supervisor that waits a second
// before it starts a service again there are fewer samples.
func (w *world) restart() error {
	if _, err := w.up(killed, "sleeper"); err != nil {
		return err
	}
	pids := map[string]int{}
	all, err := w.records()
	for _, r := range all {
		dir, _ := os.Readlink(machine.ProcessFile(r.pid, "cwd"))
		pids[dir] = r.pid
	}
	w.looked = killed
	for _, signal := range []bool{false, true} {
		time.Sleep(settle)
		for n, begun := 0, machine.Now(); n < killed && machine.Now() < begun+kills; n++ {
			if err == nil {
				err = w.kill(w.service(n), pids, signal)
			}
		}
	}
	return err
}

// kill kills a service and waits until it is there again, and then sends it a
// signal, or else takes the time.
func (w *world) kill(dir string, pids map[string]int, signal bool) error {
	at := machine.Now()
	if err := unix.Kill(pids[dir], unix.SIGKILL); err != nil {
		return fmt.Errorf("unable to kill the service: %w", err)
	}
	r, err := w.awaitRecord(begunRecord, func(pid int) bool {
		cwd, _ := os.Readlink(machine.ProcessFile(pid, "cwd"))
		return cwd == dir
	})
	if err != nil {
		return err
	}
	pids[dir] = r.pid
	if !signal {
		w.add(restarted, millis(r.at-at))
		return nil
	}
	asked := machine.Now()
	if err := w.tell(w.by.term, dir); err != nil {
		return err
	}
	t, err := w.awaitRecord(terminatedRecord, func(pid int) bool { return pid == r.pid })
	w.add(signalled, millis(t.at-asked))
	return err
}

// execs samples the programs that are executed for each service, its own left out.
func (w *world) execs() error {
	strace, err := exec.LookPath("strace")
	if err != nil {
		return err
	}
	if err := w.makeServices(few, "sleeper"); err != nil {
		return err
	}
	file := w.dir + "/trace"
	if err := w.startScanner(strace, "-f", "-qq", "-e", "trace=execve", "-o", file); err != nil {
		return err
	}
	if have, err := w.await(few); have < few {
		return fmt.Errorf("%d services are up: %w", have, err)
	}
	time.Sleep(settle) // strace is behind
	trace, err := os.ReadFile(file)
	_, executed := machine.CountCalls(trace)
	w.add(programsEach, float64(executed-1)/few-1)
	return err
}
