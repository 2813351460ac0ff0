// SPDX-License-Identifier: Apache-2.0

package psample

// Stats is what a Listener has counted since it was opened. Once everything
// queued was read, Received + Dropped is exactly the number of samples the
// kernel multicast in the namespace while the listener was joined.
type Stats struct {
	Received  uint64 // messages read, of every group, malformed ones included
	Delivered uint64 // samples handed out
	Filtered  uint64 // samples of groups nobody asked for
	Malformed uint64 // messages Decode could not take
	Dropped   uint64 // samples dropped because the receive buffer was full (SO_MEMINFO)
	Vanished  uint64 // missing sequence numbers that Dropped and Malformed do not explain
	Rejoins   uint64 // times the psample module went and came back

	// Groups has one entry per group seen (delivered groups only).
	Groups map[uint32]GroupStats
	// UntrackedGroups counts samples of groups beyond the number of groups
	// that are tracked (65536).
	UntrackedGroups uint64
}

// Lost is what was lost for certain: Dropped, Vanished and Malformed.
func (s Stats) Lost() uint64 { return s.Dropped + s.Vanished + s.Malformed }

// GroupStats is the sequence-number ledger of one group. Sequence numbers are
// an estimate beside the exact drop counter: what is lost at the end of a burst
// shows only with the group's next sample, and the kernel counts without a lock.
type GroupStats struct {
	Received   uint64 // samples handed out
	Missing    uint64 // sequence numbers that never came
	Duplicates uint64 // sequence numbers that came twice
	Resets     uint64 // times the count started over: the group was re-created
	// SeqLess tells that the sequence number is always 0, as in samples of
	// Open vSwitch: nothing can be learnt from it then.
	SeqLess bool
}
