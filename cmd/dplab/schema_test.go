// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dpscope/dpscope/internal/jsonschema"
	"github.com/dpscope/dpscope/selftests/lab"
)

func TestListFollowsTheSchema(t *testing.T) {
	s, err := jsonschema.Load(filepath.Join("..", "..", "docs", "schema", "dplab-kernels.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	code, out, _ := run(t, "list", "-j") // of an empty cache
	if code != 0 {
		t.Fatalf("list -j: status %d", code)
	}
	if err := s.Check([]byte(out)); err != nil {
		t.Errorf("%v in %s", err, out)
	}
	var b bytes.Buffer
	full := lab.Entry{
		Name: "6.1", VM: "uml", Built: true, Version: "6.1.0", Size: 1 << 40,
		Source: "package 1", SourceDir: "/src", BuildDir: "/build", Reason: "the patches have changed",
	}
	suite := lab.Suite{
		Name: "trixie", Summary: "Debian", Built: true, OpenVSwitch: "3.5.0", Packages: 159,
		Date: time.Now(), Size: 1 << 40, Root: "/root", Reason: "its package list has changed",
	}
	if err := printLists(&b, []lab.Entry{full}, []lab.Suite{suite}, true); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(b.Bytes()); err != nil {
		t.Errorf("%v in %s", err, &b)
	}
}

// TestDoctorFollowsTheSchema asks about whatever kernel the test runs on.
func TestDoctorFollowsTheSchema(t *testing.T) {
	s, err := jsonschema.Load(filepath.Join("..", "..", "docs", "schema", "dplab-doctor.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	code, out, errs := run(t, "doctor", "-j")
	if err := s.Check([]byte(out)); err != nil {
		t.Errorf("%v in %s", err, out)
	}
	if want := strings.Contains(out, `"level":"action"`); want != (code == 1) || code > 1 || errs != "" {
		t.Errorf("status %d, stderr %q, %s", code, errs, out)
	}
}
