// Package execchain runs tools and chains of them. It finds out which tool a process is,
// lets the tool do its work, looks the next program up as execvp would, and execs it. If
// the next program is another tool in the very file that is running, the tool runs in the
// same process, which saves the exec. Nothing else differs.
//
// It is bare code: it runs before the Go runtime and keeps the rules of package bare.
package execchain

import "catena/internal/bare"

// Tool is a program of the family.
type Tool struct {
	Name string

	// Does says what the tool does, in the words of catena(8): "holds a lock on a file".
	Does string

	// Usage is the message for a wrong command line, and Misused is the exit code then.
	// Both are those of daemontools.
	Usage   string
	Misused bare.Exit

	// Help is the text of --help: "usage: ", the synopsis, and a line for each option.
	// Usage keeps the words of daemontools; Help has all options.
	Help string

	// Unable is what stands before the name of a next program that cannot be run; "unable to
	// run " if it is empty.
	Unable string

	// NotRun says why the next program cannot be run, for a tool that says so in words and with
	// exit codes of its own. Called is what the tool was called as.
	NotRun func(p *bare.Process, called string, why bare.Errno) bare.Exit

	// ByExecvp says that the next program is looked for as by execvp(3) of the C library, and
	// not as by daemontools: also in a PATH that the tool has set.
	ByExecvp bool

	// Stays says that the process stays as long as other processes run. Such a tool is
	// always execed, so that ps and /proc show it under its own name.
	Stays bool

	// BareOnly says that the tool works before the Go runtime only. Under the runtime it
	// refuses to run.
	BareOnly bool

	// Run does the work of the tool. A link calls Process.Run at the end, to make the rest
	// of its command line the next program. With any result but Continue the process exits
	// with that code.
	Run func(p *bare.Process) bare.Exit
}

// NoEntry is what is wrong if something cannot be done under the Go runtime.
const NoEntry = "built without the early entry: build with go build -ldflags=-E=_rt0_catena"

// Version is the text of --version.
const Version = "catena 0.1.0\n"

// Start is the life of a program before the runtime. It runs the chain that begins with the
// command line on the kernel's stack, and does not return.
func Start(stack uintptr, tools []*Tool) {
	bare.This().Start(stack)
	RunChain(tools)
}

// RunChain runs the chain that begins with the command line of the process, and does not
// return. A program with several tools is the tool that it is called as. A program with a
// single tool is that tool, whatever it is called. A program with several tools that is called
// run or finish becomes the chain in a file.
func RunChain(tools []*Tool) { bare.Quit(runChain(bare.This(), tools)) }

func runChain(p *bare.Process, tools []*Tool) bare.Exit {
	tool, file := tools[0], ""
	if len(tools) > 1 {
		tool = find(tools, bare.Base(p.Args.At(0)))
		file = chainFile(p.Args.At(0))
	}
	switch {
	case file == "chain":
		p.ActAs("run", "", bare.Misused)
	case file != "":
		p.ActAs("finish", "", bare.Misused)
	case tool == nil:
		p.ActAs(multicallName, catenaUsage, bare.Misused)
	default:
		p.ActAs(tool.Name, tool.Usage, tool.Misused)
	}
	if p.MorePrivileged() {
		// These programs do what their caller says. With more privileges than the caller
		// has, they would do what the caller may not.
		return p.Fatal("refusing to run with more privileges than the caller has")
	}
	if file != "" {
		return becomeChain(p, file, tools)
	}
	identifySelf(p, tools)
	if tool == nil {
		return multicall(p, tools)
	}
	return run(p, tool, tools, len(tools) > 1 && goesOn(p, tools))
}

// spaces fills the column of names in the list of tools.
const spaces = "               "

// multicallName is the name by which a program with several tools takes its first argument
// for the tool.
const multicallName = "catena"

const catenaUsage = "catena: usage: catena tool [arg ...]"

// multicall is a program with several tools that was called by none of their names. Its
// first argument is the tool.
func multicall(p *bare.Process, tools []*Tool) bare.Exit {
	switch word := p.Args.At(1); word {
	case "":
		return p.Usage()
	case "--help":
		exit := p.Print("usage: catena tool [arg ...]\nTools:\n")
		for i := 0; i < len(tools) && exit == 0; i++ {
			exit = p.Print("  ", tools[i].Name, spaces[min(len(tools[i].Name), len(spaces)):], tools[i].Does, "\n")
		}
		if exit != 0 {
			return exit
		}
		return p.Print("Each prints more with --help.\n",
			"catena explain program [arg ...] says what each link of a chain changes.\n",
			"Called as run (or finish), it becomes the chain in the file chain (or\n",
			"finish.chain), a word a line.\n")
	case "--version":
		return p.Print(Version)
	default:
		tool := find(tools, word)
		if tool == nil && bare.Equal(word, "explain") && p.Executable() != "" {
			return runBeside(p, "catena-explain")
		}
		if tool == nil {
			p.Fatal("unknown tool ", word)
			return bare.Misused
		}
		p.Run(p.Args.From(1))
		return run(p, tool, tools, false)
	}
}

// runBeside becomes a program that is no tool of this file, and lies in the same folder. What
// talks to people is ordinary Go, and linked separately.
func runBeside(p *bare.Process, name string) bare.Exit {
	var file bare.Buffer
	own := p.Executable()
	if !file.Append(own[:len(own)-len(bare.Base(own))]) || !file.Append(name) {
		return p.NoMemory()
	}
	words, ok := p.Args.From(2).Behind(file.String())
	if !ok {
		return p.NoMemory()
	}
	return p.FatalErrno(bare.Execve(file.String(), words, &p.Env), "unable to run ", file.String())
}

// run runs one tool after the other, until a tool ends the process or the next program is
// another file. Fused says that the process was another tool, or a chain file, before.
func run(p *bare.Process, tool *Tool, tools []*Tool, fused bool) bare.Exit {
	for ; tool != nil; fused = true {
		p.ActAs(tool.Name, tool.Usage, tool.Misused)
		if fused {
			bare.SetName(tool.Name) // the tool may wait for long, and people look for it by name
			p.CloseKept()
		}
		switch p.Args.At(1) {
		case "--help":
			return p.Print(tool.Help)
		case "--version":
			return p.Print(Version)
		}
		if tool.BareOnly && bare.UnderRuntime() {
			return p.Fatal(NoEntry)
		}
		// The next program is looked up in the PATH that the tool was started with, even if
		// the tool sets another PATH for that program. In C it is the other one.
		path, before, called := searchPath(p), tool, p.Args.At(0)
		if exit := tool.Run(p); exit != bare.Continue {
			return exit
		}
		if before.ByExecvp {
			path = searchPath(p)
		}
		var err bare.Errno
		if tool, err = proceed(p, before, path, tools); err != 0 {
			if before.NotRun != nil {
				return before.NotRun(p, called, err)
			}
			return notRun(p, before, err, path)
		}
	}
	return bare.Failed
}

// find is the tool with a name, or nil.
func find(tools []*Tool, name string) *Tool {
	for _, tool := range tools {
		if bare.Equal(tool.Name, name) {
			return tool
		}
	}
	return nil
}
