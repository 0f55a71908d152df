// This file goes through proxies (§4.1): it asks one that speaks HTTP for a
// tunnel with CONNECT (RFC 9110 §9.3.6), or one that speaks SOCKS5 (RFC 1928).
// Names are resolved by the proxy.

package websocket

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
)

// A route is the way to a server: directly, or through one proxy.
type route struct {
	to     *location
	proxy  *url.URL // nil for none
	dialer *Dialer
}

// route asks for the proxy to take.
func (a *attempt) route() (r route, err error) {
	r = route{to: a.to, dialer: a.dialer}
	switch d := a.dialer; {
	case d.Proxy != nil:
		u := *a.to.url // §4.1: the URL as it is, with ws or wss
		r.proxy, err = d.Proxy(&u)
	case d.NetDial == nil:
		r.proxy, err = http.ProxyFromEnvironment(&http.Request{URL: a.to.http()})
	}
	switch {
	case err != nil:
		return r, stageError(context.Background(), "choosing a proxy", err)
	case r.proxy != nil:
		return r, r.check()
	}
	return r, nil
}

// proxyPorts are the ports of proxies whose URL has none.
var proxyPorts = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}

func (r *route) check() error {
	switch {
	case proxyPorts[r.proxy.Scheme] == "":
		return badURL("the proxy's scheme is not http, https, socks5 or socks5h")
	case r.proxy.Hostname() == "":
		return badURL("the proxy's URL has no host")
	case r.isSOCKS() && len(r.to.name) > 255:
		return badURL("its host is too long for SOCKS5")
	case r.isSOCKS() && !isSOCKSUser(r.proxy.User):
		return badURL("the proxy's user must have 1 to 255 bytes, and its password at most 255")
	}
	return nil
}

func (r *route) isSOCKS() bool { return proxyPorts[r.proxy.Scheme] == "1080" }

// first returns the address of the first hop.
func (r *route) first() string {
	if r.proxy == nil {
		return r.to.address()
	}
	port := r.proxy.Port()
	if port == "" {
		port = proxyPorts[r.proxy.Scheme]
	}
	return net.JoinHostPort(r.proxy.Hostname(), port)
}

// tunnel returns a connection to the server, given one to the first hop.
func (r *route) tunnel(ctx context.Context, nc net.Conn) (net.Conn, error) {
	if r.proxy == nil {
		return nc, nil
	}
	var err error
	if r.proxy.Scheme == "https" {
		nc, err = r.startTLS(ctx, nc)
	}
	if err == nil && r.isSOCKS() {
		err = socksConnect(nc, r.proxy.User, r.to)
	} else if err == nil {
		err = r.connect(nc)
	}
	if he := (*HandshakeError)(nil); err != nil && !errors.As(err, &he) {
		err = stageError(ctx, "asking the proxy "+r.first()+" for a tunnel", err)
	}
	return nc, err
}

// startTLS speaks TLS with the proxy itself. The server's name has nothing to do
// with it.
func (r *route) startTLS(ctx context.Context, nc net.Conn) (net.Conn, error) {
	config := r.dialer.TLSConfig.Clone()
	if config != nil {
		config.ServerName = ""
	}
	return startTLS(ctx, nc, config, withoutZone(r.proxy.Hostname()))
}

// connect asks for a tunnel with CONNECT (RFC 9110 §9.3.6).
func (r *route) connect(nc net.Conn) error {
	to := r.to.publicAddress()
	request := &Request{Method: http.MethodConnect, Target: to, Major: 1, Minor: 1, Host: to}
	if u := r.proxy.User; u != nil {
		request.Header = map[string][]string{"Proxy-Authorization": {basicAuth(u)}}
	}
	answer, early, err := exchange(nc, AppendRequest(nil, request))
	if he := (*HandshakeError)(nil); errors.As(err, &he) {
		he.Rule, he.Detail = RuleProxy, he.Rule.Text()
	}
	if err != nil {
		return err
	}
	e := malformed(RuleProxy, "")
	e.Status, e.Header = answer.Status, answer.Header
	switch {
	case answer.Status/100 != 2:
		e.Detail = excerpt(answer.status())
		e.Body = readBody(nc, answer, early)
	case len(early) > 0:
		// Neither TLS nor a handshake has begun, so nobody can have said this.
		e.Detail = "bytes follow its answer"
	default:
		return nil
	}
	return e
}
