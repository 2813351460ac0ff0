// SPDX-License-Identifier: Apache-2.0

//go:build linux

package build

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dpscope/dpscope/selftests/lab/apt"
)

// Names in the directory of a userland while it is made.
const (
	mirrorDir  = "mirror"
	scriptFile = "userland.sh"
	packedFile = "root.tar"
)

// isolated gives a program namespaces of its own: its mounts and processes end
// with it.
var isolated = []string{"unshare", "--mount", "--mount-proc", "--pid", "--fork", "--kill-child", "--ipc", "--uts", "--net"}

// probeScript does what debootstrap will: mount, and make a device that works.
const probeScript = `mount -t tmpfs lab /mnt && mknod "$1" c 1 3 && : >"$1"; status=$?; rm -f "$1"; exit $status`

// install has debootstrap install the packages of the archive in the userland's
// directory: right there as root, or else in a guest.
func (m *bootstrap) install(u Userland, all []apt.Package) error {
	wanted := slices.DeleteFunc(m.s.Packages(), func(name string) bool {
		return !slices.ContainsFunc(all, func(p apt.Package) bool { return p.Name == name })
	})
	script := filepath.Join(u.Dir, scriptFile)
	if err := os.WriteFile(script, []byte(userlandScript), 0o644); err != nil {
		return fmt.Errorf("fill cache: %w", err)
	}
	defer func() { _ = os.Remove(script) }()
	path := filepath.Join(m.Cache.Root, "logs", "suite-"+m.s.Name+".log")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	log, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	defer log.Close()
	args := []string{"sh", "./" + scriptFile, m.s.Name, strings.Join(wanted, ","), mirrorDir}
	if why := m.notHere(u.Dir); why != "" {
		if m.Guest == nil {
			return fmt.Errorf("install packages: %s", why)
		}
		return m.step("installing them in a guest, which takes minutes ("+why+")", func() error {
			return m.installInGuest(u, log, append(args, packedFile))
		})
	}
	// Variables like TMPDIR would be followed inside the new system.
	clean := []string{"env", "-i", "PATH=" + toolPath(), "LC_ALL=C", "HOME=/root"}
	return m.step("installing them", func() error {
		return m.command(m.ctx, log, u.Dir, slices.Concat(isolated, clean, args, []string{filepath.Base(u.Root)})...)
	})
}

// notHere tells why packages cannot be installed into a directory by ourselves,
// or "": who is not root cannot, nor can root of most containers, nor anybody
// where devices do not work.
func (m *bootstrap) notHere(dir string) string {
	if os.Geteuid() != 0 {
		return "not being root"
	}
	unshare, err := findTool(isolated[0])
	if err != nil {
		return err.Error()
	}
	probe := exec.CommandContext(m.ctx, unshare,
		append(slices.Clone(isolated[1:]), "sh", "-c", probeScript, "probe", filepath.Join(dir, "probe"))...)
	probe.Env = toolEnv()
	if out, err := probe.CombinedOutput(); err != nil {
		return strings.Join(strings.Fields(fmt.Sprintf("%v: %s", err, out)), " ")
	}
	return ""
}

// installInGuest is the same with the guest's root doing it, in its memory.
func (m *bootstrap) installInGuest(u Userland, log *os.File, args []string) error {
	packed := filepath.Join(u.Dir, packedFile)
	defer func() { _ = os.Remove(packed) }()
	if err := m.Guest(m.ctx, u.Dir, log, args...); err != nil {
		if m.ctx.Err() != nil {
			return err
		}
		return &LogError{Err: fmt.Errorf("install packages in a guest: %w", err), Log: log.Name(), Lines: tail(log.Name(), 15)}
	}
	return m.command(m.ctx, log, u.Root, "tar", "--no-same-owner", "-xpf", packed)
}

// inspect reads from a tree which packages at which versions it has, and makes
// sure that all the wanted ones are there and every one is ready to be used.
func (m *bootstrap) inspect(root string) (map[string]string, error) {
	text, err := os.ReadFile(filepath.Join(root, "var", "lib", "dpkg", "status"))
	if err != nil {
		return nil, fmt.Errorf("inspect the new system: %w", err)
	}
	installed := map[string]string{}
	for _, p := range apt.ParseStatus(string(text)) {
		if !p.Ready {
			return nil, fmt.Errorf("inspect the new system: package %s %s is not configured", p.Name, p.Version)
		}
		installed[p.Name] = p.Version
	}
	for _, name := range m.s.Packages() {
		if installed[name] == "" && !m.s.Moving {
			return nil, fmt.Errorf("inspect the new system: package %s is missing", name)
		}
	}
	if installed["openvswitch-switch"] == "" {
		return nil, errors.New("inspect the new system: it has no Open vSwitch")
	}
	return installed, nil
}
