package compile

import (
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"

	"catena/internal/supervisord/config"
)

// The socket of a group of FastCGI programs is held by a service of its own, so that neither a
// restart of a program closes it nor the end of svscan.

// holders begins the names of the services that hold sockets. No program has a colon there.
const holders = ":socket."

// HolderOf is the name of the service that holds the socket of a group; empty if it has none.
func HolderOf(g config.Group) string {
	if g.Kind != config.OfFastCGI || len(g.Programs) == 0 {
		return ""
	}
	return holders + g.Name
}

// holder makes the service that holds the socket of a group.
func (b *builder) holder() {
	link, err := holdLink(b.group, b.around)
	if err != nil {
		b.problem(err.Error())
		return
	}
	text, err := ChainText([][]string{link})
	if err != nil {
		b.problem(err.Error())
	}
	b.files = []File{{Name: run, Kind: Link, Text: b.around.Catena}}
	b.add(chain, text)
}

// holdLink is the chain of such a service. The names of the group's services are patterns, so
// that more processes do not make it another program.
func holdLink(g config.Group, around Surroundings) ([]string, error) {
	socket := g.Socket
	link := []string{filepath.Join(filepath.Dir(around.Catena), "holdsocket")}
	address := socket.URL
	if path, is := strings.CutPrefix(address, "unix://"); is {
		const most = 107 // the kernel's
		if len(path) > most {
			return nil, fmt.Errorf("the path of the socket has more than %d bytes: %s", most, path)
		}
		if socket.Mode != nil {
			link = append(link, "-m", fmt.Sprintf("%03o", *socket.Mode&0o7777))
		}
		if socket.Owner != nil {
			owner := strconv.FormatInt(socket.Owner.UID, 10)
			if socket.Owner.GID >= 0 {
				owner += ":" + strconv.FormatInt(socket.Owner.GID, 10)
			}
			link = append(link, "-o", owner)
		}
	} else {
		host, port, _ := strings.Cut(strings.TrimPrefix(address, "tcp://"), ":")
		found, err := net.ResolveIPAddr("ip4", host)
		if err != nil {
			return nil, fmt.Errorf("unable to find the host of the socket: %w", err)
		}
		address = "tcp://" + found.String() + ":" + port
	}
	if socket.Backlog != nil {
		link = append(link, "-b", strconv.FormatInt(*socket.Backlog, 10))
	}
	return append(link, address, g.Name, g.Name+":*"), nil
}
