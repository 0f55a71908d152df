// Package websocket implements the WebSocket protocol, RFC 6455, on the
// standard library alone. Its files can be copied into any module.
//
// # Three levels
//
// A [Conn] is a connection. A server gets one from [Handler] or
// [Upgrader.Upgrade] behind net/http, or from a [Server] without it; a client gets
// one from [Dialer.Dial], or one after the other from [Dialer.Redial]. Then it is
// Read and Write, with a context each, from any goroutine. A [Hub] sends messages
// to many of them, a [Group] bounds their number and ends them together.
//
// An [Endpoint] is the protocol without I/O: bytes in, events and bytes out. It
// is for event loops, tests, tools, and for those who want to see every step. It
// has no clock, no goroutine and no socket, and allocates nothing to receive what
// is not compressed. It consists of a [Receiver] and a [Sender]; their handshakes
// are [Request.Check] and [Response.Check].
//
// [ParseHeader] and [AppendHeader], [Mask], [UTF8], [ParseCloseBody],
// [AcceptKey], [ParseExtensions], [Compression.Accept] are the wire format and the
// handshake as pure functions.
//
// # Five laws
//
//  1. Everything that a peer can get wrong is a [Rule]: one row with an id, the
//     RFC section, the close code or HTTP status, and a sentence.
//  2. The codec encodes and decodes anything, also what is illegal. Only
//     Receiver and Sender judge.
//  3. What was received belongs to the Receiver, what was sent to the Sender. No
//     state has two owners.
//  4. Reading never waits for writing.
//  5. The core has no clock, no goroutine and no socket.
//
// # Reading order
//
// To learn how the protocol works, read the files in this order:
//
//	rules.go       what a peer can get wrong, in one table
//	errors.go      what is told of it, and of our own misuse
//	frame.go       the header of a frame (§5.2)
//	mask.go        masking (§5.3)
//	utf8.go        text that arrives in pieces (§8.1)
//	close.go       close codes (§7.4)
//	fields.go      HTTP field values (§9.1, RFC 9110)
//	head.go        HTTP/1.1 heads (RFC 9112)
//	compose.go     … and how they are written
//	handshake.go   the server's half of the handshake (§4.2)
//	ask.go         the client's half (§4.1)
//	deflate.go     the negotiation of compression (7692 §7.1)
//	origin.go      who may connect (§10.2)
//	limits.go      how much is accepted (§10.4)
//	receiver.go    bytes to events: every rule on frames, in one place
//	sender.go      events to bytes, and what is owed to the peer
//	endpoint.go    both, and the states of a connection (§7)
//	trace.go       bytes explained to people, with trace_frame.go,
//	               trace_head.go and trace_notes.go
//
// Compression can be read on its own: receiver_deflate.go and sender_deflate.go are
// where it meets the frames (7692 §6, §7.2), inflate.go and deflater.go, each with
// more files of the same beginning, are DEFLATE itself (RFC 1951).
//
// The files above are pure: a flat package has no inner borders, so the Makefile
// has lists of them, and CI compiles those lists alone. What follows deals with
// sockets, locks and time:
//
//	options.go     what can be set
//	conn.go        a connection, and why it ended
//	transport.go   what carries bytes, and how they are received, with
//	               socket_unix.go, socket_other.go and buffer.go
//	outbox.go      how frames are put on it
//	read.go        the reading half
//	write.go       the writing half
//	compress.go    compressed messages, and memory that connections share
//	turn.go        a mutex whose waiters can give up
//	watch.go       contexts that end a blocked call
//	closing.go     the closing handshake, failing, and losing a connection (§7)
//	ping.go        round trips
//	keepalive.go   peers that are gone without a word
//	idle.go        connections that nobody uses
//	stats.go       counters and hooks
//	prepared.go    a message that is framed once for many connections
//	slow.go        what can be done about a slow peer
//	queue.go       what waits for one
//	hub.go         topics: one message to all who have joined
//	maskkeys.go    where a client's masking keys come from (§5.3)
//	upgrade.go     the handshake behind net/http, and in upgrade_conn.go
//	               without it
//	group.go       a server's connections: limits, and a common end
//	server.go      Handler for net/http, and Server without it
//	location.go    ws and wss URLs (§3)
//	client.go      the client's handshake on real connections, with exchange.go,
//	               proxy.go, socks.go, redirect.go and turnstile.go
//	redial.go      connecting again, and when (§7.2.3)
//	netconn.go     a Conn as a net.Conn
//	json.go        values as JSON
//
// § without a number in front means RFC 6455; "7692 §7.2" names another, and so
// does "1951 §3.2". A comment
// that begins with "Choice" marks where the RFC leaves the decision to us, or
// where we deviate from it.
//
// # Limitations
//
// permessage-deflate (RFC 7692) is the only extension, and off by default.
// WebSocket over HTTP/2 (RFC 8441) is not implemented. Names of hosts that are not
// ASCII must be given in their xn-- form: the standard library has no IDNA.
package websocket
