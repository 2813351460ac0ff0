// SPDX-License-Identifier: Apache-2.0

package uapi_test

import (
	"go/ast"
	"go/constant"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// headers maps our files to the headers they render, as shipped under kmod/uapi.
var headers = map[string]string{
	"psample.go":     "linux/psample.h",
	"openvswitch.go": "linux/openvswitch.h",
	"tc_sample.go":   "linux/tc_act/tc_sample.h",
}

// TestConstantsEqualHeaders compares every exported constant of a file with
// the value the C header gives that name. A name the header lacks is a failure
// too: a constant nobody defines is a typing error.
func TestConstantsEqualHeaders(t *testing.T) {
	for file, header := range headers {
		t.Run(file, func(t *testing.T) {
			c := readHeader(t, filepath.Join("..", "..", "kmod", "uapi", header))
			g := readConstants(t, file)
			if len(g) == 0 {
				t.Fatal("no constants found")
			}
			for name, v := range g {
				want, ok := c[name]
				switch {
				case !ok:
					t.Errorf("%s is not in %s", name, header)
				case want != v:
					t.Errorf("%s = %s, %s says %s", name, v, header, want)
				}
			}
		})
	}
}

// readConstants evaluates the exported constants of one Go file.
func readConstants(t *testing.T, file string) map[string]string {
	t.Helper()
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	pkg, err := (&types.Config{Importer: importer.Default()}).Check("uapi", fset, []*ast.File{f}, nil)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, name := range pkg.Scope().Names() {
		if c, ok := pkg.Scope().Lookup(name).(*types.Const); ok && c.Exported() {
			if c.Val().Kind() == constant.String {
				out[name] = constant.StringVal(c.Val())
				continue
			}
			out[name] = c.Val().ExactString()
		}
	}
	return out
}

var (
	comments = regexp.MustCompile(`(?s)/\*.*?\*/|//[^\n]*`)
	enums    = regexp.MustCompile(`(?s)enum\s*\w*\s*\{(.*?)\}`)
	defines  = regexp.MustCompile(`(?m)^[ \t]*#[ \t]*define[ \t]+(\w+)[ \t]+(.+?)[ \t]*$`)
)

// readHeader evaluates enumerators and simple defines of a C header: numbers,
// strings, shifts and names already defined.
func readHeader(t *testing.T, path string) map[string]string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := comments.ReplaceAllString(string(raw), "")
	out := map[string]string{}
	for _, m := range enums.FindAllStringSubmatch(text, -1) {
		next := int64(0)
		// The uapi headers guard kernel-only enumerators with #ifdef
		// __KERNEL__; user space does not see those.
		for e := range strings.SplitSeq(userSpace(m[1]), ",") {
			name, val, has := strings.Cut(strings.TrimSpace(e), "=")
			if name = strings.TrimSpace(name); name == "" {
				continue
			}
			if has {
				v, ok := eval(val, out)
				if !ok {
					continue
				}
				next = v
			}
			out[name] = strconv.FormatInt(next, 10)
			next++
		}
	}
	for _, m := range defines.FindAllStringSubmatch(text, -1) {
		if s, err := strconv.Unquote(m[2]); err == nil {
			out[m[1]] = s
		} else if v, ok := eval(m[2], out); ok {
			out[m[1]] = strconv.FormatInt(v, 10)
		}
	}
	return out
}

var kernelOnly = regexp.MustCompile(`(?s)#ifdef __KERNEL__.*?#endif`)

func userSpace(s string) string { return kernelOnly.ReplaceAllString(s, "") }

// eval takes a constant C expression that is also a Go one.
func eval(expr string, known map[string]string) (int64, bool) {
	expr = strings.ReplaceAll(expr, "(__u32)", "") // a C cast
	expr = regexp.MustCompile(`\b[A-Za-z_]\w*\b`).ReplaceAllStringFunc(expr, func(name string) string {
		if v, ok := known[name]; ok {
			return v
		}
		return name
	})
	tv, err := types.Eval(token.NewFileSet(), nil, token.NoPos, strings.TrimSpace(expr))
	if err != nil || tv.Value == nil {
		return 0, false
	}
	return constant.Int64Val(constant.ToInt(tv.Value))
}
