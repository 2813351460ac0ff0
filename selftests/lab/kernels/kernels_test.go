// SPDX-License-Identifier: Apache-2.0

package kernels

import (
	"errors"
	"strings"
	"testing"
)

func TestCatalogue(t *testing.T) {
	seen, ids := map[string]bool{}, map[string]bool{}
	for _, k := range Everything() {
		if seen[k.String()] || ids[k.ID()] {
			t.Errorf("%s is listed twice", k)
		}
		seen[k.String()], ids[k.ID()] = true, true
		if k.Package == "" || k.Series == "" || k.Summary == "" {
			t.Errorf("%s: incomplete: %+v", k, k)
		}
		if vm, err := ParseVM(string(k.VM)); err != nil || vm != k.VM || k.VM == "" {
			t.Errorf("%s: %v", k, err)
		}
		if (k.Source == "") != (k.Patches == "" && !k.Zones) {
			t.Errorf("%s: what is built needs a source and the other way round", k)
		}
		if (k.Headers == "") != (k.VM == UML || k.Source == "") {
			t.Errorf("%s: what is built for a machine needs headers", k)
		}
		if k.Moving && k.Suite == "" {
			t.Errorf("%s: a moving suite has no name", k)
		}
		if k.Source != "" && !strings.HasSuffix(k.Source, "-"+k.Series) {
			t.Errorf("%s: source %s is not of series %s", k, k.Source, k.Series)
		}
		if k.Without != "" && !k.Hidden {
			t.Errorf("%s: half a series is shown", k)
		}
		if got, err := Find(k.Name, k.VM); err != nil || got.ID() != k.ID() {
			t.Errorf("Find(%s) = %s, %v", k, got, err)
		}
		if k.Base == AsUML {
			if u, err := Find(k.Series, UML); err != nil || u.Suite != k.Suite || u.Series != k.Series {
				t.Errorf("%s: it follows %s: %v", k, u, err)
			}
		}
	}
	// Every VM offers the same kernels, but that there is one user-mode kernel
	// for each suite.
	for _, k := range All() {
		for _, vm := range VMs() {
			if vm == UML && k.VM == QEMU && k.Suite == "" && k.Base == Newest {
				continue
			}
			if _, err := Find(k.Name, vm); err != nil || k.Hidden {
				t.Errorf("%s on %s: %v", k, vm, err)
			}
		}
	}
	_, err := Find("2.4", UML)
	if !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), Default) || strings.Contains(err.Error(), "copies") {
		t.Errorf("Find(2.4): %v", err)
	}
	if _, err := Find(Default, "vmware"); !errors.Is(err, ErrUnknown) {
		t.Errorf("Find on another VM: %v", err)
	}
}

func TestParseVM(t *testing.T) {
	for name, want := range map[string]VM{"uml": UML, "qemu": QEMU, "": UML, "QEMU": "", "vmware": ""} {
		got, err := ParseVM(name)
		if got != want || errors.Is(err, ErrUnknownVM) != (want == "") {
			t.Errorf("ParseVM(%q) = %q, %v", name, got, err)
		}
	}
}

func TestFindSource(t *testing.T) {
	for _, series := range []string{"6.1", "6.12", "7.2"} {
		k, err := FindSource(series)
		if err != nil || k.Source != "linux-source-"+series {
			t.Errorf("%s: %s, %v", series, k.Source, err)
		}
	}
	if _, err := FindSource("6.6"); !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), "6.1, 6.12, 7.2") {
		t.Errorf("FindSource(6.6): %v", err)
	}
}

func TestInSeries(t *testing.T) {
	for _, c := range []struct {
		version, series string
		want            bool
	}{
		{"6.1um4+b13", "6.1", true}, {"6.1.176", "6.1", true}, {"6.1", "6.1", true}, {"6.12um1", "6.1", false},
		{"6.12um1+b21", "6.12", true}, {"7.2um1", "6.1", false}, {"", "6.1", false},
	} {
		if got := InSeries(c.version, c.series); got != c.want {
			t.Errorf("InSeries(%q, %q) = %v", c.version, c.series, got)
		}
	}
}

func TestSourceFor(t *testing.T) {
	versions := []string{"6.1.192-2", "6.1.192-1", "6.1.176-2", "6.1.176-1", "6.1.17-1"}
	for release, want := range map[string]string{
		"6.1.176": "6.1.176-2", "6.1.192": "6.1.192-2", "6.1.17": "6.1.17-1", "6.1.1": "", "6.1": "",
	} {
		got, ok := SourceFor(versions, release)
		if got != want || ok != (want != "") {
			t.Errorf("SourceFor(%s) = %q, %v, want %q", release, got, ok, want)
		}
	}
}

func TestNearestSource(t *testing.T) {
	versions := []string{"6.12.107-1", "6.12.107~rc1-1", "6.12.94-2", "6.12.94-1", "6.1.101-1", "junk", "6.12"}
	for release, want := range map[string]string{
		"6.12.101": "6.12.107-1", "6.12.100": "6.12.94-2", "6.12.107": "6.12.107-1", "6.12.3": "6.12.94-2",
		"6.1.101": "6.1.101-1", "7.2.7": "", "6.12": "", "x": "",
	} {
		got, ok := NearestSource(versions, release)
		if got != want || ok != (want != "") {
			t.Errorf("NearestSource(%s) = %q, %v, want %q", release, got, ok, want)
		}
	}
	// Half way, the newer one: it has the fixes.
	if got, _ := NearestSource([]string{"6.12.102-1", "6.12.100-1"}, "6.12.101"); got != "6.12.102-1" {
		t.Errorf("half way: %q", got)
	}
}

func TestSublevel(t *testing.T) {
	for release, want := range map[string]int{"6.12.101": 101, "7.2.0": 0, "7.2": -1, "6.12.x": -1, "": -1, "6.1.1-rc1": -1} {
		n, ok := Sublevel(release)
		if ok != (want >= 0) || ok && n != want {
			t.Errorf("Sublevel(%q) = %d, %v", release, n, ok)
		}
	}
}

func TestParseRelease(t *testing.T) {
	for text, want := range map[string]string{
		"6.1.176\n": "6.1.176", " 6.12.101 ": "6.12.101", "7.2.7-rc1+": "7.2.7-rc1+",
		"": "", "linux": "", "6.1/../..": "", "6.1 176": "", strings.Repeat("6", 65): "",
	} {
		got, err := ParseRelease(text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("ParseRelease(%q) = %q, %v", text, got, err)
		}
	}
}

func FuzzParseRelease(f *testing.F) {
	for _, s := range []string{"6.1.176\n", "", "6.1/..", "6\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if r, err := ParseRelease(text); err == nil && (strings.ContainsAny(r, "/ \n\x00") || r == "") {
			t.Errorf("%q gave the release %q", text, r)
		}
	})
}
