// SPDX-License-Identifier: Apache-2.0

package modstate

import (
	"bytes"
	"encoding/json"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/dpscope/dpscope/internal/jsonschema"
)

const release = "6.1.0-50-amd64"

// machine is a kernel to make reports of.
type machine struct {
	sys, proc, modules fstest.MapFS
	dep                []string
}

func newMachine() *machine {
	return &machine{sys: fstest.MapFS{}, proc: fstest.MapFS{}, modules: fstest.MapFS{}}
}

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

// objects are the files of either kind, by module; the id is the build's.
func objects(ours bool, id byte) map[string][]byte {
	if ours {
		return map[string][]byte{
			"psample": makeObject(away, id, symbol{extra, true}), "act_sample": makeObject(away, id, symbol{extra, false}),
			"openvswitch": makeObject(away, id, symbol{extra, false}),
		}
	}
	return map[string][]byte{
		"psample": makeObject(inTree, id, symbol{"psample_sample_packet", true}), "act_sample": makeObject(inTree, id, symbol{"psample_sample_packet", false}),
		"openvswitch": makeObject(inTree, id, symbol{"nf_nat", false}),
	}
}

// install puts a module where modprobe finds it.
func (m *machine) install(name string, ours bool, id byte) {
	where := map[string]string{"psample": "kernel/net/psample", "act_sample": "kernel/net/sched", "openvswitch": "kernel/net/openvswitch"}[name]
	if ours {
		where = "updates/dkms"
	}
	file := where + "/" + name + ".ko"
	m.modules[path.Join(release, file)] = &fstest.MapFile{Data: objects(ours, id)[name]}
	m.dep = append(m.dep, file+": kernel/net/x.ko")
	m.modules[path.Join(release, "modules.dep")] = fileOf(m.dep)
}

func fileOf(lines []string) *fstest.MapFile { return file(strings.Join(lines, "\n") + "\n") }

func (m *machine) installAll(ours bool, id byte) {
	for _, name := range Names {
		m.install(name, ours, id)
	}
}

// load makes a module a loaded one.
func (m *machine) load(name string, ours bool, id byte, users ...string) {
	dir := "module/" + name
	taint := "\n"
	if ours {
		taint = "OE\n"
		if name == "psample" {
			m.proc["kallsyms"] = file("0000000000000000 t vfs_read\n0000000000000000 t " + extra + "\t[psample]\n")
		}
	}
	m.sys[dir+"/initstate"], m.sys[dir+"/taint"] = file("live\n"), file(taint)
	note := append([]byte("\x04\x00\x00\x00\x14\x00\x00\x00\x03\x00\x00\x00GNU\x00"), bytes.Repeat([]byte{id}, 20)...)
	m.sys[dir+"/notes/"+noteName] = &fstest.MapFile{Data: note}
	for _, u := range users {
		m.sys[dir+"/holders/"+u+"/x"] = file("")
	}
}

func (m *machine) report(t *testing.T, release string) Report {
	t.Helper()
	r, err := Read(Source{Release: release, Sys: m.sys, Proc: m.proc, Modules: m.modules})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestFindings(t *testing.T) {
	for _, tc := range []struct {
		what    string
		release string
		prepare func(m *machine)
		loaded  []Kind
		action  bool
		texts   []string
	}{
		{"stock", release, func(m *machine) { m.installAll(false, 1) }, []Kind{None, None, None}, true,
			[]string{"modprobe loads the kernel's own modules"}},
		{"stock, loaded", release, func(m *machine) {
			m.installAll(false, 1)
			m.load("psample", false, 1)
		}, []Kind{Kernel, None, None}, true, []string{"modprobe loads the kernel's own modules"}},
		{"ours", release, func(m *machine) { m.installAll(true, 1) }, []Kind{None, None, None}, false,
			[]string{"modprobe will load dpscope's"}},
		{"ours, loaded", release, func(m *machine) {
			m.installAll(true, 1)
			m.load("psample", true, 1, "act_sample", "openvswitch")
			m.load("act_sample", true, 1)
			m.load("openvswitch", true, 1)
		}, []Kind{Ours, Ours, Ours}, false, []string{"dpscope's modules are in use"}},
		{"ours, stock psample from the initramfs", release, func(m *machine) {
			m.installAll(true, 1)
			m.load("psample", false, 9, "mlx5_core")
		}, []Kind{Kernel, None, None}, true, []string{"(used by mlx5_core) and keeps it out"}},
		{"stock act_sample beside our psample", release, func(m *machine) {
			m.installAll(true, 1)
			m.load("psample", true, 1, "act_sample")
			m.load("act_sample", false, 9)
		}, []Kind{Ours, Kernel, None}, true, []string{"act_sample: another one than dpscope's is loaded: samples of tc have no cookies"}},
		{"stock openvswitch", release, func(m *machine) {
			m.installAll(true, 1)
			m.load("openvswitch", false, 9)
		}, []Kind{None, None, Kernel}, true, []string{"openvswitch: another one than dpscope's is loaded: Open vSwitch has no psample action"}},
		{"another build of ours", release, func(m *machine) {
			m.installAll(true, 1)
			m.load("psample", true, 9, "act_sample")
			m.load("act_sample", true, 9)
		}, []Kind{Ours, Ours, None}, true, []string{"psample: another build", "act_sample: another build"}},
		{"another's openvswitch", release, func(m *machine) {
			m.installAll(true, 1)
			m.load("openvswitch", true, 9) // tainted, and does not hold psample
		}, []Kind{None, None, Other}, true, []string{"openvswitch: another one than dpscope's"}},
		{"removed, still loaded", release, func(m *machine) {
			m.installAll(false, 1)
			m.load("psample", true, 9)
		}, []Kind{Ours, None, None}, true, []string{"psample: dpscope's is loaded but no longer installed"}},
		{"a part of ours", release, func(m *machine) {
			m.install("psample", false, 1)
			m.install("act_sample", false, 1)
			m.install("openvswitch", true, 1)
		}, []Kind{None, None, None}, true, []string{"only openvswitch would be dpscope's"}},
		{"locked down", release, func(m *machine) {
			m.installAll(true, 1)
			m.sys["kernel/security/lockdown"] = file("none [integrity] confidentiality\n")
		}, []Kind{None, None, None}, true, []string{"psample: this kernel takes signed modules only", "openvswitch: this kernel takes signed"}},
		{"not locked down", release, func(m *machine) {
			m.installAll(true, 1)
			m.sys["kernel/security/lockdown"] = file("[none] integrity confidentiality\n")
			m.sys["module/module/parameters/sig_enforce"] = file("N\n")
		}, []Kind{None, None, None}, false, []string{"modprobe will load"}},
		{"signatures enforced", release, func(m *machine) {
			m.installAll(true, 1)
			m.sys["module/module/parameters/sig_enforce"] = file("Y\n")
		}, []Kind{None, None, None}, true, []string{"signed modules only"}},
		{"built in", release, func(m *machine) {
			m.install("openvswitch", true, 1)
			m.install("act_sample", true, 1)
			m.modules[path.Join(release, "modules.builtin")] = file("kernel/net/psample/psample.ko\n")
		}, []Kind{Builtin, None, None}, true, []string{"psample: built into this kernel"}},
		{"compressed", release, func(m *machine) {
			m.installAll(true, 1)
			m.modules[path.Join(release, "updates/dkms/openvswitch.ko")] = file("\xfd7zXZ\x00")
		}, []Kind{None, None, None}, false, []string{"openvswitch: whose the file is cannot be told"}},
		{"file gone", release, func(m *machine) {
			m.installAll(true, 1)
			delete(m.modules, path.Join(release, "updates/dkms/psample.ko"))
		}, []Kind{None, None, None}, false, []string{"psample: whose the file is"}},
		{"no modules at all", release, func(*machine) {}, []Kind{None, None, None}, true, []string{"there is no /lib/modules/" + release}},
		{"being unloaded", release, func(m *machine) {
			m.installAll(true, 1)
			m.load("psample", false, 1)
			m.sys["module/psample/initstate"] = file("going\n")
		}, []Kind{None, None, None}, false, []string{"modprobe will load"}},
		{"6.11", "6.11.0-1", func(*machine) {}, []Kind{None, None, None}, false, []string{"Linux 6.11 has everything"}},
		{"6.12", "6.12.107+deb13-amd64", func(*machine) {}, []Kind{None, None, None}, false, []string{"Linux 6.12 has everything"}},
		{"7.2", "7.2-rc1", func(*machine) {}, []Kind{None, None, None}, false, []string{"Linux 7.2 has everything"}},
		{"6.6", "6.6.9", func(*machine) {}, []Kind{None, None, None}, true, []string{"no patches for it"}},
		{"6.10", "6.10.9", func(*machine) {}, []Kind{None, None, None}, true, []string{"no patches for it"}},
		{"5.10", "5.10.0-9-amd64", func(*machine) {}, []Kind{None, None, None}, true, []string{"no patches for it"}},
		{"odd", "mine", func(*machine) {}, []Kind{None, None, None}, false, []string{"cannot be told by its release"}},
	} {
		t.Run(tc.what, func(t *testing.T) {
			m := newMachine()
			tc.prepare(m)
			r := m.report(t, tc.release)
			var loaded []Kind
			for _, item := range r.Items {
				loaded = append(loaded, item.Loaded)
			}
			if !slices.Equal(loaded, tc.loaded) {
				t.Errorf("loaded: %v", loaded)
			}
			if r.NeedsAction() != tc.action || len(r.Findings) == 0 {
				t.Errorf("needs action: %v", r.NeedsAction())
			}
			var text bytes.Buffer
			if err := r.WriteText(&text); err != nil {
				t.Fatal(err)
			}
			for _, want := range tc.texts {
				if !strings.Contains(text.String(), want) {
					t.Errorf("no %q", want)
				}
			}
			if t.Failed() {
				t.Log(text.String())
			}
			followsSchema(t, r)
		})
	}
}

func followsSchema(t *testing.T, r Report) {
	t.Helper()
	s, err := jsonschema.Load(filepath.Join("..", "..", "docs", "schema", "dplab-doctor.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Check(data); err != nil {
		t.Errorf("%v\n%s", err, data)
	}
}

// TestBadInput wants an error or a report, and no file from elsewhere.
func TestBadInput(t *testing.T) {
	m := newMachine()
	for _, release := range []string{"", "..", "a/b", "/", "\x00", "6.1/../x"} {
		if _, err := Read(Source{Release: release, Sys: m.sys, Proc: m.proc, Modules: m.modules}); err == nil {
			t.Errorf("release %q: no error", release)
		}
	}
	for _, dep := range []string{
		"../../etc/psample.ko:\n", "/etc/psample.ko:\n", ":\n", "psample.ko\n", "\x00/psample.ko:",
		strings.Repeat("x", 1<<16) + "/psample.ko:\n",
	} {
		m.modules[path.Join(release, "modules.dep")] = file(dep)
		r := m.report(t, release)
		if k := r.Module("psample").Installed; k != Unknown && k != None {
			t.Errorf("modules.dep %.40q: psample is %s", dep, k)
		}
	}
	m.modules[path.Join(release, "modules.dep")] = file(strings.Repeat("x", 2<<20))
	if _, err := Read(Source{Release: release, Sys: m.sys, Proc: m.proc, Modules: m.modules}); err == nil {
		t.Error("a line of two megabytes: no error")
	}
}

func TestHasSymbol(t *testing.T) {
	long := strings.Repeat("x", 200<<10)
	for _, tc := range []struct {
		text string
		want bool
	}{
		{"0 t a [psample]\n0 T " + extra + "\t[psample]\n", true},
		{"0 T " + extra + " [psample]", true},
		{"0 T " + extra + " [other]\n", false},
		{"0 T " + extra + "\n", false},
		{"0 T " + extra + "2 [psample]\n", false},
		{long + " 0 T " + extra + " [psample]\n", false},
		{long + "\n0 T " + extra + " [psample]\n", true},
		{"", false},
	} {
		got, err := hasSymbol(strings.NewReader(tc.text), extra, "psample")
		if err != nil || got != tc.want {
			t.Errorf("%.60q: %v, %v", tc.text, got, err)
		}
	}
}

func FuzzParseIndex(f *testing.F) {
	f.Add("kernel/net/psample/psample.ko: \nupdates/dkms/act-sample.ko.xz: a b\n")
	f.Add(":\n\x00\n//psample")
	f.Fuzz(func(t *testing.T, text string) {
		files, err := parseIndex(strings.NewReader(text))
		if err != nil {
			return
		}
		for name, file := range files {
			if !slices.Contains(Names, name) || !strings.Contains(text, file) {
				t.Errorf("%q: %q", name, file)
			}
		}
	})
}

func FuzzHasSymbol(f *testing.F) {
	f.Add("0 T " + extra + " [psample]\n")
	f.Add("\n\n0")
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := hasSymbol(strings.NewReader(text), extra, "psample"); err != nil || got && !strings.Contains(text, extra) {
			t.Errorf("%v, %v", got, err)
		}
	})
}
