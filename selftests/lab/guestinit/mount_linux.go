// SPDX-License-Identifier: Apache-2.0

package guestinit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/selftests/lab/wire"
)

func mount(source, target, fstype string, flags uintptr, data string) error {
	if err := unix.Mount(source, target, fstype, flags, data); err != nil {
		return fmt.Errorf("mount %s on %s: %w", fstype, target, err)
	}
	return nil
}

// mountStage puts a tmpfs over a directory every root has, to hold what the
// new root is made of. It is out of sight once the root has changed.
func mountStage() (string, error) {
	for _, dir := range []string{"/sys", "/proc", "/mnt", "/tmp"} {
		if st, err := os.Stat(dir); err != nil || !st.IsDir() {
			continue
		}
		// All of the memory may be used: the kernel's own limit of one half
		// would make half of --mem useless to a command that writes files.
		if err := mount("lab", dir, "tmpfs", 0, "mode=755,size=100%"); err != nil {
			return "", err
		}
		for _, sub := range []string{"run", "host", "lower", "upper", "work", "root"} {
			if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
				return "", fmt.Errorf("prepare root: %w", err)
			}
		}
		return dir, nil
	}
	return "", errors.New("prepare root: the host's root has none of /sys, /proc, /mnt and /tmp")
}

// enterRoot stacks a tmpfs over the host's files, which are to be seen at lower,
// or over those of a tree below them, and makes that the root.
func enterRoot(stage, lower, tree string) error {
	root := filepath.Join(stage, "root")
	if tree != "" {
		// Its path could not stand among the options of a mount.
		from := filepath.Join(lower, tree)
		lower = filepath.Join(stage, "lower")
		if err := mount(from, lower, "none", unix.MS_BIND, ""); err != nil {
			return err
		}
	}
	data := fmt.Sprintf("lowerdir=%[2]s,upperdir=%[1]s/upper,workdir=%[1]s/work", stage, lower)
	if err := mount("lab", root, "overlay", 0, data); err != nil {
		return err
	}
	if err := unix.Chdir(root); err != nil {
		return fmt.Errorf("enter root: %w", err)
	}
	// Moving the mount onto / instead of a plain chroot keeps user namespaces
	// usable: the kernel refuses them to a process whose root is no mount's.
	if err := mount(".", "/", "none", unix.MS_MOVE, ""); err != nil {
		return err
	}
	if err := unix.Chroot("."); err != nil {
		return fmt.Errorf("enter root: %w", err)
	}
	return unix.Chdir("/")
}

// mountSystem mounts the kernel's own file systems and those every Linux
// program counts on.
func mountSystem() error {
	const safe = unix.MS_NOSUID | unix.MS_NODEV
	for _, m := range []struct {
		fstype, target string
		flags          uintptr
		data           string
	}{
		{"proc", "/proc", safe | unix.MS_NOEXEC, ""},
		{"sysfs", "/sys", safe | unix.MS_NOEXEC, ""},
		{"cgroup2", "/sys/fs/cgroup", safe | unix.MS_NOEXEC, ""},
		{"devtmpfs", "/dev", unix.MS_NOSUID, "mode=755"},
		{"devpts", "/dev/pts", unix.MS_NOSUID | unix.MS_NOEXEC, "ptmxmode=666,mode=620,gid=5"},
		{"tmpfs", "/dev/shm", safe, "mode=1777"},
		{"tmpfs", "/run", safe, "mode=755"},
		{"tmpfs", "/tmp", safe, "mode=1777,size=100%"},
	} {
		if err := os.MkdirAll(m.target, 0o755); err != nil {
			return fmt.Errorf("prepare root: %w", err)
		}
		if err := mount(m.fstype, m.target, m.fstype, m.flags, m.data); err != nil {
			return err
		}
	}
	if err := mountOptional(safe | unix.MS_NOEXEC); err != nil {
		return err
	}
	for _, dir := range []string{"/run/lock", "/run/netns", "/dev/net"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("prepare root: %w", err)
		}
	}
	for link, target := range map[string]string{
		"/dev/fd": "/proc/self/fd", "/dev/stdin": "/proc/self/fd/0",
		"/dev/stdout": "/proc/self/fd/1", "/dev/stderr": "/proc/self/fd/2",
	} {
		if err := os.Symlink(target, link); err != nil && !errors.Is(err, os.ErrExist) {
			return fmt.Errorf("prepare root: %w", err)
		}
	}
	// Opening this node loads the tun module; udev would have made it.
	err := unix.Mknod("/dev/net/tun", unix.S_IFCHR|0o666, int(unix.Mkdev(10, 200)))
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("prepare root: make /dev/net/tun: %w", err)
	}
	return nil
}

// mountOptional mounts what some kernels have: they make a mount point for it.
func mountOptional(flags uintptr) error {
	for fstype, target := range map[string]string{
		"tracefs": "/sys/kernel/tracing", "debugfs": "/sys/kernel/debug", "bpf": "/sys/fs/bpf",
	} {
		if _, err := os.Stat(target); err != nil {
			continue
		}
		if err := mount(fstype, target, fstype, flags, "mode=700"); err != nil {
			return err
		}
	}
	return nil
}

// mountShares mounts the module tree, the directories that the guest's own
// file systems hide, and last the working directory, so that it wins where
// they overlap.
func mountShares(h host, job *wire.Job) error {
	const modules = "/lib/modules"
	// A merged-/usr root has /lib as a symlink, which MkdirAll follows.
	dir := filepath.Join(modules, job.Kernel)
	if err := share(h, job.Modules, dir, false); err != nil {
		return err
	}
	for _, dir := range job.Expose {
		if err := share(h, dir, dir, false); err != nil {
			return err
		}
	}
	for _, file := range job.ExposeFiles {
		if err := shareFile(h, file); err != nil {
			return err
		}
	}
	if job.ShareDir {
		return share(h, string(job.Dir), string(job.Dir), true)
	}
	return nil
}

// shareFile shows one file of the host, read-only. Its directory is mounted out
// of the way only for as long as it takes to get at the file.
func shareFile(h host, path string) error {
	aside, err := os.MkdirTemp("/run", "share")
	if err != nil {
		return fmt.Errorf("share %s: %w", path, err)
	}
	defer func() { _ = os.Remove(aside) }()
	if err := share(h, filepath.Dir(path), aside, false); err != nil {
		return err
	}
	defer func() { _ = unix.Unmount(aside, unix.MNT_DETACH) }()
	target, err := os.OpenFile(path, os.O_CREATE|os.O_RDONLY, 0o755)
	if err != nil {
		return fmt.Errorf("share %s: %w", path, err)
	}
	_ = target.Close()
	return mount(filepath.Join(aside, filepath.Base(path)), path, "none", unix.MS_BIND, "")
}

// share shows a directory of the host.
func share(h host, path, target string, writable bool) error {
	if !strings.HasPrefix(path, "/") {
		return fmt.Errorf("share %s: not an absolute path", path)
	}
	if err := os.MkdirAll(target, 0o755); err != nil {
		return fmt.Errorf("share %s: %w", path, err)
	}
	return h.show(path, target, writable)
}
