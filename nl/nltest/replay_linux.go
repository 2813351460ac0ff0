// SPDX-License-Identifier: Apache-2.0

package nltest

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"
	"syscall"

	"github.com/mdlayher/netlink"
)

// maxNoteLine bounds a line of notes: a message of 64 KiB in hex and its header.
const maxNoteLine = 256 << 10

// Replay reads notes of a Recorder. The handler answers a request with what the
// real kernel answered to the same bytes, in the order they were recorded; the
// last answer is given again and again. A request that was not recorded is
// refused with ENOSYS and a text that says so.
func Replay(r io.Reader) (Handler, error) {
	type key struct {
		family   int
		typ      netlink.HeaderType
		flags    netlink.HeaderFlags
		contents string
	}
	answers := map[key][][]netlink.Message{}
	var (
		current key
		started bool
	)
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, maxNoteLine)
	for n := 1; sc.Scan(); n++ {
		line := bytes.TrimSpace(sc.Bytes())
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		sent, family, m, err := parseNote(string(line))
		switch {
		case err != nil:
			return nil, fmt.Errorf("notes: line %d: %w", n, err)
		case sent:
			current, started = key{family, m.Header.Type, m.Header.Flags, string(m.Data)}, true
			answers[current] = append(answers[current], nil)
		case !started:
			return nil, fmt.Errorf("notes: line %d: an answer before the first request", n)
		default:
			list := answers[current]
			list[len(list)-1] = append(list[len(list)-1], m)
		}
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("notes: %w", err)
	}
	return func(r Request) []netlink.Message {
		k := key{r.Family, r.Message.Header.Type, r.Message.Header.Flags, string(r.Message.Data)}
		list := answers[k]
		if len(list) == 0 {
			return []netlink.Message{Ack(syscall.ENOSYS, fmt.Sprintf("not recorded: %s", note(true, r.Family, r.Message)), 0)}
		}
		if len(list) > 1 {
			answers[k] = list[1:]
		}
		return append([]netlink.Message(nil), list[0]...)
	}, nil
}

// note writes a message as a line: the direction, the netlink family, type and
// flags from its header, its contents.
func note(sent bool, family int, m netlink.Message) string {
	direction := "<"
	if sent {
		direction = ">"
	}
	return fmt.Sprintf("%s %d %d %#x %s", direction, family, m.Header.Type, uint16(m.Header.Flags), hex.EncodeToString(m.Data))
}

func parseNote(line string) (sent bool, family int, m netlink.Message, err error) {
	f := strings.Fields(line)
	if len(f) == 4 {
		f = append(f, "") // a message without contents
	}
	if len(f) != 5 || f[0] != ">" && f[0] != "<" {
		return false, 0, m, fmt.Errorf("want > or <, family, type, flags and contents")
	}
	family64, err := strconv.ParseUint(f[1], 0, 8)
	if err != nil {
		return false, 0, m, err
	}
	typ, err := strconv.ParseUint(f[2], 0, 16)
	if err != nil {
		return false, 0, m, err
	}
	flags, err := strconv.ParseUint(f[3], 0, 16)
	if err != nil {
		return false, 0, m, err
	}
	m.Header.Type, m.Header.Flags = netlink.HeaderType(typ), netlink.HeaderFlags(flags)
	m.Data, err = hex.DecodeString(f[4])
	return f[0] == ">", int(family64), m, err
}
