// Package execchain runs tools and chains of them: it finds out which tool a
// process is, lets it do its work, looks up the next program as execvp would, and
// execs it. If the next program is another tool in the very file that is running,
// the tool runs in the same process and the exec is saved; nothing else differs.
//
// It is bare code: it runs before the Go runtime and keeps the rules of package
// bare.
package execchain

import "catena/internal/bare"

// A Tool is one program of the family.
type Tool struct {
	Name string

	// Usage is the line that a wrong command line gets, and Misused the exit
	// code with it, both as daemontools has them.
	Usage   string
	Misused bare.Exit

	// Help is what --help prints: "usage: ", the synopsis and a line for each
	// option. Usage keeps daemontools' words; Help tells all of it.
	Help string

	// Stays is set if the process stays for as long as others run. Such a tool is
	// always execed, so that it is what ps and /proc show.
	Stays bool

	// Run does the tool's work. A link ends by making the rest of its command
	// line the next program, with Process.Run; every other return value ends
	// the process with that exit code.
	Run func(p *bare.Process) bare.Exit
}

// Version is printed by --version.
const Version = "catena 0.1.0\n"

// HostStart starts a program with its arguments, looked up as a chain's next
// program is. It is for the tools that have a child, where they run under the
// runtime and cannot fork; before the runtime it is nil.
var HostStart func(p *bare.Process, program bare.Words) (pid int, err bare.Errno)

// process is the one of this program.
var process bare.Process

// Process is the process that Begin works on.
func Process() *bare.Process { return &process }

// Start is a program's life before the runtime: it runs the chain that begins
// with the command line on the kernel's stack, and does not return.
func Start(stack uintptr, tools []*Tool) {
	process.Start(stack)
	Begin(tools)
}

// Begin runs the chain that begins with the command line of the process, and does
// not return. A program with several tools is the one that it is called as; one
// with a single tool is that, whatever it is called.
func Begin(tools []*Tool) { bare.Quit(begin(&process, tools)) }

func begin(p *bare.Process, tools []*Tool) bare.Exit {
	tool := tools[0]
	if len(tools) > 1 {
		tool = find(tools, bare.Base(p.Args.At(0)))
	}
	if tool == nil {
		p.Begin("catena", catenaUsage, bare.Misused)
	} else {
		p.Begin(tool.Name, tool.Usage, tool.Misused)
	}
	if p.Secure {
		// These programs do what their caller says. With more privileges
		// than the caller has, that is a hole.
		return p.Fatal("refusing to run with more privileges than the caller has")
	}
	identifySelf(p, tools)
	if tool == nil {
		return multicall(p, tools)
	}
	return run(p, tool, tools)
}

const catenaUsage = "catena: usage: catena tool [arg ...]"

// multicall is a program with several tools that was called by none of their
// names: the tool is the first argument.
func multicall(p *bare.Process, tools []*Tool) bare.Exit {
	switch word := p.Args.At(1); word {
	case "":
		return p.Usage()
	case "--help":
		exit := p.Print("usage: catena tool [arg ...]\nTools:\n")
		for i := 0; i < len(tools) && exit == 0; i++ {
			exit = p.Print("  ", tools[i].Name, "\n")
		}
		if exit != 0 {
			return exit
		}
		return p.Print("Each prints more with --help.\n")
	case "--version":
		return p.Print(Version)
	default:
		tool := find(tools, word)
		if tool == nil {
			p.Fatal("unknown tool ", word)
			return bare.Misused
		}
		p.Run(p.Args.From(1))
		return run(p, tool, tools)
	}
}

// run is the chain: a tool after the other, until one ends the process or the
// next program is another file.
func run(p *bare.Process, tool *Tool, tools []*Tool) bare.Exit {
	for first := true; tool != nil; first = false {
		p.Begin(tool.Name, tool.Usage, tool.Misused)
		if !first {
			bare.SetName(tool.Name) // it may have to wait, and be looked for
		}
		switch p.Args.At(1) {
		case "--help":
			return p.Print(tool.Help)
		case "--version":
			return p.Print(Version)
		}
		// A tool's own look-up goes by the PATH that it was started with, even
		// if it sets another one for its child.
		path := searchPath(p)
		if exit := tool.Run(p); exit != bare.Continue {
			return exit
		}
		var err bare.Errno
		if tool, err = next(p, path, tools); err != 0 {
			return p.FatalErrno(err, "unable to run ", p.Args.At(0))
		}
	}
	return bare.Failed
}

// find is the tool of a name, or nil.
func find(tools []*Tool, name string) *Tool {
	for _, tool := range tools {
		if tool.Name == name {
			return tool
		}
	}
	return nil
}
