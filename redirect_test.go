// These are the tests of redirects: which are followed, and what goes along.

package websocket

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
)

// redirected answers the next request with a redirect.
func (s *dialing) redirected(status int, location string) (head string) {
	s.t.Helper()
	_, head = s.refuse("", fmt.Sprintf("HTTP/1.1 %d Elsewhere", status), "Location: "+location, "Content-Length: 0")
	return head
}

func TestRedirectIsNotFollowedUnlessAskedTo(t *testing.T) {
	dialBubble(t, Dialer{}, testURL, func(s *dialing) {
		s.redirected(302, "ws://other.example/")
		he, resp := s.wantRule(RuleStatus)
		if he.Status != 302 || resp.Header.Get("Location") != "ws://other.example/" {
			s.t.Errorf("the error is %+v", he)
		}
		if len(s.peers) > 0 {
			s.t.Error("there was another connection")
		}
	})
}

func TestRedirectOfEachStatus(t *testing.T) {
	for status, followed := range map[int]bool{
		300: false, 301: true, 302: true, 303: true, 304: false, 305: false, 307: true, 308: true, 200: false, 404: false, 503: false,
	} {
		dialBubble(t, Dialer{MaxRedirects: 1}, testURL, func(s *dialing) {
			s.redirected(status, "/there")
			if !followed {
				s.wantRule(RuleStatus)
				return
			}
			p, head := s.answer()
			r := s.opened()
			if !strings.HasPrefix(head, "GET /there HTTP/1.1\r\nHost: test.example\r\n") {
				s.t.Errorf("%d: the second request is %q", status, head)
			}
			if got := r.resp.Request.URL.String(); got != "ws://test.example/there" {
				s.t.Errorf("%d: the answer is of %s", status, got)
			}
			wantWorking(r.c, p)
		})
	}
}

func TestRedirectLeadsTo(t *testing.T) {
	for _, c := range []struct{ location, address, resource string }{
		{"/b", "test.example:8080", "/b"},
		{"b?c", "test.example:8080", "/dir/b?c"},
		{"../b", "test.example:8080", "/b"},
		{"?c", "test.example:8080", "/dir/a?c"},
		{"//other.example/b", "other.example:80", "/b"},
		{"ws://other.example:81/b#fragment", "other.example:81", "/b"},
		{"http://other.example/b", "other.example:80", "/b"},
		{"HTTP://other.example/b", "other.example:80", "/b"},
	} {
		dialBubble(t, Dialer{MaxRedirects: 1}, "ws://test.example:8080/dir/a", func(s *dialing) {
			s.redirected(307, c.location)
			p, addr := s.connection()
			head := readHTTPHead(p)
			if addr != c.address || !strings.HasPrefix(head, "GET "+c.resource+" HTTP/1.1\r\n") {
				s.t.Errorf("%s leads to %s, %q", c.location, addr, head)
			}
			s.cancel()
			s.failed()
		})
	}
}

func TestRedirectThatIsNotFollowed(t *testing.T) {
	for location, why := range map[string]string{
		"ws://other.example:0/": "port", "ftp://other.example/": "scheme", "ws://": "host", "mailto:a@b.example": "scheme",
		"ws://%zz/": "malformed", "ws://a b/": "malformed", "ws://bücher.example/": "xn--",
	} {
		dialBubble(t, Dialer{MaxRedirects: 5}, testURL, func(s *dialing) {
			s.redirected(302, location)
			he, resp := s.wantRule(RuleRedirect)
			if !strings.Contains(he.Error(), why) || he.Status != 302 || resp == nil || len(s.peers) > 0 {
				s.t.Errorf("%s: %v, %v", location, he, resp)
			}
		})
	}
	dialBubble(t, Dialer{MaxRedirects: 5}, testURL, func(s *dialing) {
		s.refuse("", "HTTP/1.1 302 Found", "Content-Length: 0")
		s.wantRule(RuleStatus) // to nowhere
	})
}

// §10.6, S-45
func TestRedirectNeverLeavesTLS(t *testing.T) {
	for reference, leaves := range map[string]bool{
		"ws://test.example/": true, "http://test.example/": true, "ws://test.example:443/": true,
		"wss://other.example/": false, "https://other.example/": false, "/there": false, "//other.example/": false,
	} {
		to, err := parseLocation("wss://test.example/")
		if err != nil {
			t.Fatal(err)
		}
		a := attempt{to: to, header: http.Header{}}
		resp := &http.Response{Header: http.Header{"Location": {reference}}}
		err = a.redirect(resp, malformed(RuleStatus, ""), 1)
		if errors.Is(err, RuleRedirect) != leaves || !a.to.secure {
			t.Errorf("%s: %v, then to %v", reference, err, a.to.url)
		}
	}
}

func TestRedirectLoopEnds(t *testing.T) {
	dialBubble(t, Dialer{MaxRedirects: 3}, testURL, func(s *dialing) {
		for range 4 {
			s.redirected(301, testURL)
		}
		if he, _ := s.wantRule(RuleRedirect); !strings.Contains(he.Detail, "too many") {
			s.t.Errorf("%v", he)
		}
		if len(s.peers) > 0 {
			s.t.Error("there was a fifth request")
		}
	})
}

// S-45: what was given for one server is for that one only.
func TestRedirectTakesCredentialsToTheSameOriginOnly(t *testing.T) {
	for location, same := range map[string]bool{
		"/there": true, "ws://test.example:80/": true, "ws://TEST.example/": true,
		"ws://other.example/": false, "ws://test.example:81/": false, "ws://sub.test.example/": false, "ws://user2:pass2@other.example/": false,
	} {
		d := Dialer{MaxRedirects: 2, Host: "virtual.example", Header: http.Header{
			"authorization": {"Bearer secret"}, "Cookie": {"secret=1"}, "Proxy-Authorization": {"secret"}, "X-Own": {"1"},
		}}
		dialBubble(t, d, testURL, func(s *dialing) {
			s.redirected(307, location)
			_, head := s.answer()
			s.opened()
			secrets := strings.Count(head, "secret")
			if same && secrets != 3 || !same && secrets != 0 {
				s.t.Errorf("%s: the request is %q", location, head)
			}
			if (fieldOf(s.t, head, "Host") == "virtual.example") != same || fieldOf(s.t, head, "X-Own") != "1" {
				s.t.Errorf("%s: the request is %q", location, head)
			}
			if strings.Contains(location, "user2") != strings.Contains(head, "Authorization: Basic") {
				s.t.Errorf("%s: the request is %q", location, head)
			}
		})
		if len(d.Header) != 4 {
			t.Errorf("the caller's header was changed: %v", d.Header)
		}
	}
}

func TestRedirectTakesTheURLsUserToTheSameOriginOnly(t *testing.T) {
	for location, same := range map[string]bool{"/there": true, "ws://other.example/": false} {
		dialBubble(t, Dialer{MaxRedirects: 1}, "ws://user:pass@test.example/", func(s *dialing) {
			s.redirected(302, location)
			_, head := s.answer()
			s.opened()
			if strings.Contains(head, "Authorization: Basic dXNlcjpwYXNz\r\n") != same {
				s.t.Errorf("%s: the request is %q", location, head)
			}
		})
	}
}

func TestRedirectCanNameItsOwnUser(t *testing.T) {
	dialBubble(t, Dialer{MaxRedirects: 1}, "ws://a:b@test.example/", func(s *dialing) {
		s.redirected(302, "ws://c:d@test.example/")
		_, head := s.answer()
		s.opened()
		if got := fieldOf(t, head, "Authorization"); got != basicAuth(url.UserPassword("c", "d")) {
			t.Errorf("Authorization: %s", got)
		}
	})
}

// Credentials do not come back with a second redirect to where they belong.
func TestRedirectForgetsCredentials(t *testing.T) {
	d := Dialer{MaxRedirects: 2, Header: http.Header{"Authorization": {"secret"}}}
	dialBubble(t, d, testURL, func(s *dialing) {
		s.redirected(302, "ws://other.example/")
		s.redirected(302, testURL)
		_, head := s.answer()
		s.opened()
		if strings.Contains(head, "secret") {
			s.t.Errorf("the request is %q", head)
		}
	})
}

// Cookies of a jar are its own business: it knows which are for whom.
func TestRedirectSetsCookies(t *testing.T) {
	jar, _ := cookiejar.New(nil)
	synctest.Test(t, func(t *testing.T) {
		s := startDial(t, Dialer{MaxRedirects: 1, Jar: jar}, testURL)
		s.refuse("", "HTTP/1.1 302 Found", "Location: /there", "Set-Cookie: a=b; Path=/", "Content-Length: 0")
		_, head := s.answer()
		s.opened()
		if got := fieldOf(t, head, "Cookie"); got != "a=b" {
			t.Errorf("the cookies are %q", got)
		}
	})
}
