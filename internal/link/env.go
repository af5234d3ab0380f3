package link

import (
	"golang.org/x/sys/unix"

	"catena/internal/bare"
	"catena/internal/execchain"
)

// Env sets and removes variables. It does what env of GNU coreutils does, with its messages and
// exit codes.
var Env = execchain.Tool{
	Name:    "env",
	Does:    "sets and removes variables",
	Usage:   "Try 'env --help' for more information.",
	Misused: gnuFailed,
	Help: `usage: env [-i] [-u name] [-C dir] [-] [name=value ...] [command [arg ...]]
  -i, -    start from an empty environment
  -u name  remove a variable
  -C dir   change the working directory
Without a command the variables are printed.
`,
	Run:      env,
	NotRun:   envNotRun,
	ByExecvp: true,
}

func env(p *bare.Process) bare.Exit {
	g, dir := asGNU(p.Args.At(0)), bare.Text{}
	options := p.OwnOptions("iu:C:")
	for options.Next() {
		switch value := options.Value(); options.Letter {
		case 'i':
			p.Env.Clear()
		case 'u':
			if value == "" || bare.Index(value, '=') < len(value) {
				return g.fatal(unix.EINVAL, "cannot unset ", quoted(value))
			}
			p.Env.Remove(value)
		case 'C':
			dir = bare.Keep(value)
		default:
			return g.refuse(&options)
		}
	}
	words := options.Rest()
	if words.At(0) == "-" {
		p.Env.Clear()
		words = words.From(1)
	}
	for ; ; words = words.From(1) {
		word := words.At(0)
		split := bare.Index(word, '=')
		if split == len(word) {
			break
		}
		p.Env.Remove(word[:split])
		if !p.Env.Set(word[:split], word[split+1:]) {
			return g.fatal(unix.ENOMEM, "cannot set ", quoted(word[:split]))
		}
	}
	switch {
	case words.Len() == 0 && dir.Given():
		return g.misused("must specify command with --chdir (-C)", "", "")
	case words.Len() == 0:
		return printEnvironment(p)
	case dir.Given():
		if err := bare.Chdir(dir.String()); err != 0 {
			return g.fatal(err, "cannot change directory to ", quoted(dir.String()))
		}
	}
	return p.Run(words)
}

func printEnvironment(p *bare.Process) (exit bare.Exit) {
	for i := 0; i < p.Env.Len() && exit == 0; i++ {
		exit = p.Print(p.Env.At(i), "\n")
	}
	return exit
}

// envNotRun says why the command cannot be run.
func envNotRun(p *bare.Process, called string, why bare.Errno) bare.Exit {
	g := asGNU(called)
	g.sayErrno(why, "", quoted(p.Args.At(0)))
	return g.notRun(why)
}
