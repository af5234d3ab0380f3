package supervisorctl

import (
	"net"
	"strconv"
	"strings"

	"catena/internal/supervisord/python"
)

// scheme is what stands before the first colon of a URL, and rest what follows. Without a scheme,
// rest is all of it.
func scheme(url string) (name, rest string) {
	before, after, found := strings.Cut(url, ":")
	for i, c := range []byte(before) {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (i == 0 || !('0' <= c && c <= '9' || c == '+' || c == '-' || c == '.')) {
			return "", url
		}
	}
	if !found || before == "" {
		return "", url
	}
	return strings.ToLower(before), after
}

// isURL tells whether a text has a scheme, and a host or a path.
func isURL(text string) bool {
	name, rest := scheme(text)
	host, path := authority(rest)
	path, _, _ = strings.Cut(path, "#")
	path, _, _ = strings.Cut(path, "?")
	return name != "" && (host != "" || path != "")
}

// authority splits what follows the scheme into host, port and user, as one text, and the rest.
func authority(rest string) (host, path string) {
	after, is := strings.CutPrefix(rest, "//")
	if !is {
		return "", rest
	}
	end := strings.IndexAny(after, "/?#")
	if end < 0 {
		return after, ""
	}
	return after[:end], after[end:]
}

// address is where a server listens, for net.Dial. What is no address is refused in Python's words.
func address(url string) (network, at string, err error) {
	if path, is := strings.CutPrefix(url, "unix://"); is {
		return "unix", path, nil
	}
	if !strings.HasPrefix(url, "http://") {
		return "", "", pythonError{"ValueError", "Unknown protocol for serverurl " + url}
	}
	text, _ := authority(strings.TrimPrefix(url, "http:"))
	text = text[strings.LastIndexByte(text, '@')+1:]
	host, port := text, ""
	if after, is := strings.CutPrefix(text, "["); is {
		host, port, _ = strings.Cut(after, "]")
		port = strings.TrimPrefix(port, ":")
	} else if before, after, is := strings.Cut(text, ":"); is {
		host, port = before, after
	}
	if port == "" {
		port = "80"
	}
	if host == "" {
		return "", "", pythonError{"ValueError", "No host in serverurl " + url}
	}
	switch n, err := strconv.Atoi(port); {
	case err != nil:
		return "", "", pythonError{"ValueError", "Port could not be cast to integer value as " + python.Repr(port)}
	case n < 0 || n > 65535:
		return "", "", pythonError{"ValueError", "Port out of range 0-65535"}
	}
	return "tcp", net.JoinHostPort(strings.ToLower(host), port), nil
}
