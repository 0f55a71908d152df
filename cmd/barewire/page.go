package main

import (
	"bytes"
	"embed"
	"net"
	"net/http"
	"time"

	"barewire.example/websocket"
)

//go:embed web
var web embed.FS

// routes returns the handlers by path. There is no http.ServeMux, because it
// would redirect paths that are not clean, which no WebSocket client follows.
func (s *server) routes() http.Handler {
	handlers := map[string]http.Handler{
		"/":          file("index.html", "text/html; charset=utf-8"),
		"/client.js": file("client.js", "text/javascript; charset=utf-8"),
		"/style.css": file("style.css", "text/css; charset=utf-8"),
		"/echo":      s.connect(s.echo),
		"/broadcast": s.connect(s.broadcast),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h, ok := handlers[r.URL.Path]; ok {
			h.ServeHTTP(w, r)
			return
		}
		deny(w, http.StatusNotFound, "there is nothing at this path")
		s.log.Info("not found", "peer", r.RemoteAddr, "path", beginning(r.URL.Path))
	})
}

// contentSecurity lets the page load its own files and talk to its own server,
// and nothing else.
const contentSecurity = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// file returns a handler for an embedded file.
func file(name, contentType string) http.Handler {
	content, err := web.ReadFile("web/" + name)
	if err != nil {
		panic(err) // the build was wrong
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.Set("Allow", "GET, HEAD")
			deny(w, http.StatusMethodNotAllowed, "method is not GET or HEAD")
			return
		}
		h.Set("Content-Type", contentType)
		h.Set("Content-Security-Policy", contentSecurity)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-cache")
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
	})
}

// deny answers with one line, and closes the connection: behind a handshake that
// is refused come frames, which must not be taken for requests.
func deny(w http.ResponseWriter, status int, reason string) {
	w.Header().Set("Connection", "close")
	http.Error(w, reason, status)
}

// guard lets only those requests pass that are for a name of ours.
func (s *server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.isOurs(r) {
			s.refuse(w, r, websocket.RuleHostForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isOurs judges the Host of a request. Without a list of hosts a connection to
// a loopback address must be for a loopback name, lest a page that has bound its
// own name to the address is of the same origin as we are.
func (s *server) isOurs(r *http.Request) bool {
	if len(s.flags.hosts) > 0 {
		return (&websocket.Request{Host: r.Host}).CheckHost(s.flags.hosts) == nil
	}
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return ok && !local.IP.IsLoopback() || websocket.IsLoopbackHost(r.Host)
}
