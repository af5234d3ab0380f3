package compile

// A group of FastCGI programs has a service that holds its socket.
//
// Not tested in this file: that the programs get it; that is tested with the built programs.

import (
	"strings"
	"testing"
)

func TestASocketHasAServiceThatHoldsIt(t *testing.T) {
	for keys, want := range map[string]string{
		"socket=unix:///run/x.sock": "/usr/bin/holdsocket -m 700 unix:///run/x.sock x x:*",
		"socket=unix:///run/x.sock\nsocket_mode=0660\nsocket_owner=daemon:mail\nsocket_backlog=7": "/usr/bin/holdsocket -m 660 -o 1:8 -b 7 unix:///run/x.sock x x:*",
		"socket=unix:///run/x.sock\nsocket_owner=daemon":                                          "/usr/bin/holdsocket -m 700 -o 1 unix:///run/x.sock x x:*",
		"socket=tcp://127.0.0.1:9000\nnumprocs=2\nprocess_name=%(process_num)d":                   "/usr/bin/holdsocket tcp://127.0.0.1:9000 x x:*",
		"socket=tcp://localhost:9000\nsocket_backlog=1":                                           "/usr/bin/holdsocket -b 1 tcp://127.0.0.1:9000 x x:*",
	} {
		services := compiled(t, "[fcgi-program:x]\ncommand=x\n"+keys+"\n")
		if got := strings.Join(strings.Fields(fileOf(services, ":socket.x", "chain")), " "); got != want {
			t.Errorf("%s: %s, and not %s", keys, got, want)
		}
		for _, s := range services {
			if strings.HasPrefix(s.Name, ":") {
				continue
			}
			if got := fileOf(services, s.Name, "chain"); !strings.Contains(got, "takesocket\n    ../:socket.x\n") || strings.Contains(got, "redirfd\n    -u\n    0\n") {
				t.Errorf("%s: %s has the chain %s", keys, s.Name, got)
			}
			if fileOf(services, s.Name, "needs/:socket.x") != "" || fileOf(services, s.Name, "stdin") != "-" {
				t.Errorf("%s: %s does not need its socket, or has another standard input", keys, s.Name)
			}
		}
	}
}

func TestASocketThatCannotBeIsSaid(t *testing.T) {
	for url, want := range map[string]string{
		"unix:///" + strings.Repeat("x", 107): "x: the path of the socket has more than 107 bytes: /" + strings.Repeat("x", 107),
		"tcp://nosuch.invalid:1":              "x: unable to find the host of the socket: ",
	} {
		_, problems := tryCompile(t, "[fcgi-program:x]\ncommand=x\nsocket="+url+"\n")
		if len(problems) != 1 || !strings.HasPrefix(problems[0].Text, want) || problems[0].At.Line == 0 {
			t.Errorf("%s: %v", url, problems)
		}
	}
}
