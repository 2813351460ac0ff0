// SPDX-License-Identifier: Apache-2.0

package ovs

import "errors"

var (
	// ErrNoDatapath tells that no datapath has this name (ENODEV).
	ErrNoDatapath = errors.New("no such datapath")
	// ErrDatapathExists tells that a datapath of this name is there (EEXIST).
	ErrDatapathExists = errors.New("datapath exists")
	// ErrNoVport tells that the datapath has no such port (ENODEV).
	ErrNoVport = errors.New("no such port in the datapath")
	// ErrNoDevice tells that a network device to attach does not exist (ENODEV).
	ErrNoDevice = errors.New("no such network device")
	// ErrPortInUse tells that the port number is taken, that the device is a
	// port of a datapath or a bridge already, or that its name is taken
	// (EEXIST, EBUSY).
	ErrPortInUse = errors.New("port number or device in use")
	// ErrNoFlow tells that the flow is not in the table (ENOENT).
	ErrNoFlow = errors.New("no such flow")
	// ErrBadFlow marks a flow of a dump that could not be decoded.
	ErrBadFlow = errors.New("flow cannot be read")
	// ErrFlowExists tells that a flow with this key or id is in the table (EEXIST).
	ErrFlowExists = errors.New("flow exists")
)
