// This file asks a SOCKS5 proxy for a connection (RFC 1928), with a user's name
// and password if there is one (RFC 1929).

package websocket

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"strconv"
)

const (
	socksVersion  = 5
	socksNoAuth   = 0 // methods (RFC 1928 §3)
	socksPassword = 2

	socksConnectCommand = 1 // RFC 1928 §4

	socksIPv4 = 1 // address types (RFC 1928 §5)
	socksName = 3
	socksIPv6 = 4

	socksPasswordVersion = 1 // RFC 1929 §2
)

// socksReplies are the reasons for which a proxy refuses (RFC 1928 §6).
var socksReplies = [...]string{
	"succeeded", "general failure", "connection not allowed", "network unreachable", "host unreachable",
	"connection refused", "TTL expired", "command not supported", "address type not supported",
}

// socksConnect has the proxy connect nc to the server. It reads no byte that is
// not its own.
func socksConnect(nc net.Conn, user *url.Userinfo, to *location) error {
	request := appendSocksRequest(nil, to)
	if err := socksGreet(nc, user); err != nil {
		return err
	}
	if _, err := nc.Write(request); err != nil {
		return err
	}
	var reply [4]byte // version, reply, reserved, address type
	if err := socksRead(nc, reply[:]); err != nil {
		return err
	}
	switch code := reply[1]; {
	case code != 0 && int(code) < len(socksReplies):
		return malformed(RuleProxy, "SOCKS5: "+socksReplies[code])
	case code != 0:
		return malformed(RuleProxy, fmt.Sprintf("SOCKS5: reply %d", code))
	}
	return socksSkipAddress(nc, reply[3])
}

// socksGreet agrees on a method and authenticates (RFC 1928 §3).
func socksGreet(nc net.Conn, user *url.Userinfo) error {
	greeting := []byte{socksVersion, 1, socksNoAuth}
	if user != nil {
		greeting = []byte{socksVersion, 2, socksNoAuth, socksPassword}
	}
	if _, err := nc.Write(greeting); err != nil {
		return err
	}
	var reply [2]byte // version, method
	if err := socksRead(nc, reply[:]); err != nil {
		return err
	}
	switch method := reply[1]; {
	case method == socksNoAuth:
		return nil
	case method == socksPassword && user != nil:
		return socksAuthenticate(nc, user)
	}
	return malformed(RuleProxy, "SOCKS5: no acceptable way to authenticate")
}

// isSOCKSUser reports whether name and password can be sent.
//
// Choice (RFC 1929 §2): the password may be empty, too.
func isSOCKSUser(user *url.Userinfo) bool {
	password, _ := user.Password()
	return user == nil || user.Username() != "" && len(user.Username()) <= 255 && len(password) <= 255
}

// socksAuthenticate sends name and password (RFC 1929 §2).
func socksAuthenticate(nc net.Conn, user *url.Userinfo) error {
	name := user.Username()
	password, _ := user.Password()
	b := append([]byte{socksPasswordVersion, byte(len(name))}, name...)
	b = append(append(b, byte(len(password))), password...)
	if _, err := nc.Write(b); err != nil {
		return err
	}
	var reply [2]byte // version, status
	if _, err := io.ReadFull(nc, reply[:]); err != nil {
		return err
	}
	switch {
	case reply[0] != socksPasswordVersion:
		return malformed(RuleProxy, "its answer is not SOCKS5")
	case reply[1] != 0:
		return malformed(RuleProxy, "SOCKS5: name or password is wrong")
	}
	return nil
}

// appendSocksRequest appends the request for a connection (RFC 1928 §4).
func appendSocksRequest(dst []byte, to *location) []byte {
	dst = append(dst, socksVersion, socksConnectCommand, 0)
	ip, err := netip.ParseAddr(to.publicName())
	switch {
	case err == nil && ip.Is4():
		dst = append(dst, socksIPv4)
		dst = append(dst, ip.AsSlice()...)
	case err == nil:
		dst = append(dst, socksIPv6)
		dst = append(dst, ip.AsSlice()...)
	default: // route.check has seen to the length
		dst = append(dst, socksName, byte(len(to.name)))
		dst = append(dst, to.name...)
	}
	port, _ := strconv.ParseUint(to.port, 10, 16) // it has been checked
	return append(dst, byte(port>>8), byte(port))
}

// socksSkipAddress reads the address that the proxy connects from, which is of
// no use.
func socksSkipAddress(nc net.Conn, kind byte) error {
	var b [255 + 2]byte // the longest name and the port
	n := 0
	switch kind {
	case socksIPv4:
		n = 4
	case socksIPv6:
		n = 16
	case socksName:
		if _, err := io.ReadFull(nc, b[:1]); err != nil {
			return err
		}
		n = int(b[0])
	default:
		return malformed(RuleProxy, "SOCKS5: unknown type of address")
	}
	_, err := io.ReadFull(nc, b[:n+2])
	return err
}

// socksRead fills b with the beginning of a reply, which must be of version 5.
func socksRead(nc net.Conn, b []byte) error {
	if _, err := io.ReadFull(nc, b); err != nil {
		return err
	}
	if b[0] != socksVersion {
		return malformed(RuleProxy, "its answer is not SOCKS5")
	}
	return nil
}
