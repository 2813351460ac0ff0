// SPDX-License-Identifier: Apache-2.0

//go:build linux

package upstream

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/dpscope/dpscope/selftests"
)

//go:embed dialect.py
var dialectScript []byte

// dialectLimit bounds the comparison, most of which is waiting for Python to
// start.
const dialectLimit = 20 * time.Minute

// Dialect gives the same commands to the Python tool of a series' source and to
// our ovs-dpctl, the program at path, and compares what they say and do. The
// report, KTAP, goes to out; ok tells that all of it passed.
func Dialect(ctx context.Context, opt Options, path string, out io.Writer) (ok bool, err error) {
	const op = "compare with ovs-dpctl.py"
	b, err := newBench(ctx, opt, ovsDir)
	if err != nil {
		return false, err
	}
	defer func() { _ = b.Close() }()
	program, err := os.ReadFile(path)
	if err != nil {
		return false, fmt.Errorf("%s: %w", op, err)
	}
	if err := b.put("dialect.py", dialectScript, 0o755); err != nil {
		return false, err
	}
	if err := b.put("bin/"+oursName, program, 0o755); err != nil {
		return false, err
	}
	var kernel capped
	var seen report
	argv := append([]string{"python3", "dialect.py", "tree", "bin/" + oursName}, b.notes("ovs-dpctl.py")...)
	res, err := b.boot(ctx, dialectLimit, io.MultiWriter(&seen, out), &kernel, argv...)
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
