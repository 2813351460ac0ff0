// SPDX-License-Identifier: Apache-2.0

package vswitch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/ovs"
	"github.com/dpscope/dpscope/selftests/proc"
)

const (
	// patience bounds each step; only a hang reaches it.
	patience = time.Minute
	// exitTime is how long a daemon may take to end when asked.
	exitTime = 20 * time.Second
	// kernelDatapath is what ovs-vswitchd calls the datapath of all bridges of
	// datapath_type system.
	kernelDatapath = "ovs-system"
)

// Options say how a switch runs. None must be set.
type Options struct {
	// Dir is where sockets, database and logs go; empty is a temporary
	// directory that Stop removes.
	Dir string
	// NetNS is the named network namespace of the switch, where its ports and
	// its datapath are; empty is the current one.
	NetNS string
}

// Switch is a running Open vSwitch. Its methods may be called from one
// goroutine at a time.
type Switch struct {
	dir     string
	keepDir bool
	netns   string
	env     []string
	version Version

	db, daemon *proc.Proc
	cleanups   []func(context.Context) error
}

// Start starts Open vSwitch and returns when ovs-vswitchd has read its
// database. Whoever gets a Switch has to Stop it.
func Start(ctx context.Context, opt Options) (*Switch, error) {
	s := &Switch{dir: opt.Dir, keepDir: opt.Dir != "", netns: opt.NetNS}
	if err := s.start(ctx); err != nil {
		// What was started or made so far has to go, too.
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Switch) start(ctx context.Context) error {
	if _, err := exec.LookPath("ovs-vswitchd"); err != nil {
		return fmt.Errorf("start Open vSwitch: %w (it is in the package openvswitch-switch)", err)
	}
	if s.dir == "" {
		dir, err := os.MkdirTemp("", "ovs")
		if err != nil {
			return fmt.Errorf("start Open vSwitch: %w", err)
		}
		s.dir = dir
	}
	s.env = append(os.Environ(), s.Environ()...)
	text, err := s.run(ctx, "", "ovs-vswitchd", "--version")
	if err != nil {
		return err
	}
	if s.version, err = ParseVersion(text); err != nil {
		return err
	}
	if err := s.startDatabase(ctx); err != nil {
		return err
	}
	return s.startDaemon(ctx)
}

func (s *Switch) startDatabase(ctx context.Context) (err error) {
	if _, err := s.run(ctx, "", "ovsdb-tool", "create"); err != nil {
		return err
	}
	socket := filepath.Join(s.dir, "db.sock")
	// Messages to the console come back when it does not start.
	s.db, err = s.launch("ovsdb-server", "--remote=punix:"+socket, "--pidfile", "--log-file", "-vconsole:warn")
	if err != nil {
		return err
	}
	// ovs-vsctl would try again only after a second.
	if err := s.await(ctx, "the socket of ovsdb-server", func() (bool, error) {
		_, err := os.Stat(socket)
		return err == nil, nil
	}); err != nil {
		return err
	}
	_, err = s.Vsctl(ctx, "--no-wait", "init")
	return err
}

func (s *Switch) startDaemon(ctx context.Context) (err error) {
	if !s.version.AtLeast(3, 2) {
		if err := awaitUptime(ctx); err != nil {
			return err
		}
	}
	// Another one's datapath would be taken over, and deleted in the end. Once
	// the daemon is launched, what goes by that name is ours.
	if err := s.wantNoDatapath(ctx); err != nil {
		return err
	}
	s.daemon, err = s.launch("ovs-vswitchd", "--pidfile", "--log-file", "-vconsole:warn")
	if err != nil {
		return err
	}
	// Without --no-wait it returns when ovs-vswitchd has followed the database.
	_, err = s.Vsctl(ctx, "init")
	return err
}

// awaitUptime works around a bug of Open vSwitch before 3.2: the number of
// processors it knows is zero until the system has been up for ten seconds, and
// ovs-vswitchd started by then has no thread that handles upcalls.
func awaitUptime(ctx context.Context) error {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return fmt.Errorf("read the monotonic clock: %w", err)
	}
	select {
	case <-time.After(10*time.Second - time.Duration(now.Nano())):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// launch starts a daemon in the switch's namespace.
func (s *Switch) launch(argv ...string) (*proc.Proc, error) {
	return proc.Start(proc.Options{Dir: s.dir, Env: s.env, Name: argv[0]}, inNetNS(s.netns, argv)...)
}

// Version is that of ovs-vswitchd.
func (s *Switch) Version() Version { return s.version }

// PID is the process id of ovs-vswitchd.
func (s *Switch) PID() int { return s.daemon.PID() }

// ControlSocket is the socket on which ovs-vswitchd takes the commands of
// ovs-appctl.
func (s *Switch) ControlSocket() string {
	return filepath.Join(s.dir, fmt.Sprintf("ovs-vswitchd.%d.ctl", s.PID()))
}

// Environ are the variables by which Open vSwitch's programs find the switch.
func (s *Switch) Environ() []string {
	var env []string
	for _, name := range []string{"OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR", "OVS_SYSCONFDIR"} {
		env = append(env, name+"="+s.dir)
	}
	return env
}

// Log reads ovs-vswitchd's log: the lines whose text contains this one.
func (s *Switch) Log(text string) ([]LogLine, error) {
	all, err := os.ReadFile(filepath.Join(s.dir, "ovs-vswitchd.log"))
	if err != nil {
		return nil, fmt.Errorf("read the log of ovs-vswitchd: %w", err)
	}
	var lines []LogLine
	for _, l := range ParseLog(string(all)) {
		if strings.Contains(l.Text, text) {
			lines = append(lines, l)
		}
	}
	return lines, nil
}

// WaitLog is Log that waits until there is such a line.
func (s *Switch) WaitLog(ctx context.Context, text string) (lines []LogLine, err error) {
	err = s.await(ctx, fmt.Sprintf("%q in the log of ovs-vswitchd", text), func() (bool, error) {
		lines, err = s.Log(text)
		return len(lines) > 0, err
	})
	return lines, err
}

// Stop ends the daemons and removes all that the switch and its helpers made.
// It fails if a daemon had ended before or does not end by itself now.
func (s *Switch) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var errs []error
	if s.daemon != nil {
		// It takes its datapath away only when told so.
		errs = append(errs, s.end(ctx, s.daemon, "--cleanup"), s.removeDatapath(ctx))
		s.daemon = nil
	}
	if s.db != nil {
		errs = append(errs, s.end(ctx, s.db))
		s.db = nil
	}
	for _, clean := range slices.Backward(s.cleanups) {
		errs = append(errs, clean(ctx))
	}
	s.cleanups = nil
	if !s.keepDir && s.dir != "" {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	return errors.Join(errs...)
}

// end asks a daemon to end, and ends it by force if it does not.
func (s *Switch) end(ctx context.Context, p *proc.Proc, how ...string) error {
	select {
	case <-p.Done():
		return p.Ended()
	default:
	}
	defer p.Kill()
	ctx, cancel := context.WithTimeoutCause(ctx, exitTime, fmt.Errorf("no end for %v", exitTime))
	defer cancel()
	if _, err := s.exec(ctx, "", append([]string{"ovs-appctl", "-t", p.Name(), "exit"}, how...)...); err != nil {
		return err
	}
	status, err := p.WaitEnd(ctx)
	if err == nil && status != 0 {
		return p.Ended()
	}
	return err
}

// ErrDatapathInUse is the cause when a network namespace has an Open vSwitch
// already, or what one has left.
var ErrDatapathInUse = errors.New("the network namespace has this datapath already")

// wantNoDatapath refuses a namespace in which somebody else's Open vSwitch runs.
func (s *Switch) wantNoDatapath(ctx context.Context) error {
	return s.withDatapaths(func(c *ovs.Client) error {
		_, err := c.Datapath(ctx, kernelDatapath)
		if err == nil {
			err = fmt.Errorf("start Open vSwitch: %s: %w", kernelDatapath, ErrDatapathInUse)
		}
		return err
	})
}

// removeDatapath takes away what an ovs-vswitchd of ours has left that was
// killed.
func (s *Switch) removeDatapath(ctx context.Context) error {
	return s.withDatapaths(func(c *ovs.Client) error { return c.DelDatapath(ctx, kernelDatapath) })
}

// withDatapaths does something about the switch's datapath; that there is none
// is no error.
func (s *Switch) withDatapaths(do func(*ovs.Client) error) error {
	ns, err := nl.OpenNetNS(s.netns)
	if err != nil {
		return err
	}
	defer func() { _ = ns.Close() }()
	c, err := ovs.Open(ns)
	if err == nil {
		defer func() { _ = c.Close() }()
		err = do(c)
	}
	_, noModule := errors.AsType[*nl.UnsupportedError](err)
	if errors.Is(err, ovs.ErrNoDatapath) || noModule {
		return nil
	}
	return err
}
