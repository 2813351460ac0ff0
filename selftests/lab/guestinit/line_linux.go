// SPDX-License-Identifier: Apache-2.0

package guestinit

import (
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/selftests/lab/wire"
)

// line is a line to the host, or any other descriptor that blocks.
type line int

// openSerial opens a serial line in raw mode.
func openSerial(path string, flags int) (line, error) {
	// Without O_NOCTTY the first line would become the controlling terminal.
	fd, err := unix.Open(path, flags|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open %s: %w", path, err)
	}
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return -1, fmt.Errorf("open %s: %w", path, err)
	}
	t.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	t.Oflag &^= unix.OPOST
	t.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	t.Cflag = t.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8 | unix.CLOCAL
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, t); err != nil {
		return -1, fmt.Errorf("open %s: %w", path, err)
	}
	return line(fd), nil
}

// Read reads once. An end of file is zero bytes and no error.
func (l line) read(buf []byte) (int, error) {
	for {
		n, err := unix.Read(int(l), buf)
		if !errors.Is(err, unix.EINTR) {
			return max(n, 0), err
		}
	}
}

func (l line) write(data []byte) error {
	for len(data) > 0 {
		n, err := unix.Write(int(l), data)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return err
		default:
			data = data[n:]
		}
	}
	return nil
}

// drain waits until everything written has reached the host, if the line is a
// serial one.
func (l line) drain() { _ = unix.IoctlSetInt(int(l), unix.TCSBRK, 1) }

func (l line) close() { _ = unix.Close(int(l)) }

// The report line is the program's, like standard error: set once, before the
// first report, and used to the last moment.
var (
	reportLine line = -1
	reportLock sync.Mutex
)

// report tells the host something, if it can. A host that cannot be told finds
// out by the machine's end.
func report(r wire.Report) bool {
	reportLock.Lock()
	defer reportLock.Unlock()
	if reportLine < 0 || reportLine.write([]byte(r.String()+"\n")) != nil {
		return false
	}
	reportLine.drain()
	return true
}
