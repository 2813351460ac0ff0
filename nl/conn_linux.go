// SPDX-License-Identifier: Apache-2.0

package nl

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/mdlayher/netlink"
)

// Request is one netlink request and what an error about it should say.
type Request struct {
	Op     string // operation for error texts: "add flow"
	Object string // object for error texts: "datapath dp0"

	Type  uint16              // nlmsghdr type: rtnetlink message or genl family id
	Flags netlink.HeaderFlags // Request (and Dump for dumps) are added
	Data  []byte              // fixed headers and attributes, as on the wire

	// AttrsAt is where attributes start in Data (after genlmsghdr, ovs_header,
	// tcmsg ...); Spec names them, so that extended-ack offsets become paths.
	AttrsAt int
	Spec    *AttrSpec
}

// Conn is a netlink request socket in one network namespace. Calls are
// serialised: replies to two requests never mix. A Conn that failed in the
// middle of an exchange reconnects before the next one, so a stale reply is
// never taken for a fresh one.
type Conn struct {
	family int
	ns     *NetNS

	mu    sync.Mutex // held for a whole exchange
	stale bool

	// Close must get through while an exchange waits, and must be final
	// although a stale connection is replaced.
	sock   sync.Mutex
	c      *netlink.Conn
	closed bool
}

// Dial opens a netlink socket of the given family (NETLINK_ROUTE,
// NETLINK_GENERIC ...) in ns; nil means the current network namespace. ns must
// stay open as long as the Conn is used.
func Dial(family int, ns *NetNS) (*Conn, error) {
	nc, err := DialRaw(family, ns)
	if err != nil {
		return nil, err
	}
	return &Conn{family: family, ns: ns, c: nc}, nil
}

// socket is the connection for one exchange, a new one when the last exchange
// left the old one in doubt.
func (c *Conn) socket() (*netlink.Conn, error) {
	c.sock.Lock()
	defer c.sock.Unlock()
	switch {
	case c.closed:
		return nil, net.ErrClosed
	case !c.stale:
		return c.c, nil
	}
	nc, err := DialRaw(c.family, c.ns)
	if err != nil {
		return nil, err
	}
	_ = c.c.Close()
	c.c, c.stale = nc, false
	return nc, nil
}

// DialRaw opens a plain netlink socket with extended acknowledgements on, in
// ns. It is for sockets that need what Conn does not offer: multicast
// listeners, upcall sockets, go-tc.
func DialRaw(family int, ns *NetNS) (*netlink.Conn, error) {
	if ns != nil && ns.dial != nil {
		return ns.dial(family)
	}
	nc, err := netlink.Dial(family, &netlink.Config{NetNS: ns.FD()})
	if err != nil {
		e := &Error{Op: "open netlink socket", Object: ns.String(), Err: errnoOf(err)}
		if ns != nil && errors.Is(e.Err, syscall.EPERM) {
			e.Hint = "entering a network namespace needs CAP_SYS_ADMIN; run as root"
		}
		return nil, e
	}
	// Best effort: a kernel before 4.12 has no extended acks, and everything
	// but the texts still works there.
	_ = nc.SetOption(netlink.ExtendedAcknowledge, true)
	return nc, nil
}

// Close closes the socket; a call in progress ends with an error, and so does
// every later one.
func (c *Conn) Close() error {
	c.sock.Lock()
	defer c.sock.Unlock()
	if c.closed {
		return nil
	}
	c.closed = true
	return c.c.Close()
}

// answerGrace is how long an answer is waited for after the context has ended.
// The kernel carries a request out while it is being sent, so the answer is
// there, and without it nobody would know whether something is to be undone.
const answerGrace = time.Second

// Execute sends one request and returns the kernel's replies. A context that
// ends before the request is sent prevents it; one that ends afterwards changes
// nothing, so that success and failure are what they say. An
// acknowledgement is always asked for and read, so that a request without a
// reply still reports success, and one with a reply leaves nothing behind in
// the socket; it is not among the messages returned.
func (c *Conn) Execute(ctx context.Context, r Request) ([]netlink.Message, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []netlink.Message
	err := c.exchange(ctx, r, answerGrace, func(nc *netlink.Conn) error {
		req, err := nc.Send(r.message(netlink.Acknowledge))
		if err != nil {
			return err
		}
		// The kernel sends reply and acknowledgement as two datagrams.
		for {
			msgs, err := nc.Receive()
			if err != nil {
				return err
			}
			for _, m := range msgs {
				switch {
				case m.Header.Sequence != req.Header.Sequence:
					return fmt.Errorf("reply carries sequence %d, expected %d", m.Header.Sequence, req.Header.Sequence)
				case m.Header.Type == netlink.Error:
					return nil
				}
				out = append(out, m)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Dump sends a dump request and yields message by message, so that a table of
// any size passes in bounded memory. An interrupted dump
// (ErrDumpInterrupted) is reported once, after the last message. The Conn is
// busy until the loop ends: calling it from the loop would wait for ever.
func (c *Conn) Dump(ctx context.Context, r Request) iter.Seq2[netlink.Message, error] {
	return func(yield func(netlink.Message, error) bool) {
		c.mu.Lock()
		defer c.mu.Unlock()
		interrupted, stopped := false, false
		err := c.exchange(ctx, r, 0, func(nc *netlink.Conn) error {
			req, err := nc.Send(r.message(netlink.Dump))
			if err != nil {
				return err
			}
			for m, err := range nc.ReceiveIter() {
				switch {
				case err != nil:
					return err
				case m.Header.Sequence != req.Header.Sequence:
					return fmt.Errorf("reply carries sequence %d, expected %d", m.Header.Sequence, req.Header.Sequence)
				}
				interrupted = interrupted || m.Header.Flags&netlink.DumpInterrupted != 0
				if !yield(m, nil) {
					// What is left of the dump stays in the socket.
					stopped, c.stale = true, true
					return nil
				}
			}
			return nil
		})
		switch {
		case stopped:
		case err != nil:
			yield(netlink.Message{}, err)
		case interrupted:
			yield(netlink.Message{}, &Error{Op: r.Op, Object: r.Object, Err: ErrDumpInterrupted})
		}
	}
}

// dumpTries is how often DumpAll starts over before it reports that the table
// never stood still.
const dumpTries = 10

// DumpAll collects a whole dump and starts over when it was interrupted. When
// every try was, it returns the last result together with an error that
// matches ErrDumpInterrupted.
func (c *Conn) DumpAll(ctx context.Context, r Request) ([]netlink.Message, error) {
	var (
		all  []netlink.Message
		last error
	)
	for range dumpTries {
		all, last = nil, nil
		for m, err := range c.Dump(ctx, r) {
			if err != nil {
				last = err
				break
			}
			all = append(all, m)
		}
		if !errors.Is(last, ErrDumpInterrupted) {
			break
		}
	}
	return all, last
}

// exchange runs fn with the end of the context bound to the socket's deadline,
// grace after it. It must be called with the lock held.
func (c *Conn) exchange(ctx context.Context, r Request, grace time.Duration, fn func(*netlink.Conn) error) error {
	if ctx.Err() != nil {
		return &Error{Op: r.Op, Object: r.Object, Err: ContextError(ctx)}
	}
	nc, err := c.socket()
	if err != nil {
		return &Error{Op: r.Op, Object: r.Object, Err: err}
	}
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Now().Add(grace)) })
	err = fn(nc)
	if !stop() {
		// The deadline may have been set after the last read: start afresh.
		c.stale = true
	}
	if err == nil {
		return nil
	}
	if op, ok := errors.AsType[*netlink.OpError](err); !ok || op.Sequence == 0 {
		c.stale = true // not an answer to this request
	}
	if errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() != nil {
		err = ContextError(ctx)
	}
	return r.wrap(err)
}

func (r Request) message(extra netlink.HeaderFlags) netlink.Message {
	return netlink.Message{
		Header: netlink.Header{Type: netlink.HeaderType(r.Type), Flags: netlink.Request | r.Flags | extra},
		Data:   r.Data,
	}
}

// nlmsgHeaderLen is sizeof(struct nlmsghdr): extended-ack offsets count from it.
const nlmsgHeaderLen = 16

func (r Request) wrap(err error) error {
	e := &Error{Op: r.Op, Object: r.Object, Err: errnoOf(err)}
	if op, ok := errors.AsType[*netlink.OpError](err); ok {
		e.Msg = op.Message
		if at := op.Offset - nlmsgHeaderLen - r.AttrsAt; op.Offset > 0 && at >= 0 && r.AttrsAt <= len(r.Data) {
			e.Path = AttrPath(r.Data[r.AttrsAt:], at, r.Spec)
		}
	}
	return e
}
