package page

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"catena/internal/supervisord/rpc"
	"catena/internal/supervisord/serve"
	"catena/internal/xmlrpc"
)

// An action is what a visitor wants done, and to which program or group. It is empty if he only
// looks.
type action struct{ Do, Name string }

// verbs are the actions, as questions put them.
var verbs = map[string]string{"refresh": "Refresh", "start": "Start", "restart": "Restart", "stop": "Stop", "clearlog": "Clear the logs of", "restartall": "Restart all programs", "stopall": "Stop all programs"}

// Question is the action in words.
func (a action) Question() string { return strings.TrimSpace(verbs[a.Do] + " " + a.Name) }

// Query is the action as Supervisor's links have it.
func (a action) Query() template.URL {
	q := url.Values{"action": {a.Do}}
	if a.Name != "" {
		q.Set("processname", a.Name)
	}
	return template.URL(q.Encode())
}

// act does what a request asks for, or asks whether it is meant.
func (p *page) act(w http.ResponseWriter, r *http.Request) {
	form, code := readForm(w, r)
	if code != 0 {
		say(w, code, http.StatusText(code))
		return
	}
	a := action{form.Get("action"), form.Get("processname")}
	isLink := r.Method == http.MethodGet
	harmless := a.Do == "refresh"
	switch {
	case verbs[a.Do] == "":
		say(w, http.StatusBadRequest, fmt.Sprintf("There is no action %q.", a.Do))
		return
	case harmless, isLink && mayFollowLinks(r), !isLink && p.hasToken(form):
	case wantsText(r):
		say(w, http.StatusForbidden, refusal(isLink))
		return
	default:
		show(w, http.StatusForbidden, "ask.html", struct {
			*page
			action
			Why string
		}{p, a, refusal(isLink)})
		return
	}
	select {
	case p.actions <- struct{}{}:
		defer func() { <-p.actions }()
	default:
		say(w, http.StatusServiceUnavailable, "Too many actions are under way. Nothing was done.")
		return
	}
	serve.Busy(r.Context())
	// A visitor who goes away does not leave a program stopped that was to be restarted.
	message := p.do(context.WithoutCancel(r.Context()), a)
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(patience))
	if !isLink && wantsText(r) {
		code = http.StatusOK
		if isTrouble(message) {
			code = http.StatusConflict
		}
		say(w, code, message)
		return
	}
	code = http.StatusSeeOther
	if isLink {
		code = http.StatusMovedPermanently // Supervisor's; it is not stored
	}
	w.Header().Set("Location", "./?message="+strings.ReplaceAll(url.QueryEscape(message), "+", "%20"))
	w.WriteHeader(code)
}

// isTrouble tells whether a message says that something was not done.
func isTrouble(message string) bool {
	for _, beginning := range []string{"ERROR", "unexpected", "No such"} {
		if strings.HasPrefix(message, beginning) {
			return true
		}
	}
	return false
}

// refusal says why nothing was done.
func refusal(isLink bool) string {
	if isLink {
		return "Nothing was done yet: the link was not on a page of this server. Anybody can write such a link."
	}
	return "Nothing was done: the form has no token of this server. It comes from another page, or from the time before the server was started again."
}

// readForm reads the parameters in the address and those of a form. Those of the form count.
func readForm(w http.ResponseWriter, r *http.Request) (form url.Values, code int) {
	control := http.NewResponseController(w)
	control.SetReadDeadline(time.Now().Add(patience))
	defer control.SetReadDeadline(time.Time{})
	r.Body = http.MaxBytesReader(w, r.Body, longestForm)
	err := r.ParseForm()
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		return nil, http.StatusRequestEntityTooLarge
	case err != nil:
		return nil, http.StatusBadRequest
	}
	return r.Form, 0
}

// wantsText tells whether the answer is for the script of the page.
func wantsText(r *http.Request) bool { return r.Header.Get("Accept") == "text/plain" }

// say answers with a text.
func say(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	fmt.Fprintln(w, text)
}

// do does an action, and says in Supervisor's words what has come of it.
func (p *page) do(ctx context.Context, a action) string {
	now := func() string { return time.Now().Format(time.ANSIC) }
	switch a.Do {
	case "refresh":
		return "Page refreshed at " + now()
	case "stopall":
		return p.all(ctx, "stopped", now, "stopAllProcesses")
	case "restartall":
		return p.all(ctx, "restarted", now, "stopAllProcesses", "startAllProcesses")
	}
	if !p.has(a.Name) {
		return "No such process named " + a.Name
	}
	what := "Process " + a.Name
	var err error
	switch a.Do {
	case "start":
		if err = p.call(ctx, "startProcess", a.Name); err == nil {
			return what + " started"
		}
		return "ERROR: " + what + ": " + inWords(err)
	case "stop":
		if err = p.call(ctx, "stopProcess", a.Name); err == nil {
			return what + " stopped"
		}
	case "restart":
		err = p.call(ctx, "stopProcess", a.Name)
		if isFault(err, rpc.NotRunning) {
			err = nil
		}
		if err == nil {
			if err = p.call(ctx, "startProcess", a.Name); err == nil {
				return what + " restarted"
			}
			return "ERROR: " + what + ": " + inWords(err)
		}
	case "clearlog":
		if err = p.call(ctx, "clearProcessLogs", a.Name); err == nil {
			return "Log for " + a.Name + " cleared"
		}
	}
	return inWords(err)
}

// all calls methods for all processes.
func (p *page) all(ctx context.Context, done string, now func() string, methods ...string) string {
	for _, method := range methods {
		if err := p.call(ctx, method); err != nil {
			return "ERROR: not all " + done + ": " + text(err)
		}
	}
	return "All " + done + " at " + now()
}

// has tells whether a process or a group has the name.
func (p *page) has(name string) bool {
	inGroup, process := rpc.Split(name)
	for _, g := range p.server.Table.Groups() {
		for _, one := range g.Processes {
			if g.Name == inGroup && (process == "" || one.Name() == process) {
				return true
			}
		}
	}
	return false
}

// call calls a method. If it is for many processes, the first one that has failed is the error.
func (p *page) call(ctx context.Context, method string, name ...string) error {
	var params []xmlrpc.Value
	for _, n := range name {
		params = append(params, n)
	}
	result, err := p.server.Call(ctx, "supervisor."+method, params)
	if err != nil {
		return err
	}
	list, _ := result.(xmlrpc.Array)
	for _, v := range list {
		one, _ := v.(xmlrpc.Struct)
		status, _ := one.Get("status").(int64)
		text, _ := one.Get("description").(string)
		if status != int64(rpc.Success) {
			return &xmlrpc.Fault{Code: status, Text: text}
		}
	}
	return nil
}

func isFault(err error, code rpc.Code) bool {
	var fault *xmlrpc.Fault
	return errors.As(err, &fault) && fault.Code == int64(code)
}

// words are Supervisor's for what can be wrong with a start.
var words = map[rpc.Code]string{rpc.NoFile: "no such file", rpc.NotExecutable: "file not executable", rpc.AlreadyStarted: "already started",
	rpc.SpawnError: "spawn error", rpc.AbnormalTermination: "abnormal termination"}

// inWords says what an error means.
func inWords(err error) string {
	var fault *xmlrpc.Fault
	if !errors.As(err, &fault) {
		return err.Error()
	}
	if known := words[rpc.Code(fault.Code)]; known != "" {
		return known
	}
	return fmt.Sprintf("unexpected rpc fault [%d] %s", fault.Code, fault.Text)
}

// text is that of a fault, with the name of the program, or of another error.
func text(err error) string {
	var fault *xmlrpc.Fault
	if errors.As(err, &fault) {
		return fault.Text
	}
	return err.Error()
}
