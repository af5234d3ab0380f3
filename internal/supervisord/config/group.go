package config

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"catena/internal/supervisord/python"
)

// readGroups reads the programs, in groups of their own or in those of sections.
func (r *reader) readGroups() {
	grouped := map[string]bool{} // sections that a group has taken
	for _, section := range r.of("group") {
		r.readGroup(section, grouped)
	}
	for _, section := range r.of("program") {
		if !grouped[section.Name] {
			group := r.begin(section, OfPrograms)
			r.add(group, r.programs(section, group.Name))
		}
	}
	for _, section := range r.of("eventlistener") {
		r.readListener(section)
	}
	for _, section := range r.of("fcgi-program") {
		if !grouped[section.Name] {
			r.readFastCGI(section)
		}
	}
	slices.SortStableFunc(r.config.Groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.Name, b.Name))
	})
}

// scope is for what a section says of a group.
func (r *reader) scope(section *python.Section) *scope {
	return &scope{reader: r, section: section, names: python.Names{"here": r.here}}
}

// begin begins a group with the name and the priority of a section.
func (r *reader) begin(section *python.Section, of string) *Group {
	_, called := kind(section.Name)
	group := &Group{Kind: of, At: section.At}
	var err error
	if group.Name, err = name(called); err != nil {
		r.fail(section.At, err)
	}
	group.Priority = value(r.scope(section), "priority", 999, integer)
	return group
}

func (r *reader) add(group *Group, programs []Program) {
	group.Programs = programs
	for i := range programs {
		p := &programs[i]
		p.Environment = python.Update(r.config.Server.Environment, p.Environment)
	}
	r.config.Groups = append(r.config.Groups, *group)
}

// readGroup reads a section that puts programs together.
func (r *reader) readGroup(section *python.Section, grouped map[string]bool) {
	group := r.begin(section, OfPrograms)
	s := r.scope(section)
	names := value(s, "programs", nil, list)
	at := section.At
	if option, is := r.ini.Get(section, "programs"); is {
		at = option.At
	}
	programs := []Program{}
	for _, called := range names {
		plain, fcgi := r.ini.Section("program:"+called), r.ini.Section("fcgi-program:"+called)
		switch {
		case plain != nil && fcgi != nil:
			r.fail(at, fmt.Errorf("[%s] name %s is ambiguous (exists as program and fcgi-program)", section.Name, called))
			continue
		case plain == nil && fcgi == nil:
			r.fail(at, fmt.Errorf("[%s] names unknown program or fcgi-program %s", section.Name, called))
			continue
		case fcgi != nil:
			r.warn("For [" + section.Name + "], the socket of fcgi-program " + called + " is not used: a group has none")
			plain = fcgi
		}
		grouped[plain.Name] = true
		programs = append(programs, r.programs(plain, group.Name)...)
	}
	r.add(group, programs)
}

// eventTypes are the events that a listener may ask for.
var eventTypes = strings.Fields(`EVENT
	PROCESS_STATE PROCESS_STATE_STOPPED PROCESS_STATE_EXITED PROCESS_STATE_STARTING PROCESS_STATE_STOPPING
	PROCESS_STATE_BACKOFF PROCESS_STATE_FATAL PROCESS_STATE_RUNNING PROCESS_STATE_UNKNOWN
	PROCESS_COMMUNICATION PROCESS_COMMUNICATION_STDOUT PROCESS_COMMUNICATION_STDERR
	PROCESS_LOG PROCESS_LOG_STDOUT PROCESS_LOG_STDERR REMOTE_COMMUNICATION
	SUPERVISOR_STATE_CHANGE SUPERVISOR_STATE_CHANGE_RUNNING SUPERVISOR_STATE_CHANGE_STOPPING
	TICK TICK_5 TICK_60 TICK_3600 PROCESS_GROUP PROCESS_GROUP_ADDED PROCESS_GROUP_REMOVED`)

// readListener reads a pool of event listeners, which start before others.
func (r *reader) readListener(section *python.Section) {
	_, called := kind(section.Name)
	s := r.scope(section)
	group := &Group{Kind: OfListeners, Name: called, At: section.At}
	group.Priority = value(s, "priority", -1, integer)
	group.BufferSize = value(s, "buffer_size", 10, func(text string) (int64, error) {
		n, err := integer(text)
		if err == nil && n < 1 {
			err = fmt.Errorf("[%s] section sets invalid buffer_size (%d)", section.Name, n)
		}
		return n, err
	})
	value(s, "result_handler", "", func(handler string) (string, error) {
		if handler != defaultHandler {
			return "", errors.New(handler + " cannot be resolved within [" + section.Name + "]: it is code in Python, and there is no Python here")
		}
		return handler, nil
	})
	group.Events = value(s, "events", nil, func(text string) (events []string, err error) {
		words, _ := list(text)
		for _, word := range words {
			event := strings.ToUpper(word)
			if !slices.Contains(eventTypes, event) {
				return nil, fmt.Errorf("Unknown event type %s in [%s] events", event, section.Name)
			}
			events = append(events, event)
		}
		slices.Sort(events)
		return slices.Compact(events), nil
	})
	if option, is := r.ini.Get(section, "events"); group.Events == nil && (!is || !r.reported[option.At]) {
		r.needs(section.At, "["+section.Name+"] section requires an \"events\" line")
	}
	value(s, "redirect_stderr", false, func(text string) (bool, error) {
		redirect, err := boolean(text)
		if redirect {
			err = errors.New("[" + section.Name + "] section sets redirect_stderr=true " +
				"but this is not allowed because it will interfere with the eventlistener protocol")
		}
		return redirect, err
	})
	r.add(group, r.programs(section, called))
}

// readFastCGI reads a program whose processes accept connections from one socket.
func (r *reader) readFastCGI(section *python.Section) {
	group := r.begin(section, OfFastCGI)
	s := r.scope(section)
	_, uid := s.account("user")
	socket := &FastCGI{Owner: nil}
	socket.Backlog = value(s, "socket_backlog", nil, func(text string) (*int64, error) {
		n, err := integer(text)
		if err == nil && (n < 1 || n > 65535) {
			err = errors.New("Invalid socket_backlog value " + text)
		}
		return &n, err
	})
	socket.Owner = s.ids("socket_owner", "socket_owner")
	socket.Mode = s.mode("socket_mode")
	s.names["program_name"] = group.Name
	socket.URL = value(s, "socket", "", func(url string) (string, error) {
		url, err := socket.check(url, uid)
		if err != nil {
			err = errors.New(err.Error() + " in [" + section.Name + "] socket")
		}
		return url, err
	})
	if option, is := r.ini.Get(section, "socket"); socket.URL == "" && (!is || !r.reported[option.At]) {
		r.needs(section.At, "["+section.Name+"] section requires a \"socket\" line")
	}
	group.Socket = socket
	r.add(group, r.programs(section, group.Name))
}

// tcpSocket is compiled when it is needed: supervisorctl, which has to be fast, needs it never.
var tcpSocket = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^tcp://([^\s:]+):(\d+)$`) })

// check checks the URL of a socket, and sets the owner and the mode that it has by default.
func (f *FastCGI) check(url string, uid *int64) (string, error) {
	if url == "" {
		return "", nil
	}
	if path, is := strings.CutPrefix(url, "unix://"); is {
		if !strings.HasPrefix(path, "/") {
			return "", errors.New("Unix socket path " + path + " is not an absolute path")
		}
		f.ownByDefault(uid)
		return "unix://" + Absolute(path), nil
	}
	if f.Owner != nil || f.Mode != nil {
		return "", errors.New("socket_owner and socket_mode params should only be used with a Unix domain socket")
	}
	m := tcpSocket().FindStringSubmatch(url)
	if m == nil {
		return "", errors.New("Bad socket format " + url)
	}
	number, err := port(m[2])
	return fmt.Sprintf("tcp://%s:%d", strings.ToLower(m[1]), number), err
}
