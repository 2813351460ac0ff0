// SPDX-License-Identifier: Apache-2.0

package odp

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/dpscope/dpscope/nl"
)

// scanner walks a text; positions in its errors become columns.
type scanner struct {
	what string // "flow" or "actions"
	s    string
	pos  int
	room []byte // for values and masks, see pair

	ParseOptions
}

// pair makes a value and a mask of n bytes each, zero. They come from memory
// shared by many: a flow has a dozen of them.
func (p *scanner) pair(n int) (value, mask []byte) {
	if len(p.room) < 2*n {
		p.room = make([]byte, max(256, 2*n))
	}
	value, mask = p.room[:n:n], p.room[n:2*n:2*n]
	p.room = p.room[2*n:]
	return value, mask
}

// where is the place an error is about: a key or action, a field of it, and
// whether it is the field's mask. It is made into text only for an error.
type where struct {
	key, field string
	mask       bool
}

func (w where) String() string {
	s := w.key
	if w.field != "" {
		s += ": " + w.field
	}
	if w.mask {
		s += " mask"
	}
	return s
}

func (w where) ofMask() where { w.mask = true; return w }

func (p *scanner) errf(pos int, format string, args ...any) error {
	return p.errName(pos, "", format, args...)
}

// errName is errf for a word that no port is named after.
func (p *scanner) errName(pos int, name, format string, args ...any) error {
	msg := fmt.Sprintf(format, args...)
	if len(msg) > maxMessage {
		msg = strings.ToValidUTF8(msg[:maxMessage], "") + "..."
	}
	return &SyntaxError{What: p.what, Column: pos + 1, Msg: msg, Name: name}
}

// maxMessage bounds what an error repeats of a text that may be of any length.
const maxMessage = 300

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

func (p *scanner) expect(c byte, key, field string) error {
	if p.accept(c) {
		return nil
	}
	w := where{key: key, field: field}
	if p.pos == len(p.s) {
		return p.errf(p.pos, "%s: %q is missing at the end", w, c)
	}
	return p.errf(p.pos, "%s: expected %q, found %q", w, c, p.peek())
}

// skipDelims skips what may separate two keys or two actions.
func (p *scanner) skipDelims() {
	for p.pos < len(p.s) && isDelim(p.s[p.pos]) {
		p.pos++
	}
}

func isDelim(c byte) bool { return c == ',' || c == ' ' || c == '\t' || c == '\r' || c == '\n' }

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

// fields calls f for each field in parentheses, which f reads from behind its
// name on; the closing parenthesis is left. A name may appear once, except for
// attributes by number. Empty places between commas, which the kernel selftests'
// tool prints for parts it hides, are skipped.
func (p *scanner) fields(key string, f func(name string, at int) error) error {
	var (
		room [16]string
		seen = room[:0]
	)
	return p.repeated(key, func(name string, at int) error {
		if slices.Contains(seen, name) && name != "unknown" {
			return p.errf(at, "%s: %s appears twice", key, name)
		}
		seen = append(seen, name)
		return f(name, at)
	})
}

// repeated is fields for names that may appear more than once.
func (p *scanner) repeated(key string, f func(name string, at int) error) error {
	for {
		p.skipDelims()
		if p.pos == len(p.s) || p.peek() == ')' {
			return nil
		}
		at := p.pos
		name := p.span(isWord)
		if name == "" {
			return p.errf(at, "%s: expected a field, found %q", key, p.peek())
		}
		if err := f(name, at); err != nil {
			return err
		}
		if c := p.peek(); c != ')' && !isDelim(c) && p.pos < len(p.s) {
			return p.errf(p.pos, "%s: unexpected %q after %s", key, c, name)
		}
	}
}

func (p *scanner) noField(key, name string, at int) error {
	return p.errf(at, "%s: no field %q", key, name)
}

// number reads a decimal or 0x number of at most bits bits.
func (p *scanner) number(w where, bits int) (uint64, error) {
	at := p.pos
	word := p.span(isWord)
	digits, base := word, 10
	if rest, ok := cutHexPrefix(word); ok {
		digits, base = rest, 16
	} else if len(word) > 1 && word[0] == '0' && isDigits(word) {
		// The C tool takes it for octal, the Python one refuses it.
		return 0, p.errf(at, "%s: %q could be octal or decimal; leave out the leading zero or write 0x", w, word)
	}
	v, err := strconv.ParseUint(digits, base, 64)
	switch {
	case word == "":
		return 0, p.errf(at, "%s: a number is missing", w)
	case err != nil && digits != "" && isNumber(digits, base), err == nil && bits < 64 && v>>bits != 0:
		return 0, p.errf(at, "%s: %s does not fit %d bits", w, word, bits)
	case err != nil:
		return 0, p.errf(at, "%s: %q is no number", w, word)
	}
	return v, nil
}

// assigned reads =N.
func (p *scanner) assigned(key, field string, bits int) (uint64, error) {
	if err := p.expect('=', key, field); err != nil {
		return 0, err
	}
	return p.number(where{key: key, field: field}, bits)
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
func (p *scanner) device() (word string, port uint32, ok bool) {
	word = p.span(isDevice)
	if isNumeral(word) {
		return word, 0, false
	}
	port, ok = p.Ports[word]
	return word, port, ok
}

// port reads the number or the name of a port.
func (p *scanner) port(key, field string) (uint32, error) {
	at := p.pos
	word, port, ok := p.device()
	if ok {
		return port, nil
	}
	w := where{key: key, field: field}
	if word != "" && (word[0] < '0' || word[0] > '9') {
		return 0, p.errName(at, word, "%s: no port %q in the datapath", w, word)
	}
	p.pos = at
	v, err := p.number(w, 32)
	return uint32(v), err
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
func (p *scanner) masked(w where, bits int, exact uint64) (v, m uint64, err error) {
	if v, err = p.number(w, bits); err != nil {
		return 0, 0, err
	}
	m = exact
	if !p.slash() {
		return v, m, nil
	}
	m, err = p.number(w.ofMask(), bits)
	return v, m, err
}

// slash accepts what stands before a mask. Where there is none and text says so,
// "/none" is left.
func (p *scanner) slash() bool { return !strings.HasPrefix(p.s[p.pos:], "/none") && p.accept('/') }

// hexBytes reads an even number of hex digits, at most limit bytes (none if
// limit is negative).
func (p *scanner) hexBytes(w where, limit int) ([]byte, error) {
	at := p.pos
	word, err := p.hexWord(w, limit)
	if err != nil {
		return nil, err
	}
	if len(word)%2 != 0 {
		return nil, p.errf(at, "%s: odd number of hex digits", w)
	}
	b := make([]byte, len(word)/2)
	if _, err := hex.Decode(b, []byte(word)); err != nil {
		return nil, p.errf(at, "%s: %v", w, err)
	}
	return b, nil
}

// hexNumber reads hex digits as a number of as many bytes as it takes.
func (p *scanner) hexNumber(w where, limit int) ([]byte, error) {
	at := p.pos
	word, err := p.hexWord(w, limit)
	if err != nil {
		return nil, err
	}
	if len(word)%2 != 0 {
		word = "0" + word
	}
	b := make([]byte, len(word)/2)
	if _, err := hex.Decode(b, []byte(word)); err != nil {
		return nil, p.errf(at, "%s: %v", w, err)
	}
	return b, nil
}

func (p *scanner) hexWord(w where, limit int) (string, error) {
	at := p.pos
	word := p.span(isWord)
	for i := range len(word) {
		if !isHex(word[i]) {
			return "", p.errf(at+i, "%s: %q is no hex digit", w, word[i])
		}
	}
	switch n := (len(word) + 1) / 2; {
	case limit >= 0 && n > limit:
		return "", p.errf(at, "%s longer than %d bytes", w, limit)
	case n > nl.MaxAttrPayload:
		return "", p.errf(at, "%s: more bytes than an attribute holds", w)
	}
	return word, nil
}

// wideNumber reads a number into big-endian bytes: hex of any length that fits,
// decimal below 2^64.
func (p *scanner) wideNumber(w where, b []byte) error {
	at := p.pos
	word := p.span(isWord)
	digits, ok := cutHexPrefix(word)
	if !ok {
		p.pos = at
		v, err := p.number(w, min(64, 8*len(b)))
		for i := len(b) - 1; i >= 0; i-- {
			b[i] = byte(v)
			v >>= 8
		}
		return err
	}
	if len(digits) == 0 || len(digits) > 2*len(b) || !isNumber(digits, 16) {
		return p.errf(at, "%s: want a hex number of at most %d bits", w, 8*len(b))
	}
	clear(b)
	for i := range b {
		end := len(digits) - 2*i
		if end <= 0 {
			break
		}
		b[len(b)-1-i] = hexValue(digits[max(end-2, 0):end])
	}
	return nil
}

func hexValue(digits string) byte {
	var v byte
	for i := range len(digits) {
		c := digits[i] | 0x20 // letters to lower case, digits stay
		if c >= 'a' {
			c -= 'a' - 10
		} else {
			c -= '0'
		}
		v = v<<4 | c
	}
	return v
}
