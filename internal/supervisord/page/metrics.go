package page

import (
	"bufio"
	"fmt"
	"net/http"
	"strings"

	"catena/internal/supervisord/rpc"
	"catena/internal/supervisord/serve"
)

// A metric is one value for each process, or none. As Prometheus advises, there is no time since
// something, but the time at which it was.
type metric struct {
	name, kind, help string
	value            func(i serve.Info) (value int64, has bool)
}

// perProcess are the metrics of processes but for their states, which are several series each.
var perProcess = []metric{
	{"supervisor_process_up", "gauge", "Whether the process is RUNNING.", func(i serve.Info) (int64, bool) {
		return oneIf(i.State == rpc.Running), true
	}},
	{"supervisor_process_starts_total", "counter", "How often the process was started.", func(i serve.Info) (int64, bool) {
		return i.Starts, true
	}},
	{"supervisor_process_start_time_seconds", "gauge", "When the process was started last, in seconds since 1970. Missing if it never was.", func(i serve.Info) (int64, bool) {
		return i.Start, i.Start != 0
	}},
	{"supervisor_process_stop_time_seconds", "gauge", "When the process ended last, in seconds since 1970. Missing if it never did.", func(i serve.Info) (int64, bool) {
		return i.Stop, i.Stop != 0
	}},
	{"supervisor_process_exit_status", "gauge", "The exit code with which the process ended last, -1 after a signal. Missing if it never did.", func(i serve.Info) (int64, bool) {
		return i.ExitStatus, i.Stop != 0
	}},
}

// states are all that a process can have.
var states = []rpc.State{rpc.Stopped, rpc.Starting, rpc.Running, rpc.Backoff, rpc.Stopping, rpc.Exited, rpc.Fatal, rpc.Unknown}

func oneIf(is bool) int64 {
	if is {
		return 1
	}
	return 0
}

// metrics answers Prometheus, in its text format.
func (p *page) metrics(out http.ResponseWriter) {
	out.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w := bufio.NewWriter(out)
	defer w.Flush()
	head := func(name, kind, help string) {
		fmt.Fprintf(w, "# HELP %s %s\n# TYPE %[1]s %[3]s\n", name, help, kind)
	}
	head("supervisor_info", "gauge", "Which server answers.")
	fmt.Fprintf(w, "supervisor_info{identification=\"%s\",version=\"%s\"} 1\n", label(p.server.Table.Identification()), label(p.server.Version))
	type process struct {
		labels string
		info   serve.Info
	}
	var processes []process
	for _, g := range p.server.Table.Groups() {
		for _, one := range g.Processes {
			processes = append(processes, process{fmt.Sprintf(`group="%s",name="%s"`, label(g.Name), label(one.Name())), one.Info()})
		}
	}
	for _, m := range perProcess {
		head(m.name, m.kind, m.help)
		for _, one := range processes {
			if value, has := m.value(one.info); has {
				fmt.Fprintf(w, "%s{%s} %d\n", m.name, one.labels, value)
			}
		}
	}
	head("supervisor_process_state", "gauge", "1 for the state that the process has, 0 for each other.")
	for _, one := range processes {
		for _, state := range states {
			fmt.Fprintf(w, "supervisor_process_state{%s,state=\"%s\"} %d\n", one.labels, state, oneIf(one.info.State == state))
		}
	}
}

var labelEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// label is a text as the value of a label.
func label(text string) string { return labelEscapes.Replace(strings.ToValidUTF8(text, "\uFFFD")) }
