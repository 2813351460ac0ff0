// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/dpscope/dpscope/nl"
)

// scanner walks a text; positions in its errors become columns.
type scanner struct {
	what string // "flow" or "actions"
	s    string
	pos  int
}

func (p *scanner) errf(pos int, format string, args ...any) error {
	return &SyntaxError{What: p.what, Column: pos + 1, Msg: fmt.Sprintf(format, args...)}
}

// errName is errf for a word that no port is named after.
func (p *scanner) errName(pos int, name, format string, args ...any) error {
	return &SyntaxError{What: p.what, Column: pos + 1, Msg: fmt.Sprintf(format, args...), Name: name}
}

// peek is the next byte, 0 at the end.
func (p *scanner) peek() byte {
	if p.pos < len(p.s) {
		return p.s[p.pos]
	}
	return 0
}

func (p *scanner) accept(c byte) bool {
	if p.peek() != c || p.pos == len(p.s) {
		return false
	}
	p.pos++
	return true
}

func (p *scanner) acceptString(s string) bool {
	if !strings.HasPrefix(p.s[p.pos:], s) {
		return false
	}
	p.pos += len(s)
	return true
}

func (p *scanner) expect(c byte, where string) error {
	if p.accept(c) {
		return nil
	}
	if p.pos == len(p.s) {
		return p.errf(p.pos, "%s: %q is missing at the end", where, c)
	}
	return p.errf(p.pos, "%s: expected %q, found %q", where, c, p.peek())
}

// skipDelims skips what may separate two keys or two actions.
func (p *scanner) skipDelims() {
	for p.pos < len(p.s) && strings.IndexByte(", \t\r\n", p.s[p.pos]) >= 0 {
		p.pos++
	}
}

// span consumes bytes while ok holds.
func (p *scanner) span(ok func(byte) bool) string {
	at := p.pos
	for p.pos < len(p.s) && ok(p.s[p.pos]) {
		p.pos++
	}
	return p.s[at:p.pos]
}

func isWord(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// isDevice holds for what may stand in a device name here: everything that
// does not end a word in this grammar.
func isDevice(c byte) bool {
	return c > ' ' && strings.IndexByte(",()/=", c) < 0
}

// number reads a decimal or 0x number of at most bits bits.
func (p *scanner) number(where string, bits int) (uint64, error) {
	at := p.pos
	word := p.span(isWord)
	digits, base := word, 10
	if rest, ok := cutHexPrefix(word); ok {
		digits, base = rest, 16
	} else if len(word) > 1 && word[0] == '0' && isDigits(word) {
		// The C tool takes it for octal, the Python one refuses it.
		return 0, p.errf(at, "%s: %q could be octal or decimal; leave out the leading zero or write 0x", where, word)
	}
	v, err := strconv.ParseUint(digits, base, 64)
	switch {
	case word == "":
		return 0, p.errf(at, "%s: a number is missing", where)
	case err != nil && digits != "" && isNumber(digits, base), err == nil && bits < 64 && v>>bits != 0:
		return 0, p.errf(at, "%s: %s does not fit %d bits", where, word, bits)
	case err != nil:
		return 0, p.errf(at, "%s: %q is no number", where, word)
	}
	return v, nil
}

// isNumeral holds for words that number reads, whatever their size.
func isNumeral(word string) bool {
	if digits, ok := cutHexPrefix(word); ok {
		return digits != "" && isNumber(digits, 16)
	}
	return word != "" && isDigits(word)
}

// device reads a word that may name a port. A numeral never does: the same text
// must mean the same port whatever devices are called.
func (p *scanner) device(ports Ports) (word string, port uint32, ok bool) {
	word = p.span(isDevice)
	if isNumeral(word) {
		return word, 0, false
	}
	port, ok = ports[word]
	return word, port, ok
}

func isDigits(s string) bool { return isNumber(s, 10) }

func isNumber(s string, base int) bool {
	for i := range len(s) {
		if s[i] >= '0' && s[i] <= '9' || base == 16 && isHex(s[i]) {
			continue
		}
		return false
	}
	return true
}

func cutHexPrefix(s string) (string, bool) {
	if len(s) > 1 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X') {
		return s[2:], true
	}
	return s, false
}

// masked reads n or n/m; without a mask it returns exact.
func (p *scanner) masked(where string, bits int, exact uint64) (v, m uint64, err error) {
	if v, err = p.number(where, bits); err != nil {
		return 0, 0, err
	}
	m = exact
	if !p.accept('/') {
		return v, m, nil
	}
	m, err = p.number(where+" mask", bits)
	return v, m, err
}

// hexBytes reads an even number of hex digits, at most limit bytes (none if
// limit is negative).
func (p *scanner) hexBytes(where string, limit int) ([]byte, error) {
	at := p.pos
	word := p.span(isWord)
	for i := range len(word) {
		if !isHex(word[i]) {
			return nil, p.errf(at+i, "%s: %q is no hex digit", where, word[i])
		}
	}
	switch {
	case limit >= 0 && (len(word)+1)/2 > limit:
		return nil, p.errf(at, "%s longer than %d bytes", where, limit)
	case len(word)%2 != 0:
		return nil, p.errf(at, "%s: odd number of hex digits", where)
	case len(word)/2 > nl.MaxAttrPayload:
		return nil, p.errf(at, "%s: more bytes than an attribute holds", where)
	}
	b := make([]byte, len(word)/2)
	if _, err := hex.Decode(b, []byte(word)); err != nil {
		return nil, p.errf(at, "%s: %v", where, err)
	}
	return b, nil
}
