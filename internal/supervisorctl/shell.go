package supervisorctl

import (
	"errors"
	"fmt"
	"io"
	"os"
	ossignal "os/signal"
	"strings"
	"syscall"

	"golang.org/x/term"
)

// shell carries out one line after the other, beginning with the status.
func (c *controller) shell() {
	if term.IsTerminal(0) && term.IsTerminal(1) {
		c.editor = newEditor(c)
		c.editor.load()
		defer c.editor.save()
	}
	c.interrupts = make(chan os.Signal, 1)
	ossignal.Notify(c.interrupts, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go c.endBySignal()
	prompt := *c.prompt + "> "
	for line := "status"; !c.do(line); {
		var err error
		line, err = c.readLine(prompt)
		switch {
		case err == errInterrupted:
			c.text("\n")
			return
		case err != nil:
			line = "EOF"
		}
	}
}

// endBySignal leaves the terminal as it was. ^C ends the shell, wherever it is, and is no failure.
func (c *controller) endBySignal() {
	signal := <-c.interrupts
	if c.editor != nil {
		c.editor.restore()
		c.editor.save()
	}
	if signal == os.Interrupt {
		os.Stdout.WriteString("\n")
		os.Exit(0)
	}
	ossignal.Reset()
	syscall.Kill(os.Getpid(), signal.(syscall.Signal))
}

// takeInterrupts has ^C go to the caller, until the caller gives it back.
func (c *controller) takeInterrupts() (taken chan os.Signal, giveBack func()) {
	if c.interrupts != nil {
		ossignal.Stop(c.interrupts)
	}
	taken = make(chan os.Signal, 1)
	ossignal.Notify(taken, os.Interrupt)
	return taken, func() {
		ossignal.Stop(taken)
		if c.interrupts != nil {
			ossignal.Notify(c.interrupts, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
		}
	}
}

// readLine asks for a line.
func (c *controller) readLine(prompt string) (string, error) {
	c.out.Flush()
	if c.editor != nil {
		return c.editor.readLine(prompt)
	}
	os.Stdout.WriteString(prompt)
	return c.stdin().line(nil)
}

// stdin is standard input, which nobody reads before somebody asks.
func (c *controller) stdin() *input {
	if c.typed == nil {
		c.typed = newInput()
	}
	return c.typed
}

// errNoAnswer is Python's error for an input that ends where an answer should be.
var errNoAnswer = pythonError{"EOFError", "EOF when reading a line"}

// isSure asks, if somebody is there, whether something is meant.
func (c *controller) isSure(question string) (bool, error) {
	if !c.interactive {
		return true, nil
	}
	answer, err := c.readLine(question)
	if err == errInterrupted {
		return false, err
	} else if err != nil {
		return false, errNoAnswer
	}
	return strings.HasPrefix(strings.ToLower(answer), "y"), nil
}

// authenticate asks for a user and a password, and then carries out a line again.
func (c *controller) authenticate(line string) (over bool) {
	name, err := c.readLine("Username:")
	var password string
	if err == nil {
		password, err = c.readPassword()
	}
	if err != nil {
		c.failed(errNoAnswer)
		return false
	}
	c.text("\n")
	c.server.username, c.server.password = &name, &password
	return c.do(line)
}

// readPassword asks at the terminal, or where there is none, on standard input.
func (c *controller) readPassword() (string, error) {
	const prompt = "Password:"
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		fmt.Fprint(c.errs, prompt)
		return c.stdin().line(nil)
	}
	defer tty.Close()
	tty.WriteString(prompt)
	if c.editor != nil {
		c.editor.note(int(tty.Fd()))
	}
	password, err := term.ReadPassword(int(tty.Fd()))
	tty.WriteString("\n")
	if errors.Is(err, io.EOF) {
		err = errNoAnswer
	}
	return string(password), err
}
