// Server is an ordinary Go program to be run by a chain: a web server that
// answers with what it has inherited, read from its own /proc.
//
// Usage:
//
//	server           serve on $ADDRESS
//	server get ADDR  print what a server answers
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
)

func main() {
	var err error
	if len(os.Args) == 3 && os.Args[1] == "get" {
		err = get(os.Args[2])
	} else {
		err = serve(os.Getenv("ADDRESS"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "server: fatal:", err)
		os.Exit(111)
	}
}

func serve(address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	fmt.Println("listening on", listener.Addr())
	return http.Serve(listener, http.HandlerFunc(answer))
}

func answer(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintln(w, os.Getenv("GREETING"))
	fmt.Fprintln(w, "pid", os.Getpid())
	show(w, "/proc/self/status", "\n", "Uid:", "Gid:", "Groups:")
	show(w, "/proc/self/limits", "\n", "Max address space", "Max data size", "Max stack size", "Max locked memory")
	show(w, "/proc/self/environ", "\x00", "ADDRESS=", "GREETING=", "SUDO_USER=")
}

// show prints the lines of a file that begin with one of the words.
func show(w io.Writer, file, separator string, words ...string) {
	text, err := os.ReadFile(file)
	if err != nil {
		fmt.Fprintln(w, err)
		return
	}
	for line := range strings.SplitSeq(string(text), separator) {
		for _, word := range words {
			if strings.HasPrefix(line, word) {
				fmt.Fprintln(w, strings.TrimRight(line, " \t"))
			}
		}
	}
}

func get(address string) error {
	response, err := http.Get("http://" + address + "/")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(os.Stdout, response.Body)
	return err
}
