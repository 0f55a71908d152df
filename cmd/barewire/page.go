package main

import (
	"bytes"
	"embed"
	"io/fs"
	"net"
	"net/http"
	"path"
	"time"

	"barewire.example/websocket"
)

//go:embed web
var web embed.FS

// routes returns the handlers by path. There is no http.ServeMux, because it
// would redirect paths that are not clean, which no WebSocket client follows.
func (s *server) routes() http.Handler {
	handlers := files(web)
	handlers["/echo"] = s.connect(s.echo)
	handlers["/broadcast"] = s.connect(s.broadcast)
	handlers["/chat"] = http.HandlerFunc(s.chat)
	handlers["/healthz"] = http.HandlerFunc(s.health)
	handlers["/metrics"] = http.HandlerFunc(s.tellMetrics)
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

// contentTypes are those of the files that a page may have, by their extension.
// The tables of package mime depend on the machine.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
	".png":  "image/png",
}

// files returns a handler for each file in the directory web, by its path: its
// name, but "/" for index.html.
func files(fsys fs.FS) map[string]http.Handler {
	entries, err := fs.ReadDir(fsys, "web")
	if err != nil {
		panic(err) // the build was wrong
	}
	handlers := make(map[string]http.Handler)
	for _, e := range entries {
		name := e.Name()
		at := "/" + name
		if name == "index.html" {
			at = "/"
		}
		content, err := fs.ReadFile(fsys, "web/"+name)
		if err != nil || contentTypes[path.Ext(name)] == "" {
			panic("cannot serve web/" + name) // likewise
		}
		handlers[at] = file(name, content)
	}
	return handlers
}

// file returns a handler for a file.
func file(name string, content []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isRead(w, r) {
			return
		}
		h := w.Header()
		h.Set("Content-Type", contentTypes[path.Ext(name)])
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
			rule := websocket.RuleHostForbidden
			deny(w, rule.Status(), rule.Text())
			s.refused(r, rule)
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
