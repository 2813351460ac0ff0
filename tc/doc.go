// SPDX-License-Identifier: Apache-2.0

// Package tc puts the kernel's packet sampling action (act_sample) on network
// devices, lists it with its counters and takes it off again.
//
// A sample is a matchall filter with one sample action on the ingress or the
// egress side of a clsact queueing discipline. Writes go through
// github.com/florianl/go-tc. Reads use a dump of our own, because other people's
// filters are in it too: kinds and attributes this package does not know are
// kept, never an error, and never touched.
//
// # Whose filter, whose clsact
//
// A filter belongs to this package when it is a matchall filter whose only
// action is sample and whose handle is HandleBase, or HandleBase with
// HandleOwnsClsact set. DelSample removes nothing else; Samples shows the
// others too, with Owned false.
//
// A clsact that AddSample had to create is removed with the last filter on it.
// The note "this clsact is ours" is kept in the filter handles: it is
// HandleOwnsClsact in the filter that was added along with the clsact and in
// every filter added while such a filter exists, so it cannot outlive the
// clsact it speaks of, and the order of removal does not matter. A clsact that
// was there before, or that anybody else has put a filter or a chain on, stays.
// Changes made through this package wait for each other; a filter of another
// program could still slip in between the look and the removal, because traffic
// control has no conditional removal.
//
// # What it does to other filters
//
// Nothing. The action ends in TC_ACT_UNSPEC, "go on with the next filter", so
// that every filter behind it still sees the packet. (`tc` ends a sample action
// in "pipe" unless told otherwise, which ends classification at that filter.)
// Packets which a filter of a lower preference drops, redirects or accepts
// never reach the sample; set SampleFilter.Pref to come first.
package tc
