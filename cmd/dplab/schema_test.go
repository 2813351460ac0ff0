// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bytes"
	"path/filepath"
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
