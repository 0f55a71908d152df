// This file tests what an application can set on an Upgrader, on both servers:
// who may connect, what is agreed on, and what is answered.

package websocket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// neverCalled is for servers that must refuse.
func neverCalled(t *testing.T) connFunc {
	return func(context.Context, *Conn) error {
		t.Error("the handler was called for a refused request")
		return nil
	}
}

// sendRequest sends the base request with edits on a new connection.
func sendRequest(t *testing.T, l *simListener, edits ...string) *testPeer {
	t.Helper()
	p := newClientPeer(t, dialServer(t, l))
	p.writeBytes([]byte(rawRequest(edits...)))
	return p
}

func TestUpgraderAnswersAsAuthorizeSays(t *testing.T) {
	unauthorized := &HandshakeError{Status: 401, Header: http.Header{"WWW-Authenticate": {`Basic realm="a"`}}}
	for _, test := range []struct {
		name   string
		err    error
		status int
		rule   Rule
		header [2]string
	}{
		{"401", unauthorized, 401, RuleForbidden, [2]string{"Www-Authenticate", `Basic realm="a"`}},
		{"302", &HandshakeError{Status: 302, Header: http.Header{"Location": {"/login"}}}, 302, RuleForbidden, [2]string{"Location", "/login"}},
		{"404", fmt.Errorf("wrapped: %w", &HandshakeError{Status: 404}), 404, RuleForbidden, [2]string{}},
		{"plain-error", errTest, 403, RuleForbidden, [2]string{}},
		{"own-rule", &HandshakeError{Rule: RuleUnavailable}, 503, RuleUnavailable, [2]string{}},
		{"no-status", &HandshakeError{}, 403, RuleForbidden, [2]string{}},
		{"status-that-accepts", &HandshakeError{Status: 200}, 500, RuleForbidden, [2]string{}},
		{"field-with-line-feed", &HandshakeError{Status: 401, Header: http.Header{"X-A": {"a\r\nX-B: b"}}}, 401, RuleForbidden, [2]string{"X-B", ""}},
	} {
		t.Run(test.name, func(t *testing.T) {
			eachServer(t, func(t *testing.T, serve serveFunc) {
				u := Upgrader{Authorize: func(*Request) error { return test.err }}
				resp := wantRefusal(sendRequest(t, serve(t, u, neverCalled(t))), test.status, test.rule)
				if got := resp.Header.Get(test.header[0]); got != test.header[1] {
					t.Errorf("%s: %q, want %q", test.header[0], got, test.header[1])
				}
			})
		})
	}
	if unauthorized.Rule != 0 {
		t.Error("the application's error was changed")
	}
}

func TestUpgraderAuthorizeSeesTheRequest(t *testing.T) {
	eachServer(t, func(t *testing.T, serve serveFunc) {
		var seen []string
		u := Upgrader{Authorize: func(r *Request) error {
			seen = append(seen, fmt.Sprint(r.Method, r.Path(), r.Query(), r.Host, r.TLS, r.RemoteAddr, r.Header["Cookie"]))
			if r.Path() != "/chat" {
				return &HandshakeError{Status: 404}
			}
			return nil
		}}
		l := serve(t, u, serveEcho)
		wantEcho(openServer(t, l, ">GET /chat?room=1 HTTP/1.1", "+Cookie: a=b"), "hello")
		wantRefusal(sendRequest(t, l, ">GET /other HTTP/1.1"), 404, RuleForbidden)
		// A request that breaks a rule, or comes from elsewhere, does not get so far.
		wantRefusal(sendRequest(t, l, "-Sec-WebSocket-Key"), 400, RuleKey)
		wantRefusal(sendRequest(t, l, "+Origin: http://evil.example"), 403, RuleOrigin)
		want := "GET/chatroom=1127.0.0.1false" + "192.0.2.1:49152" + "[a=b]"
		if len(seen) != 2 || strings.ReplaceAll(seen[0], " ", "") != want {
			t.Errorf("Authorize has seen %q, want %q first", seen, want)
		}
	})
}

func TestUpgraderChecksOrigins(t *testing.T) {
	for _, test := range []struct {
		name    string
		u       Upgrader
		origins map[string]bool
	}{
		{"zero-value", Upgrader{}, map[string]bool{
			"http://127.0.0.1": true, "http://127.0.0.1:80": true, "https://127.0.0.1": false, "http://evil.example": false, "null": false,
		}},
		{"patterns", Upgrader{Origins: []string{"https://*.example.com", "http://localhost:8080"}}, map[string]bool{
			"https://a.example.com": true, "https://a.b.example.com": true, "https://example.com": false, "https://a.example.com:444": false,
			"http://a.example.com": false, "https://a.example.com/": false, "https://u@a.example.com": false, "https://aexample.com": false,
			"http://localhost:8080": true, "http://localhost": false, "http://127.0.0.1": true,
		}},
		{"check-origin", Upgrader{CheckOrigin: func(r *Request) bool { return r.Header["Origin"][0] == "any" }}, map[string]bool{
			"any": true, "http://127.0.0.1": false,
		}},
		{"insecure", Upgrader{InsecureSkipOriginCheck: true}, map[string]bool{"http://evil.example": true, "null": true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			eachServer(t, func(t *testing.T, serve serveFunc) {
				l := serve(t, test.u, serveEcho)
				for origin, welcome := range test.origins {
					p := sendRequest(t, l, "+Origin: "+origin)
					if !welcome {
						wantRefusal(p, 403, RuleOrigin)
					} else if head := readHTTPHead(p); !strings.HasPrefix(head, "HTTP/1.1 101 ") {
						t.Errorf("%s is refused with %q", origin, head)
					}
				}
			})
		})
	}
}

func TestUpgraderChecksHosts(t *testing.T) {
	eachServer(t, func(t *testing.T, serve serveFunc) {
		l := serve(t, Upgrader{Hosts: []string{"127.0.0.1", "*.example.com", "localhost:8080"}}, serveEcho)
		for _, host := range []string{"127.0.0.1", "127.0.0.1:81", "A.Example.com.", "localhost:8080"} {
			openServer(t, l, "Host: "+host)
		}
		for _, host := range []string{"evil.example", "example.com", "localhost", "localhost:8081", "127.0.0.1.evil.example"} {
			wantRefusal(sendRequest(t, l, "Host: "+host), 403, RuleHostForbidden)
		}
	})
	eachServer(t, func(t *testing.T, serve serveFunc) {
		openServer(t, serve(t, Upgrader{Hosts: []string{}}, serveEcho), "Host: any.example")
	})
}

func TestUpgraderSelectsSubprotocols(t *testing.T) {
	last := func(offered []string) string { return offered[len(offered)-1] }
	for _, test := range []struct {
		name string
		u    Upgrader
		want string
	}{
		{"by-the-clients-order", Upgrader{Options: Options{Subprotocols: []string{"b", "a"}}}, "a"},
		{"in-this-case-only", Upgrader{Options: Options{Subprotocols: []string{"A", "c"}}}, "c"}, // RFC 7936
		{"none-in-common", Upgrader{Options: Options{Subprotocols: []string{"x"}}}, ""},
		{"by-the-application", Upgrader{Options: Options{Subprotocols: []string{"a"}}, SelectSubprotocol: last}, "c"},
		{"none-for-the-application", Upgrader{SelectSubprotocol: func([]string) string { return "" }}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			eachServer(t, func(t *testing.T, serve serveFunc) {
				l := serve(t, test.u, func(ctx context.Context, c *Conn) error {
					return c.Write(ctx, Text, []byte("agreed on "+c.Subprotocol()))
				})
				p := sendRequest(t, l, "+Sec-WebSocket-Protocol: a, b", "+Sec-WebSocket-Protocol: c")
				head := readHTTPHead(p)
				if has := strings.Contains(head, "Protocol:"); has != (test.want != "") || !strings.Contains(head, test.want) {
					t.Errorf("the answer is %q, want the subprotocol %q", head, test.want)
				}
				p.wantFrame("the Conn knows it", OpText, "agreed on "+test.want)
			})
		})
	}
}

// S-42, and what else must not leave: 500, and nothing of it on the wire.
func TestUpgraderIsMisconfigured(t *testing.T) {
	for name, u := range map[string]Upgrader{
		"line-feed-in-value":      {Header: http.Header{"X-Evil": {"evil\nX: evil"}}},
		"carriage-return":         {Header: http.Header{"X-Evil": {"evil\rX: evil"}}},
		"nul-in-value":            {Header: http.Header{"X-Evil": {"evil\x00"}}},
		"name-is-no-token":        {Header: http.Header{"Evil: a\r\nX": {"a"}}},
		"field-of-the-handshake":  {Header: http.Header{"sec-websocket-evil": {"evil"}}},
		"body-announced":          {Header: http.Header{"Content-Length": {"1"}}},
		"subprotocol-not-offered": {SelectSubprotocol: func([]string) string { return "evil" }},
		"subprotocol-with-crlf":   {SelectSubprotocol: func([]string) string { return "chat\r\nX-Evil: 1" }},
		"subprotocol-with-nul":    {SelectSubprotocol: func([]string) string { return "evil\x00" }},
		"malformed-origin":        {Origins: []string{"https://evil\r\n"}},
		"malformed-host":          {Hosts: []string{"127.0.0.1", "evil/"}},
	} {
		t.Run(name, func(t *testing.T) {
			eachServer(t, func(t *testing.T, serve serveFunc) {
				logger, out := newTestLog()
				u := u
				u.Logger = logger
				p := sendRequest(t, serve(t, u, neverCalled(t)), "+Sec-WebSocket-Protocol: chat")
				wantRefusal(p, 500, RuleUnavailable)
				if sent := string(p.sim.peer.sent()); strings.Contains(strings.ToLower(sent), "evil") {
					t.Errorf("on the wire is %q", sent)
				}
				if s := out.String(); strings.Count(s, "\n") != 1 || !strings.Contains(s, "misconfigured") {
					t.Errorf("the log says %q", s)
				}
			})
		})
	}
}

func TestUpgraderSendsHeader(t *testing.T) {
	eachServer(t, func(t *testing.T, serve serveFunc) {
		u := Upgrader{Header: http.Header{"Set-Cookie": {"a=1", "b=2"}, "Server": {"barewire"}}}
		head := readHTTPHead(sendRequest(t, serve(t, u, serveEcho)))
		want := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
			"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nServer: barewire\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n"
		if head != want {
			t.Errorf("the answer is %q, want %q", head, want)
		}
	})
}

// An unwrapping ResponseWriter is what a middleware makes of one.
type unwrapping struct{ w http.ResponseWriter }

func (u unwrapping) Header() http.Header         { return u.w.Header() }
func (u unwrapping) Write(p []byte) (int, error) { return u.w.Write(p) }
func (u unwrapping) WriteHeader(status int)      { u.w.WriteHeader(status) }
func (u unwrapping) Unwrap() http.ResponseWriter { return u.w }

//
func TestUpgradeOutlivesTheDeadlinesOfTheHTTPServer(t *testing.T) {
	echo := Handler(serveEcho, &Upgrader{Options: Options{KeepAlive: -1}})
	for name, handler := range map[string]http.Handler{
		"plain": echo,
		"wrapped": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			echo.ServeHTTP(unwrapping{unwrapping{w}}, r)
		}),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := startHTTP(t, &http.Server{Handler: handler, ReadTimeout: time.Second, WriteTimeout: time.Second, IdleTimeout: time.Second})
				p := openServer(t, l)
				for range 3 {
					<-time.After(30 * time.Second)
					wantEcho(p, "still there")
				}
				finishPeer(p)
			})
		})
	}
}

// A client that does not take the 101 is given up.
func TestUpgradeBoundsTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &Upgrader{HandshakeTimeout: 7 * time.Second}
		errs := make(chan error, 1)
		l := startHTTP(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, err := u.Upgrade(w, r)
			errs <- err
		})})
		conn := dialServer(t, l)
		conn.peer.tune(func(k *simKnobs) { k.stallWrites = true })
		start := time.Now()
		simMustWrite(t, conn, rawRequest())
		if err := <-errs; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Upgrade = %v", err)
		}
		simWantElapsed(t, start, 7*time.Second)
		simWantRead(t, conn, "", io.EOF)
	})
}

// The scheme of the request's own origin is that of its connection.
func TestUpgradeKnowsTLS(t *testing.T) {
	for target, rule := range map[string]Rule{"https://a.example/": RuleUnavailable, "http://a.example/": RuleOrigin} {
		r := httptest.NewRequest("GET", target, nil)
		for name, value := range map[string]string{
			"Origin": "https://a.example", "Upgrade": "websocket", "Connection": "Upgrade",
			"Sec-WebSocket-Key": sampleKey, "Sec-WebSocket-Version": "13",
		} {
			r.Header.Set(name, value)
		}
		w := httptest.NewRecorder() // which is no Hijacker, so even the good one ends
		if _, err := new(Upgrader).Upgrade(w, r); err == nil || w.Code != rule.Status() {
			t.Errorf("%s: %d, %v; want %d", target, w.Code, err, rule.Status())
		}
	}
}

func TestUpgradeNeedsAHijacker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		errs := make(chan error, 1)
		l := startHTTP(t, &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, err := new(Upgrader).Upgrade(struct{ http.ResponseWriter }{w}, r)
			errs <- err
		})})
		wantRefusal(sendRequest(t, l), 503, RuleUnavailable)
		if err := <-errs; !errors.Is(err, http.ErrNotSupported) {
			t.Errorf("Upgrade = %v", err)
		}
	})
}

// S-41: what guards the plain routes guards this one.
func TestHandlerBehindMiddleware(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mux := http.NewServeMux()
		mux.Handle("/ws", Handler(serveEcho, nil))
		guarded := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") == "" {
				http.Error(w, "who are you?", http.StatusUnauthorized)
				return
			}
			mux.ServeHTTP(w, r)
		})
		l := startHTTP(t, &http.Server{Handler: guarded})
		for status, edits := range map[int][]string{
			401: {">GET /ws HTTP/1.1"},
			404: {">GET /other HTTP/1.1", "+Authorization: me"},
		} {
			head := readHTTPHead(sendRequest(t, l, edits...))
			if !strings.HasPrefix(head, fmt.Sprintf("HTTP/1.1 %d ", status)) {
				t.Errorf("the answer is %q, want %d", head, status)
			}
		}
		finishPeer(openServer(t, l, ">GET /ws HTTP/1.1", "+Authorization: me"))
	})
}
