// SPDX-License-Identifier: Apache-2.0

package vswitch

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/dpscope/dpscope/selftests/proc"
)

// pollEvery is how often is looked for what nobody announces.
const pollEvery = 10 * time.Millisecond

// Vsctl runs ovs-vsctl and gives its output. It returns when ovs-vswitchd has
// done what the database says, or told it cannot.
func (s *Switch) Vsctl(ctx context.Context, args ...string) (string, error) {
	return s.run(ctx, "", append([]string{"ovs-vsctl"}, args...)...)
}

// Ofctl runs ovs-ofctl and gives its output.
func (s *Switch) Ofctl(ctx context.Context, args ...string) (string, error) {
	return s.run(ctx, "", append([]string{"ovs-ofctl"}, args...)...)
}

// Appctl runs ovs-appctl, which talks to ovs-vswitchd, and gives its output.
func (s *Switch) Appctl(ctx context.Context, args ...string) (string, error) {
	return s.run(ctx, "", append([]string{"ovs-appctl"}, args...)...)
}

// Dpctl runs Open vSwitch's own ovs-dpctl, not dpscope's, and gives its output.
func (s *Switch) Dpctl(ctx context.Context, args ...string) (string, error) {
	neighbour, err := exec.LookPath("ovs-vsctl")
	if err != nil {
		return "", fmt.Errorf("find Open vSwitch's ovs-dpctl: %w", err)
	}
	return s.run(ctx, "", append([]string{filepath.Join(filepath.Dir(neighbour), "ovs-dpctl")}, args...)...)
}

// run runs a program that needs the daemons; it fails as soon as one has ended.
func (s *Switch) run(ctx context.Context, stdin string, argv ...string) (string, error) {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	return s.exec(ctx, stdin, argv...)
}

// exec runs a program and gives its output.
func (s *Switch) exec(ctx context.Context, stdin string, argv ...string) (string, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env, cmd.Dir, cmd.WaitDelay = s.env, s.dir, time.Second
	cmd.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return out.String(), commandError(argv, err, errs.String())
	}
	return out.String(), nil
}

// ip gives the command that runs ip in the switch's network namespace.
func (s *Switch) ip(args ...string) []string {
	argv := []string{"ip"}
	if s.netns != "" {
		argv = append(argv, "-n", s.netns)
	}
	return append(argv, args...)
}

// commandError names the command and what it said on stderr.
func commandError(argv []string, err error, stderr string) error {
	if stderr = strings.TrimSpace(stderr); stderr != "" {
		return fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, stderr)
	}
	return fmt.Errorf("%s: %w", strings.Join(argv, " "), err)
}

// bound gives a context for one step: it ends with the caller's, after a long
// time, and as soon as a daemon has ended.
func (s *Switch) bound(ctx context.Context) (context.Context, func()) {
	ctx, stop := context.WithTimeoutCause(ctx, patience, fmt.Errorf("no answer for %v", patience))
	ctx, fail := context.WithCancelCause(ctx)
	for _, p := range []*proc.Proc{s.db, s.daemon} {
		if p == nil {
			continue
		}
		go func() {
			select {
			case <-p.Done():
				fail(p.Ended())
			case <-ctx.Done():
			}
		}()
	}
	return ctx, func() {
		fail(context.Canceled)
		stop()
	}
}

// await waits until something is the case.
func (s *Switch) await(ctx context.Context, what string, is func() (bool, error)) error {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	for {
		ok, err := is()
		if ok || err != nil {
			return err
		}
		select {
		case <-time.After(pollEvery):
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, context.Cause(ctx))
		}
	}
}

// inNetNS gives the command that runs another one in a named network
// namespace. It has the same process id.
func inNetNS(netns string, argv []string) []string {
	if netns == "" {
		return argv
	}
	return append([]string{"ip", "netns", "exec", netns}, argv...)
}
