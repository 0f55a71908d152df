// This file is what machines ask the server about itself: /healthz and /metrics.

package main

import "net/http"

// health says whether the server takes new connections.
func (s *server) health(w http.ResponseWriter, r *http.Request) {
	if !isRead(w, r) {
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	if s.ending.Load() {
		deny(w, http.StatusServiceUnavailable, "shutting down")
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Write([]byte("ok\n"))
}

// tellMetrics writes the metrics.
func (s *server) tellMetrics(w http.ResponseWriter, r *http.Request) {
	if !isRead(w, r) {
		return
	}
	var e exposition
	s.metrics.expose(&e)
	exposeProcess(&e, s.started)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", expositionType)
	w.Write(e.b.Bytes())
}

// isRead reports whether a request is a GET or a HEAD. If not, it has been answered.
func isRead(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return true
	}
	w.Header().Set("Allow", "GET, HEAD")
	deny(w, http.StatusMethodNotAllowed, "method is not GET or HEAD")
	return false
}
