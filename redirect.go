// This file follows redirects, as far as that is safe (§4.1, §10.6).

package websocket

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// isRedirect reports whether an answer says that the resource is elsewhere, and
// where (RFC 9110 §15.4). All of these can be followed with a GET.
func isRedirect(resp *http.Response) bool {
	return resp != nil && resp.Header.Get("Location") != "" &&
		slices.Contains([]int{301, 302, 303, 307, 308}, resp.StatusCode)
}

// redirect turns a into the attempt that the answer asks for, which came with
// the error err. left is how many redirects may still be followed. The error that
// it returns is err with the reason for which this one is not.
func (a *attempt) redirect(resp *http.Response, err error, left int) error {
	to, why := a.target(resp.Header.Get("Location"))
	if left == 0 {
		why = "too many in a row"
	}
	if why != "" {
		if he := (*HandshakeError)(nil); errors.As(err, &he) {
			he.Rule, he.Detail = RuleRedirect, why
		}
		return err
	}
	if !to.sameOrigin(a.to) {
		// Secrets are for the server that they were given for.
		a.host = ""
		for _, name := range []string{"Authorization", "Cookie", "Proxy-Authorization"} {
			a.header.Del(name)
		}
	} else if to.user == nil {
		to.user = a.to.user
	}
	a.to = to
	return nil
}

// target returns where a redirect leads to, or why it is not followed.
func (a *attempt) target(reference string) (to *location, why string) {
	u, err := url.Parse(reference)
	if err != nil {
		return nil, "Location is malformed"
	}
	u = a.to.url.ResolveReference(u)
	switch u.Scheme { // what knows only HTTP says that
	case "http":
		u.Scheme = "ws"
	case "https":
		u.Scheme = "wss"
	}
	if to, err = newLocation(u); err != nil {
		return nil, "Location cannot be used: " + strings.TrimPrefix(err.Error(), ErrURL.Error()+": ")
	}
	// §10.6: who asked for TLS does not get less.
	if a.to.secure && !to.secure {
		return nil, "it leads from wss to ws"
	}
	return to, ""
}
