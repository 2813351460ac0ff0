// SPDX-License-Identifier: Apache-2.0

package ovs

import (
	"errors"
	"io/fs"

	"github.com/dpscope/dpscope/nl"
)

// Kinds of errors that several operations share. The more special ones below
// match them, too.
var (
	// ErrExists tells that what was to be made is there already:
	// ErrDatapathExists, ErrPortInUse and ErrFlowExists match it.
	ErrExists = fs.ErrExist
	// ErrPermission tells that the caller lacks a capability (EPERM, EACCES).
	// The error's text names it: CAP_NET_ADMIN in the user namespace that owns
	// the network namespace.
	ErrPermission = fs.ErrPermission
	// ErrUnsupported tells that the kernel, or the module, lacks what was asked
	// for; the error's text says what and since when it exists.
	ErrUnsupported = nl.ErrUnsupported
	// ErrInterrupted tells that a table changed while it was dumped
	// (NLM_F_DUMP_INTR), so that entries may be missing or doubled.
	ErrInterrupted = nl.ErrDumpInterrupted
)

var (
	// ErrNoDatapath tells that no datapath has this name (ENODEV).
	ErrNoDatapath = errors.New("no such datapath")
	// ErrDatapathExists tells that a datapath of this name is there (EEXIST).
	ErrDatapathExists error = existsError("datapath exists")
	// ErrNoVport tells that the datapath has no such port (ENODEV).
	ErrNoVport = errors.New("no such port in the datapath")
	// ErrNoDevice tells that a network device to attach does not exist (ENODEV).
	ErrNoDevice = errors.New("no such network device")
	// ErrPortInUse tells that the port number is taken, that the device is a
	// port of a datapath or a bridge already, or that its name is taken
	// (EEXIST, EBUSY).
	ErrPortInUse error = existsError("port number or device in use")
	// ErrNoFlow tells that the flow is not in the table (ENOENT).
	ErrNoFlow = errors.New("no such flow")
	// ErrBadFlow marks a flow of a dump that could not be decoded.
	ErrBadFlow = errors.New("flow cannot be read")
	// ErrFlowExists tells that a flow with this key or id is in the table (EEXIST).
	ErrFlowExists error = existsError("flow exists")
	// ErrNoMeter tells that the datapath has no such meter (ENOENT).
	ErrNoMeter = errors.New("no such meter")
	// ErrEventsLost tells that events came faster than they were read, so that
	// the kernel dropped some (ENOBUFS). What is there has to be listed again.
	ErrEventsLost = errors.New("events lost: the receive buffer overflowed")
)

// existsError is a special kind of ErrExists.
type existsError string

func (e existsError) Error() string        { return string(e) }
func (e existsError) Is(target error) bool { return target == ErrExists }
