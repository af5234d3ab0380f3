package launch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"catena/internal/service"
	"catena/internal/supervisord/compile"
)

// What an svscan that was killed has left. Programs that are as they were are adopted by the
// next one. A program that is another one by now is ended first, by a supervisor of its old
// directory, and so is one that is no longer wanted.

// endChanged ends what runs of the services that are removed or whose program has changed.
func (l *launcher) endChanged(changes []compile.Change) error {
	var ending []*os.Process
	for _, change := range changes {
		if change.Kind != compile.Removed && change.Kind != compile.Changed {
			continue
		}
		dir := filepath.Join(l.run, compile.Services, change.Name)
		process, err := l.end(dir)
		if err != nil {
			return err
		}
		if process != nil {
			ending = append(ending, process)
		}
	}
	for _, process := range ending {
		process.Wait()
	}
	for _, change := range changes {
		if change.Kind == compile.Removed {
			if err := compile.Remove(l.run, change.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

// end starts a supervisor that ends what runs in a service directory, and then itself. It returns
// nil if nobody has ever run there.
func (l *launcher) end(dir string) (*os.Process, error) {
	switch err := service.SetExit(dir, true); err {
	case 0:
	case unix.ENOENT:
		return nil, nil
	case unix.EWOULDBLOCK:
		return nil, fmt.Errorf("%s has a supervisor already", dir)
	default:
		return nil, fmt.Errorf("unable to end what runs in %s: %w", dir, syscall.Errno(err))
	}
	process, err := os.StartProcess(l.around.Catena, []string{"supervise", dir}, &os.ProcAttr{
		Env: os.Environ(), Files: []*os.File{nil, nil, os.Stderr},
	})
	if err != nil {
		return nil, err
	}
	const patience = 5 * time.Second
	for began := time.Now(); time.Since(began) < patience; time.Sleep(time.Millisecond) {
		control, err := os.OpenFile(filepath.Join(dir, "supervise", "control"), os.O_WRONLY|syscall.O_NONBLOCK, 0)
		if err == nil {
			_, err = control.WriteString("dx")
			return process, errors.Join(err, control.Close())
		}
	}
	process.Kill()
	return nil, fmt.Errorf("unable to end what runs in %s: its supervisor does not listen", dir)
}

// endServer kills the server that has outlived an svscan: it knows the programs of that time.
// svscan starts another one.
func (l *launcher) endServer() {
	dir, err := unix.Open(filepath.Join(l.run, compile.Services, compile.OwnService), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(dir)
	service.Kill(dir, false, service.ThisEpoch())
}

// serverLives reports whether the server has outlived an svscan that was killed. The sockets are
// its own then.
func (l *launcher) serverLives() bool {
	runs, _, _ := service.Left(filepath.Join(l.run, compile.Services, compile.OwnService), service.ThisEpoch())
	return runs
}
