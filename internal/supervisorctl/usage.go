package supervisorctl

import "fmt"

// A usageError is for somebody who has mistyped the command line or the configuration file.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

func usagef(format string, args ...any) error { return usageError{fmt.Sprintf(format, args...)} }
