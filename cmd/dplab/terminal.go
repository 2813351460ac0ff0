// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/selftests/lab/guest"
)

// terminal is the one we were started on.
type terminal struct {
	fd    int
	saved *unix.Termios
}

// openTerminal gives the terminal if both input and output are one, or nil.
func openTerminal() (*terminal, error) {
	in, out := int(os.Stdin.Fd()), int(os.Stdout.Fd())
	saved, err := unix.IoctlGetTermios(in, unix.TCGETS)
	if err != nil {
		return nil, nil //nolint:nilerr,nilnil // no terminal is a normal case
	}
	if _, err := unix.IoctlGetTermios(out, unix.TCGETS); err != nil {
		return nil, nil //nolint:nilerr,nilnil // likewise
	}
	return &terminal{fd: in, saved: saved}, nil
}

// raw hands every key through: the guest's terminal gives them their meaning.
func (t *terminal) raw() error {
	raw := *t.saved
	raw.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	raw.Oflag &^= unix.OPOST
	raw.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	raw.Cflag = raw.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(t.fd, unix.TCSETS, &raw); err != nil {
		return fmt.Errorf("set terminal: %w", err)
	}
	return nil
}

func (t *terminal) restore() { _ = unix.IoctlSetTermios(t.fd, unix.TCSETSW, t.saved) }

func (t *terminal) size() guest.Size {
	ws, err := unix.IoctlGetWinsize(t.fd, unix.TIOCGWINSZ)
	if err != nil {
		return guest.Size{Rows: 24, Cols: 80}
	}
	return guest.Size{Rows: ws.Row, Cols: ws.Col}
}

// resized gives the terminal's size whenever it changes.
func (t *terminal) resized() <-chan guest.Size {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGWINCH)
	sizes := make(chan guest.Size)
	go func() {
		for range signals {
			sizes <- t.size()
		}
	}()
	return sizes
}
