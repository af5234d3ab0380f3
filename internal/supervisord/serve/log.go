package serve

import (
	"io"
	"os"

	"catena/internal/supervisord/rpc"
	"catena/internal/xmlrpc"
)

// longestPart is how much of a log goes into one answer. A client that wants more asks again.
const longestPart = 8 << 20

// readPart returns part of a log: so many bytes from an offset on, all of them if the length is
// 0, or the last bytes if the offset is negative.
func readPart(file string, offset, length int64) (xmlrpc.Value, error) {
	f, err := openLog(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if length < 0 || offset < 0 && length != 0 {
		return nil, rpc.BadArguments.Fault()
	}
	if offset < 0 {
		size, err := f.Seek(0, io.SeekEnd)
		if err != nil {
			return nil, rpc.Failed.Fault()
		}
		length = min(-max(offset, -longestPart), size)
		offset = size - length
	} else if length == 0 || length > longestPart {
		length = longestPart
	}
	text, err := io.ReadAll(io.NewSectionReader(f, offset, length))
	if err != nil {
		return nil, rpc.Failed.Fault()
	}
	return string(text), nil
}

// openLog opens a log, which may not be there.
func openLog(file string) (*os.File, error) {
	if file == "" {
		return nil, rpc.NoFile.Fault()
	}
	f, err := os.Open(file)
	if os.IsNotExist(err) {
		return nil, rpc.NoFile.Fault(file)
	} else if err != nil {
		return nil, rpc.Failed.Fault()
	}
	return f, nil
}

// tailPart returns the end of a log, where a client has read up to an offset; the offset of the
// end; and whether the client has missed something, because more was written than it asks for.
func tailPart(file string, offset, length int64) (xmlrpc.Value, error) {
	f, err := openLog(file)
	if err != nil {
		return xmlrpc.Array{"", int64(0), false}, nil
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return xmlrpc.Array{"", offset, false}, nil
	}
	length = min(length, longestPart)
	offset = min(max(offset, -longestPart), size) // no more is there, and no sum is too large
	missed := size > offset+length
	switch {
	case missed:
		offset = size - length
	case offset > size-1:
		length = 0
	case offset+length > size:
		offset = size - length
	}
	text := make([]byte, max(0, min(length, size)))
	n, err := f.ReadAt(text, max(0, offset))
	if err != nil && err != io.EOF {
		return xmlrpc.Array{"", offset, false}, nil
	}
	return xmlrpc.Array{string(text[:n]), size, missed}, nil
}

// part has the offset and the length that follow the first parameters.
func (c *call) part(from int) (offset, length int64, err error) {
	if offset, err = c.int(from); err == nil {
		length, err = c.int(from + 1)
	}
	return offset, length, err
}

func readLog(c *call) (xmlrpc.Value, error) {
	offset, length, err := c.part(0)
	if err != nil {
		return nil, err
	}
	return readPart(c.Table.LogFile(), offset, length)
}

// ofProcess does something with part of a log of a process.
func (c *call) ofProcess(file func(Info) string, do func(file string, offset, length int64) (xmlrpc.Value, error)) (xmlrpc.Value, error) {
	n, err := c.process()
	if err != nil {
		return nil, err
	}
	offset, length, err := c.part(1)
	if err != nil {
		return nil, err
	}
	return do(file(n.process.Info()), offset, length)
}

func stdout(i Info) string { return i.Stdout }
func stderr(i Info) string { return i.Stderr }

func readStdout(c *call) (xmlrpc.Value, error) { return c.ofProcess(stdout, readPart) }
func readStderr(c *call) (xmlrpc.Value, error) { return c.ofProcess(stderr, readPart) }
func tailStdout(c *call) (xmlrpc.Value, error) { return c.ofProcess(stdout, tailPart) }
func tailStderr(c *call) (xmlrpc.Value, error) { return c.ofProcess(stderr, tailPart) }

func clearLog(c *call) (xmlrpc.Value, error) {
	f, err := openLog(c.Table.LogFile())
	if err != nil {
		return nil, rpc.NoFile.Fault()
	}
	f.Close()
	if c.Table.ClearLog() != nil {
		return nil, rpc.Failed.Fault()
	}
	return true, nil
}

func clearing(n named) (func() error, error) {
	if n.process.ClearLogs() != nil {
		return nil, rpc.Failed.Fault(n.name)
	}
	return nil, nil
}

func clearProcessLogs(c *call) (xmlrpc.Value, error) {
	n, err := c.process()
	if err != nil {
		return nil, err
	}
	return toOne(n, clearing)
}

func clearAllProcessLogs(c *call) (xmlrpc.Value, error) {
	return toMany(c.Table.Groups(), func(rpc.State) bool { return true }, clearing)
}
