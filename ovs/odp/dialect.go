// SPDX-License-Identifier: Apache-2.0

package odp

import "fmt"

// Dialect is whose text forms are read and written.
type Dialect uint8

// The two tools that read and print datapath flows.
const (
	OVS       Dialect = iota // ovs-dpctl of Open vSwitch
	Kselftest                // ovs-dpctl.py of the kernel's selftests
)

// String is the dialect's name.
func (d Dialect) String() string {
	switch d {
	case OVS:
		return "ovs"
	case Kselftest:
		return "kselftest"
	}
	return fmt.Sprintf("dialect %d", uint8(d))
}

// ParseDialect reads what String writes.
func ParseDialect(s string) (Dialect, error) {
	for _, d := range []Dialect{OVS, Kselftest} {
		if s == d.String() {
			return d, nil
		}
	}
	return 0, fmt.Errorf("dialect %q: want ovs or kselftest", s)
}

// TextOptions say how a match or a list of actions is written.
type TextOptions struct {
	// Verbose writes every field, also those that match anything, and flags as
	// numbers, as ovs-dpctl does with -m and ovs-dpctl.py with -v.
	Verbose bool

	// Lossless is Verbose, and where the tool's own form would lose something,
	// such as the leading zeros of a cookie, another one is written. Only in
	// the OVS dialect.
	Lossless bool

	// Names shows ports by name where known.
	Names PortNames

	// Dialect is whose text is written.
	Dialect Dialect
}

func (o *TextOptions) verbose() bool { return o.Verbose || o.Lossless }

// ParseOptions say how text is read. The zero value reads the OVS dialect and
// knows no port names.
type ParseOptions struct {
	// Ports resolves the names of ports.
	Ports Ports

	// Dialect is whose text is read. Both take the forms of the other where
	// those say the same. They differ where one text means two things, and in
	// what is refused: see docs/odp-grammar.md.
	Dialect Dialect
}
