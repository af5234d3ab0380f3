// Package supervisorctl is Supervisor's client: its commands, messages and exit codes are those
// of Supervisor 4.2.5, to the byte. What is ours stands in the CAVEATS and STANDARDS of its page.
package supervisorctl
