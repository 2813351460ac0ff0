// SPDX-License-Identifier: Apache-2.0

//go:build linux

package upstream

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/dpscope/dpscope/kmod"
	"github.com/dpscope/dpscope/selftests"
)

//go:embed specs.py
var specsScript []byte

// specsLimit bounds the check of the specifications, which takes seconds.
const specsLimit = 5 * time.Minute

// Specs holds the netlink specifications of package kmod against a kernel with
// the ynl of a series' source. The report, KTAP, goes to out; ok tells that all
// of it passed.
func Specs(ctx context.Context, opt Options, out io.Writer) (ok bool, err error) {
	const op = "check specifications"
	b, err := newBench(ctx, opt, "Documentation/netlink", "tools/net/ynl")
	if err != nil {
		return false, err
	}
	defer func() { _ = b.Close() }()
	if err := b.put("specs.py", specsScript, 0o755); err != nil {
		return false, err
	}
	names, err := fs.Glob(kmod.FS, "specs/*.yaml")
	if err != nil || len(names) == 0 {
		return false, errors.Join(errors.New("prepare tests: no specifications are built in"), err)
	}
	for _, name := range names {
		text, err := kmod.FS.ReadFile(name)
		if err != nil {
			return false, err
		}
		if err := b.put(name, text, 0o644); err != nil {
			return false, err
		}
	}
	var kernel capped
	var seen report
	argv := append([]string{"python3", "specs.py", "tree", "specs"}, b.notes("ynl")...)
	res, err := b.boot(ctx, specsLimit, io.MultiWriter(&seen, out), &kernel, argv...)
	switch {
	case err != nil:
		return false, err
	case res.Code > 1:
		return false, fmt.Errorf("%s: status %d %s", op, res.Code, res.Message)
	}
	for _, line := range selftests.Alarming(lines(kernel.String())) {
		return false, fmt.Errorf("%s: kernel log: %s", op, line)
	}
	return seen.judge(op, res.Code)
}
