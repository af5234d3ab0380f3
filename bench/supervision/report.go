//go:build linux && (amd64 || arm64)

package supervision

// The results of supervision as a summary, and the raw figures: all samples.

import (
	"fmt"
	"slices"
	"strings"

	"catena/bench/figures"
	"catena/bench/machine"
)

// supervision is the report.
type supervision struct {
	facts  []figures.Fact
	notes  []string
	start  machine.Starting
	makers []supervisor // in the order of the tables
	figures.Results
}

func newSupervision(makers []supervisor) *supervision {
	return &supervision{makers: makers, Results: figures.Results{}}
}

// derive makes the memory per service out of what was read.
func (r *supervision) derive() {
	sleeps := figures.Median(r.memory(bareSleeps))
	for maker := range r.Results[memoryFields[0]] {
		for _, kB := range r.memory(maker) {
			if maker != bareSleeps {
				r.Add(maker, map[string][]float64{memoryEach: {(kB - sleeps) / 1024 / several}})
			}
		}
	}
}

// memory is what the services cost in each round, in kB, the sleeps included.
func (r *supervision) memory(maker string) []float64 {
	sums := make([]float64, len(r.Results[memoryFields[0]][maker]))
	for _, name := range memoryFields {
		for round, kB := range r.Results[name][maker].All() {
			sums[round] += kB
		}
	}
	return sums
}

const method = `Each run is a process 1 in namespaces of its own, with the services on a tmpfs of
their own. A round runs every maker once, in random order; an experiment has all
its rounds before the next one begins, and where caches matter there is one more
before them that does not count. The service is the same static C program below
all supervisors: it writes the time to a file as its first act, and again when it
gets TERM. Every scanner starts with the same twenty environment variables and a
soft limit of 1024 open files. That the processes measured are the makers' own is
read from /proc/PID/exe in each run. Shown are medians; the deciles are the first
and the last, those of a ratio over the rounds' medians. The raw file has all
samples.
`

func (r *supervision) summary() string {
	var b strings.Builder
	figures.Head(&b, "Supervision", r.facts, method, r.notes)
	r.starts(&b)
	r.required(&b)
	for _, f := range shown {
		r.table(&b, f)
	}
	r.memoryParts(&b)
	return b.String()
}

// starts says what a start of the peers' programs costs here.
func (r *supervision) starts(b *strings.Builder) {
	if r.start.CPUIDs == 0 {
		return
	}
	var each []string
	for _, maker := range r.measured(programsEach) {
		each = append(each, fmt.Sprintf("%s %g", maker, r.Results[programsEach][maker].Median()))
	}
	fmt.Fprintf(b, "\nThe peers are dynamically linked with glibc, whose start executes CPUID %d times;\n"+
		"a virtual machine's host traps each, which takes %.0f µs of CPU time in all here and\n"+
		"next to nothing on bare hardware. Such starts per service: %s.\n"+
		"Catena is static and has none; a run script adds one, its sh, below all makers.\n",
		r.start.CPUIDs, figures.Micros(r.start.Time), strings.Join(each, ", "))
}

// measured are the makers that have samples of a figure.
func (r *supervision) measured(figure string) []string {
	var all []string
	for _, by := range r.makers {
		if r.Results[figure][by.maker] != nil {
			all = append(all, by.maker)
		}
	}
	return all
}

// table shows all makers' results of a figure, each against the first one's.
func (r *supervision) table(b *strings.Builder, f figures.Figure) {
	fmt.Fprintf(b, "\n## %s\n\n%s\n\n", strings.ToUpper(f.Name[:1])+f.Name[1:], f.About)
	fmt.Fprintf(b, "| | %s | deciles | ratio | samples |\n|---|--:|--:|--:|--:|\n", f.Unit)
	first := 0.0
	for i, maker := range r.measured(f.Name) {
		s := r.Results[f.Name][maker]
		if i == 0 {
			first = s.Median()
		}
		relative := ""
		if first != 0 {
			relative = fmt.Sprintf("%.2f", s.Median()/first)
		}
		fmt.Fprintf(b, "| %s | %.*f | %s | %s | %d |\n", maker, f.Digits, s.Median(), f.Deciles(s),
			relative, len(s.All()))
	}
}

// memoryParts shows what the memory consists of, that of the sleeps included.
func (r *supervision) memoryParts(b *strings.Builder) {
	fmt.Fprintf(b, "\n## Memory, what it consists of\n\nWith 1,000 services, in MiB in all, the sleeps included.\n\n| | %s |\n|---%s|\n",
		strings.Join(memoryFields, " | "), strings.Repeat("|--:", len(memoryFields)))
	for _, maker := range r.measured(memoryFields[0]) {
		fmt.Fprintf(b, "| %s |", maker)
		for _, name := range memoryFields {
			fmt.Fprintf(b, " %.1f |", r.Results[name][maker].Median()/1024)
		}
		b.WriteByte('\n')
	}
}

// raw is all samples.
func (r *supervision) raw() string {
	var b strings.Builder
	figures.RawHead(&b, r.facts)
	b.WriteString(figures.RowNames)
	all := slices.Clone(shown)
	for _, name := range memoryFields {
		all = append(all, figures.Figure{Name: name, Unit: "kB"})
	}
	for _, f := range append(all, figures.Figure{Name: programsEach}) {
		r.Rows(&b, f, r.measured(f.Name))
	}
	return b.String()
}
