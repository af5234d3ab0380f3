package events

// Pools of listeners do what Debian's Supervisor does with its own: the same events, outputs and
// deaths, in the same order, have the same messages sent and logged.
//
// Not tested in this file: listeners that are processes.

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"catena/internal/supervisord/rpc"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// An oracle is Supervisor, which does what it is told a line at a time.
type oracle struct {
	in  *json.Encoder
	out *bufio.Reader
}

// python3 is the one that Debian's Supervisor runs in.
const python3 = "/usr/bin/python3"

func newOracle(t testing.TB) *oracle {
	t.Helper()
	if err := exec.Command(python3, "-c", "import supervisor").Run(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("Supervisor is not installed, and CI skips nothing")
		}
		t.Skip("Supervisor is not installed")
	}
	cmd := exec.Command(python3, "testdata/oracle.py")
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	cmd.Stderr = os.Stderr
	must(t, cmd.Start())
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	return &oracle{json.NewEncoder(in), bufio.NewReader(out)}
}

func (o *oracle) answer(t testing.TB, to any) {
	t.Helper()
	line, err := o.out.ReadBytes('\n')
	must(t, err)
	must(t, json.Unmarshal(line, to))
}

// A rehearsal does the same with both.
type rehearsal struct {
	oracle     *oracle
	hub        *Hub
	pools      []*Pool
	ticks      Ticks
	broken     map[*Listener]bool
	transcript [][]string
}

func (o *oracle) begin() *rehearsal {
	r := &rehearsal{oracle: o, broken: map[*Listener]bool{}}
	levels := map[Level]string{Debug: "debug", Warning: "warn", Error: "error"}
	r.hub = &Hub{Identifier: "name", Log: func(l Level, text string) { r.transcript = append(r.transcript, []string{levels[l], text}) }}
	return r
}

// do has both do a thing. The words are those of testdata/oracle.py. What is printed is wide.
func (r *rehearsal) do(t testing.TB, words ...any) {
	t.Helper()
	must(t, r.oracle.in.Encode(words))
	var l *Listener
	if pool, is := words[min(1, len(words)-1)].(int); is && words[0] != "tick" {
		l = r.pools[pool].Listeners[words[2].(int)]
	}
	text := func(i int) string { return words[i].(string) }
	switch words[0] {
	case "add":
		p := r.hub.Add(text(1), words[2].([]string), words[3].(int), words[4].([]string)...)
		for _, l := range p.Listeners {
			l.Write = func(text []byte) error {
				if r.broken[l] {
					return errors.New("nobody reads")
				}
				r.transcript = append(r.transcript, []string{"write", l.Name, wide(string(text))})
				return nil
			}
		}
		r.pools = append(r.pools, p)
	case "state":
		r.hub.Notify(StateChanged(Process{text(1), text(2), words[3].(int)},
			Step{stateOf(text(5)), stateOf(text(6)), words[4].(int), words[7].(bool)}))
	case "printed":
		l.Printed(latin1(text(3)))
	case "started":
		l.Started()
	case "ended":
		l.Ended()
	case "running":
		l.Running = words[3].(bool)
	case "broken":
		r.broken[l] = words[3].(bool)
	case "dispatch":
		r.hub.Dispatch()
	case "tick":
		for _, e := range r.ticks.At(int64(words[1].(int))) {
			r.hub.Notify(e)
		}
	case "group":
		r.hub.Notify(GroupChanged(text(1), words[2].(bool)))
	case "server":
		r.hub.Notify(map[bool]Event{true: ServerRuns, false: ServerStops}[words[1].(bool)])
	case "log":
		r.hub.Notify(Logged(Process{"g", "p", 7}, text(1), latin1(text(2))))
	case "talk":
		r.hub.Notify(Communicated(Process{"g", "p", 7}, text(1), latin1(text(2))))
	case "remote":
		r.hub.Notify(Remote(text(1), text(2)))
	}
}

// wide has a character for each byte, so that JSON keeps them all.
func wide(s string) string {
	var runes []rune
	for _, b := range []byte(s) {
		runes = append(runes, rune(b))
	}
	return string(runes)
}

// latin1 has a byte for each character.
func latin1(s string) (b []byte) {
	for _, r := range s {
		b = append(b, byte(r))
	}
	return b
}

func stateOf(name string) rpc.State {
	for _, s := range []rpc.State{rpc.Stopped, rpc.Starting, rpc.Running, rpc.Backoff, rpc.Stopping, rpc.Exited, rpc.Fatal, rpc.Unknown} {
		if s.String() == name {
			return s
		}
	}
	panic(name)
}

// end fails unless both have said and sent the same.
func (r *rehearsal) end(t testing.TB, what any) {
	t.Helper()
	must(t, r.oracle.in.Encode([]string{"over"}))
	var want [][]string
	r.oracle.answer(t, &want)
	got := slices.DeleteFunc(r.transcript, isAboutOutput)
	want = slices.DeleteFunc(want, isAboutOutput)
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || !slices.Equal(got[i], want[i]) {
			t.Fatalf("%v: line %d is %q, and by Supervisor %q", what, i, got[min(i, len(got)):min(i+1, len(got))], want[min(i, len(want)):min(i+1, len(want))])
		}
	}
}

// isAboutOutput reports whether a message repeats in the log what a listener has printed.
func isAboutOutput(line []string) bool {
	return line[0] == "debug" && (strings.Contains(line[1], " stdout output:\n") || strings.Contains(line[1], "stopped monitoring"))
}

var everyKind = strings.Fields(`EVENT PROCESS_STATE PROCESS_STATE_STOPPED PROCESS_STATE_EXITED PROCESS_STATE_STARTING
	PROCESS_STATE_STOPPING PROCESS_STATE_BACKOFF PROCESS_STATE_FATAL PROCESS_STATE_RUNNING PROCESS_STATE_UNKNOWN
	PROCESS_COMMUNICATION PROCESS_COMMUNICATION_STDOUT PROCESS_COMMUNICATION_STDERR PROCESS_LOG PROCESS_LOG_STDOUT
	PROCESS_LOG_STDERR REMOTE_COMMUNICATION SUPERVISOR_STATE_CHANGE SUPERVISOR_STATE_CHANGE_RUNNING
	SUPERVISOR_STATE_CHANGE_STOPPING TICK TICK_5 TICK_60 TICK_3600 PROCESS_GROUP PROCESS_GROUP_ADDED PROCESS_GROUP_REMOVED`)

var everyState = strings.Fields("STOPPED STARTING RUNNING BACKOFF STOPPING EXITED FATAL UNKNOWN")

// everyEvent has one event of each type happen.
func everyEvent(t testing.TB, r *rehearsal) {
	for _, state := range everyState {
		r.do(t, "state", "g", "p", 77, 3, "RUNNING", state, true)
		r.do(t, "state", "gé", "p", 77, 3, "BACKOFF", state, false)
	}
	for _, stream := range []string{Stdout, Stderr} {
		for _, text := range []string{"", "line\n", "two\nlines", "\xc3\xa9", "\xff'\"\n", "\xff'\x00\r\t\\~\x7f"} {
			r.do(t, "log", stream, wide(text))
			r.do(t, "talk", stream, wide(text))
		}
	}
	r.do(t, "remote", "kind", "data é\n")
	r.do(t, "remote", "", "")
	r.do(t, "server", true)
	r.do(t, "server", false)
	r.do(t, "group", "g", true)
	r.do(t, "group", "g", false)
	for _, now := range []int{1000, 1001, 1004, 1005, 1011, 1020, 1019, 1079, 1080, 3599, 3600, 7300, 20} {
		r.do(t, "tick", now)
	}
}

func TestEachTypeIsSentAsBySupervisor(t *testing.T) {
	o := newOracle(t)
	for _, kind := range everyKind {
		r := o.begin()
		names := make([]string, 100)
		for i := range names {
			names[i] = fmt.Sprint("l", i)
		}
		r.do(t, "add", "pool", []string{kind}, 1000, names)
		for i := range names {
			r.do(t, "running", 0, i, true)
			r.do(t, "printed", 0, i, "READY\n")
		}
		everyEvent(t, r)
		r.do(t, "dispatch")
		r.end(t, kind)
	}
}

func TestAnyOutputIsTakenAsBySupervisor(t *testing.T) {
	o := newOracle(t)
	for _, pieces := range [][]string{
		{"READY\n"}, {"READY"}, {"REA", "DY\n"}, {"READY\n", "x"}, {"READY\nx"}, {"ready\n"}, {"\nREADY\n"}, {"xxxxxx"}, {"x"},
		{"READY\n", "RESULT 2\nOK"}, {"READY\n", "*", "RESULT 2\nOK", "READY\n"}, {"READY\n", "*", "RESULT 2\nOKREADY\n", "*"},
		{"READY\n", "*", "RES", "ULT 2", "\n", "O", "K", "READY\n", "*"}, {"READY\n", "*", "RESULT 4\nFAILREADY\n", "*"},
		{"READY\n", "*", "RESULT 4\nFAIL", "*", "READY\n", "*"}, {"READY\n", "*", "RESULT 0\n", "READY\n", "*"},
		{"READY\n", "*", "RESULT x\nOK", "*"}, {"READY\n", "*", "RESULT \xc3\nOK", "*"}, {"READY\n", "*", "\n", "*"}, {"READY\n", "*", "nonsense"},
		{"READY\n", "*", "anytext2\nOKREADY\n", "*"}, {"READY\n", "*", "anytext 2\nOKREADY\n", "*"}, {"READY\n", "*", "RESULT  +0_2 \r\nOKREADY\n", "*"},
		{"READY\n", "*", "READY\n", "*"}, {"READY\n", "*", "RESULT 3\nOK\nREADY\n", "*"}, {"READY\n", "*", "RESULT 2\nOKx", "READY\n", "*"},
		{"READY\n", "*", "!", "*"}, {"READY\n", "*", "RESULT 2\nO", "!", "*"}, {"x", "READY\n", "!", "READY\n", "*"},
		{"READY\n", "*", "RESULT 2\nOK", "!", "READY\n", "*"}, {"READY\nREADY\n"}, {"READY\n", "*", "RESULT 100\n", strings.Repeat("x", 99), "y", "READY\n", "*"},
	} {
		r := o.begin()
		r.do(t, "add", "pool", []string{"TICK"}, 3, []string{"one", "two"})
		r.do(t, "running", 0, 0, true)
		for i, piece := range pieces {
			switch piece {
			case "*":
				r.do(t, "tick", 100+5*i)
				r.do(t, "tick", 1000+5*i)
				r.do(t, "dispatch")
			case "!":
				r.do(t, "ended", 0, 0)
				r.do(t, "started", 0, 0)
			default:
				r.do(t, "printed", 0, 0, wide(piece))
			}
		}
		r.end(t, fmt.Sprintf("%q", pieces))
	}
}

// Pools that overlap, with few places in their buffers, and listeners that come and go.
func TestManyListenersAreToldAsBySupervisor(t *testing.T) {
	o := newOracle(t)
	says := []string{"READY\n", "READY\n", "READY\n", "RESULT 2\nOK", "RESULT 2\nOKREADY\n", "RESULT 2\nOKREADY\n", "RESULT 4\nFAIL",
		"RESULT 4\nFAILREADY\n", "RE", "ADY\n", "SULT 2\n", "O", "K", "x", "\n", "RESULT y\n"}
	for seed := range int64(300) {
		random := rand.New(rand.NewSource(seed))
		r := o.begin()
		sizes := []int{}
		for i := range 1 + random.Intn(3) {
			var kinds, names []string
			for range 1 + random.Intn(3) {
				if kind := everyKind[random.Intn(len(everyKind))]; !slices.Contains(kinds, kind) {
					kinds = append(kinds, kind)
				}
			}
			for j := range 1 + random.Intn(3) {
				names = append(names, fmt.Sprintf("%d-%d", i, j))
			}
			sizes = append(sizes, len(names))
			r.do(t, "add", fmt.Sprint("pool", i), kinds, 1+random.Intn(4), names)
		}
		now := 10000
		for range 200 {
			pool := random.Intn(len(sizes))
			listener := random.Intn(sizes[pool])
			switch random.Intn(12) {
			case 0:
				r.do(t, "ended", pool, listener)
				r.do(t, "started", pool, listener)
			case 1:
				r.do(t, "running", pool, listener, random.Intn(4) > 0)
			case 2:
				r.do(t, "broken", pool, listener, random.Intn(4) == 0)
			case 3, 4, 5:
				r.do(t, "printed", pool, listener, wide(says[random.Intn(len(says))]))
			case 6, 7:
				r.do(t, "dispatch")
			case 8:
				now += random.Intn(70)
				r.do(t, "tick", now)
			case 9:
				r.do(t, "remote", "kind", fmt.Sprint(now))
			default:
				r.do(t, "state", "g", "p", 1+random.Intn(9), random.Intn(3), "RUNNING", everyState[random.Intn(len(everyState))], random.Intn(2) == 0)
			}
		}
		r.end(t, fmt.Sprint("seed ", seed))
	}
}

func TestTextsBetweenMarksAreThoseOfSupervisor(t *testing.T) {
	o := newOracle(t)
	parts := []string{beginMark, endMark, beginMark, endMark, "<!--", "<!--XSUPERVISOR:", "x", "some text\n", strings.Repeat("long", 20)}
	for seed := range int64(300) {
		random := rand.New(rand.NewSource(seed))
		text := ""
		for range 1 + random.Intn(12) {
			text += parts[random.Intn(len(parts))]
		}
		whole := text + strings.Repeat(".", 30) // so that Supervisor sees the end
		most := 1 + random.Intn(1000)           // more than there is, or the pieces would count
		if most < len(text) {
			most = len(text)
		}
		var pieces []string
		for rest := whole; rest != ""; {
			n := min(1+random.Intn(40), len(rest))
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		must(t, o.in.Encode([]any{"capture", most, pieces}))
		want := []string{}
		o.answer(t, &want)
		got, logged, printed := []string{}, "", ""
		out := Output{Most: most,
			Log:          func(text []byte) { logged += string(text) },
			Printed:      func(text []byte) { printed += string(text) },
			Communicated: func(text []byte) { got = append(got, string(text)) },
		}
		for _, piece := range pieces {
			out.Write([]byte(piece))
		}
		out.Close()
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: %q is %q, and by Supervisor %q", seed, pieces, got, want)
		}
		if strings.NewReplacer(beginMark, "", endMark, "").Replace(printed) != strings.NewReplacer(beginMark, "", endMark, "").Replace(whole) {
			t.Fatalf("seed %d: of %q is printed %q", seed, whole, printed)
		}
	}
}

func TestTheOldestPartOfALongTextGoes(t *testing.T) {
	var got []string
	out := Output{Most: 10, Log: func([]byte) {}, Printed: func([]byte) {}, Communicated: func(text []byte) { got = append(got, string(text)) }}
	for _, piece := range []string{beginMark, "12345", "67890", "abc", endMark, beginMark, "short", endMark} {
		out.Write([]byte(piece))
	}
	if !slices.Equal(got, []string{"4567890abc", "short"}) {
		t.Errorf("%q", got)
	}
}

func TestAStreamWithoutMarksIsPassedOnAtOnce(t *testing.T) {
	logged := ""
	out := Output{Log: func(text []byte) { logged += string(text) }, Printed: func([]byte) {}}
	out.Write([]byte("a" + beginMark))
	if logged != "a"+beginMark {
		t.Errorf("%q", logged)
	}
	out = Output{Most: 5, Log: func(text []byte) { logged += string(text) }, Printed: func([]byte) {}}
	logged = ""
	out.Write([]byte("a" + beginMark[:9]))
	if logged != "a" {
		t.Errorf("%q", logged)
	}
	out.Close()
	if logged != "a"+beginMark[:9] {
		t.Errorf("%q", logged)
	}
}
