// SPDX-License-Identifier: Apache-2.0

package odp_test

import (
	"flag"
	"testing"

	"github.com/dpscope/dpscope/ovs/odp/odptest"
)

// corpusSize is large enough for every attribute to be there often.
var corpusSize = flag.Int("corpus", 4000, "how many random flows and lists of actions are tried")

// TestCorpus takes random keys, masks and actions through netlink, JSON and
// lossless text, and looks that every attribute was among them.
func TestCorpus(t *testing.T) {
	seen := odptest.Coverage{}
	for _, o := range []odptest.Options{{Tame: true}, {}, {Odd: true}, {Odd: true, Kernel: true}} {
		g := odptest.New(7, o)
		for range *corpusSize / 4 {
			m, as := g.Match(), g.Actions()
			checkMatch(t, m)
			checkActions(t, as)
			if err := seen.Match(m); err != nil {
				t.Fatal(err)
			}
			if err := seen.Actions(as); err != nil {
				t.Fatal(err)
			}
			if t.Failed() {
				t.Fatalf("%+v: flow %s actions %s", o, m, as)
			}
		}
	}
	if missing := seen.Missing(odptest.Names(), 20); len(missing) > 0 {
		t.Errorf("fewer than 20 times in the corpus: %v\n%s", missing, seen.Table())
	}
	t.Logf("%d flows and lists of actions:\n%s", *corpusSize, seen.Table())
}
