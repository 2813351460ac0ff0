// SPDX-License-Identifier: Apache-2.0

package matrix

import (
	"strings"
	"testing"

	"github.com/dpscope/dpscope/selftests/ktap"
)

func TestOrigin(t *testing.T) {
	for _, o := range []Origin{
		{Kernel: "6.1-dpscope", VM: "uml", Release: "6.1.176", Compiler: "gcc (Debian 12.2.0-14) 12.2.0", CPUs: "2", Tests: "upstream 6.12"},
		{Kernel: "6.12", VM: "qemu"},
	} {
		log := ktap.Report{Notes: []string{"other", o.Note()}}
		if got, ok := OriginOf(log); got != o || !ok {
			t.Errorf("%q: %+v, %v", o.Note(), got, ok)
		}
	}
	for _, note := range []string{"", "origin: ", "origin: kernel 6.1", "origin: vm uml", "origin: kernel; vm"} {
		if o, ok := OriginOf(ktap.Report{Notes: []string{note}}); ok {
			t.Errorf("%q: %+v", note, o)
		}
	}
}

func TestParseCompiler(t *testing.T) {
	for version, want := range map[string]string{
		"Linux version 6.1.176 (a@b) (gcc (Debian 12.2.0-14+deb12u1) 12.2.0, GNU ld (GNU Binutils for Debian) 2.40) #1 Sat": "gcc (Debian 12.2.0-14+deb12u1) 12.2.0",
		"Linux version 6.12.107+deb13-amd64 (a@b) (x86_64-linux-gnu-gcc-14 (Debian 14.2.0-19) 14.2.0, GNU ld (x) 2.44) #1":  "x86_64-linux-gnu-gcc-14 (Debian 14.2.0-19) 14.2.0",
		"Linux version 6.1 (a@b) (clang version 19) #1":                                                                     "clang version 19",
		"Linux version 6.1 (a@b": "",
		"Linux )) ( version":     "",
		"":                       "",
	} {
		if got := ParseCompiler(version); got != want {
			t.Errorf("%q: %q, want %q", version, got, want)
		}
	}
}

// FuzzTable: whatever comes is refused or makes a table.
func FuzzTable(f *testing.F) {
	f.Add("KTAP version 1\n1..2\n# " + Origin{Kernel: "6.1", VM: "uml", Tests: "x"}.Note() + "\nok 1 a\nnot ok 2 b # XFAIL c\n")
	f.Add("KTAP version 1\n1..1\nok 1 parity@6.12/uml\n")
	f.Add("TAP version 13\n1..0 # skipped\n")
	f.Add("KTAP version 1\n# origin: kernel a|b; vm <c>\n1..2\nok 1 x#SKIP |\nok 2 x\n")
	f.Fuzz(func(t *testing.T, text string) {
		log, err := ktap.Parse(strings.NewReader(text))
		if err != nil {
			return
		}
		table := New([]Group{{Title: "t", Tests: []string{"x"}}}, nil)
		if table.Add(log) != nil {
			return
		}
		var b strings.Builder
		if table.WriteText(&b) != nil || table.WriteMarkdown(&b) != nil {
			t.Fatal("not written")
		}
		doc, err := ReplaceBlock("<!-- m: x -->\n<!-- end of m -->\n", "m", b.String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = Block(doc, "m")
		_ = Tables(doc)
		_ = ParseCompiler(text)
	})
}
