// SPDX-License-Identifier: Apache-2.0

// Package matrix makes one table of many test reports: a row for each test, a
// column for each kernel and what ran it.
//
// Reports are KTAP. What they are of stands in a note of theirs (Origin), or in
// the names of the tests, behind an @. Tests are sorted into groups by name;
// suites that come later need no more than a title.
package matrix
