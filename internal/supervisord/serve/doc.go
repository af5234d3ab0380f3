// Package serve answers Supervisor's clients: its 41 methods with their faults, the logs that can
// be followed, and HTTP with its passwords and limits. What the programs are, and what is done to
// them, is the business of a [Table].
package serve
