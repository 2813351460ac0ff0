// SPDX-License-Identifier: Apache-2.0

//go:build linux

package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dpscope/dpscope/selftests/lab/kernels"
)

// ErrTools is the cause when programs needed for a build are not installed.
var ErrTools = errors.New("programs are missing")

// tool is a program and the Debian package that has it.
type tool struct{ program, pkg string }

var (
	fetchTools = []tool{
		{"apt-get", "apt"}, {"apt-cache", "apt"}, {"dpkg-deb", "dpkg"},
	}
	moduleTools = []tool{
		{"make", "make"}, {"gcc", "gcc"}, {"ld", "binutils"}, {"git", "git"},
		{"flex", "flex"}, {"bison", "bison"}, {"bc", "bc"},
		{"depmod", "kmod"}, {"xz", "xz-utils"},
	}
	// machineTools are for kernels that run in qemu; they boot no others.
	machineTools  = []tool{{"depmod", "kmod"}, {"xz", "xz-utils"}, qemuTool}
	qemuTool      = tool{"qemu-system-x86_64", "qemu-system-x86"}
	userlandTools = []tool{
		{"dpkg", "dpkg"}, {"debootstrap", "debootstrap"}, {"unshare", "util-linux"}, {"tar", "tar"},
	}
)

// toolsFor lists what building a kernel takes.
func toolsFor(k kernels.Kernel) []tool {
	tools := slices.Clone(fetchTools)
	if k.VM == kernels.QEMU {
		tools = append(tools, machineTools...)
	}
	if k.Source != "" {
		tools = append(tools, moduleTools...)
	}
	return tools
}

// unpackTools gives the entry of a program that unpacks.
func unpackTools(program string) []tool {
	return []tool{{program, map[string]string{"xz": "xz-utils", "zstd": "zstd"}[program]}}
}

// QEMU finds the program that runs kernels as machines.
func QEMU() (string, error) {
	if err := checkTools([]tool{qemuTool}); err != nil {
		return "", err
	}
	path, err := findTool(qemuTool.program)
	if err != nil {
		return "", err
	}
	// Its processes are recognised by the file they run.
	return filepath.EvalSymlinks(path)
}

// checkTools names what is missing and how to get it, all at once.
func checkTools(tools []tool) error {
	var programs, packages []string
	for _, t := range tools {
		if _, err := findTool(t.program); err != nil {
			if !slices.Contains(programs, t.program) {
				programs = append(programs, t.program)
			}
			if !slices.Contains(packages, t.pkg) {
				packages = append(packages, t.pkg)
			}
		}
	}
	if len(programs) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s (as root: apt-get install --no-install-recommends %s)",
		ErrTools, strings.Join(programs, ", "), strings.Join(packages, " "))
}

// sbin holds programs that a user's PATH may leave out.
var sbin = []string{"/usr/local/sbin", "/usr/sbin", "/sbin"}

// findTool looks in PATH and where the system's own programs are.
func findTool(program string) (string, error) {
	path, err := exec.LookPath(program)
	if err == nil {
		return path, nil
	}
	for _, dir := range sbin {
		if p, lerr := exec.LookPath(filepath.Join(dir, program)); lerr == nil {
			return p, nil
		}
	}
	return "", fmt.Errorf("find %s: %w", program, err)
}

// toolEnv is the environment of the programs a build runs: English messages,
// the system's programs in PATH, and nothing of a make above us or of somebody's
// other kernel build.
func toolEnv() []string {
	var env []string
	for _, e := range os.Environ() {
		name, _, _ := strings.Cut(e, "=")
		switch {
		case strings.HasPrefix(name, "LC_"), strings.HasPrefix(name, "KBUILD_"), strings.HasPrefix(name, "MAKE"):
		case slices.Contains([]string{
			"LANG", "LANGUAGE", "MFLAGS", "GNUMAKEFLAGS", "ARCH", "SUBARCH", "CROSS_COMPILE", "LLVM",
			"CC", "HOSTCC", "LD", "CFLAGS", "KCFLAGS", "LDFLAGS", "O", "V", "W", "C", "M",
		}, name):
		case name == "PATH":
			env = append(env, "PATH="+toolPath())
		default:
			env = append(env, e)
		}
	}
	return append(env, "LC_ALL=C")
}

// toolPath is our PATH with the system's programs.
func toolPath() string {
	return strings.Join(append(filepath.SplitList(os.Getenv("PATH")), sbin...), ":")
}

// compilerVersion is the first line of gcc --version.
func compilerVersion(path string) (string, error) {
	cmd := exec.Command(path, "--version")
	cmd.Env = toolEnv()
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("ask %s for its version: %w", path, err)
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(line), nil
}

// command runs a program with its output in a log file. On failure the end of
// the log and where to find the rest go into the error.
func (b *Builder) command(ctx context.Context, log *os.File, dir string, args ...string) error {
	path, err := findTool(args[0])
	if err != nil {
		return err
	}
	fmt.Fprintf(log, "+ %s\n", strings.Join(args, " "))
	cmd := exec.CommandContext(ctx, path, args[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, toolEnv(), log, log
	// A make that is ended must take its children along.
	gone := ownGroup(cmd)
	err = cmd.Run()
	gone()
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return &LogError{Err: fmt.Errorf("%s: %w", args[0], err), Log: log.Name(), Lines: tail(log.Name(), 15)}
	}
	return nil
}

// LogError is a failed build step with the end of its log.
type LogError struct {
	Err   error
	Log   string
	Lines []string
}

// Error names the step's program and the log.
func (e *LogError) Error() string { return fmt.Sprintf("%v (log: %s)", e.Err, e.Log) }

// Unwrap gives the cause.
func (e *LogError) Unwrap() error { return e.Err }

func tail(path string, n int) []string {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	lines := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	return lines[max(0, len(lines)-n):]
}
