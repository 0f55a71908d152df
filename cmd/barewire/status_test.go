package main

import (
	"fmt"
	"testing"

	"barewire.example/websocket"
)

func TestMetricsAreServedAsText(t *testing.T) {
	p := start(t)
	for _, method := range []string{"GET", "HEAD"} {
		resp, body := p.request(method, "/metrics")
		if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/plain; version=0.0.4; charset=utf-8" ||
			resp.Header.Get("Cache-Control") != "no-store" || (body == "") != (method == "HEAD") {
			t.Errorf("%s: %s, %v, %d bytes", method, resp.Status, resp.Header, len(body))
		}
	}
}

func TestHealthTellsWhatTheServerDoes(t *testing.T) {
	p := start(t, "-close-timeout", "1m")
	for _, method := range []string{"GET", "HEAD"} {
		resp, body := p.request(method, "/healthz")
		want := map[string]string{"GET": "ok\n", "HEAD": ""}[method]
		if resp.StatusCode != 200 || body != want || resp.Header.Get("Cache-Control") != "no-store" ||
			resp.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%s: %s, %v, %q", method, resp.Status, resp.Header, body)
		}
	}
	if resp, _ := p.request("GET", "/healthz", "Host: evil.example"); resp.StatusCode != 403 {
		t.Errorf("for another host: %s", resp.Status)
	}
	stays := p.dial("/echo") // and does not answer the Close, so the end takes a while
	p.interrupt()
	if _, end, ok := stays.next(); ok || end.Code != websocket.CloseGoingAway {
		t.Fatalf("got %v, want going away", end.Code)
	}
	resp, body := p.request("GET", "/healthz")
	if resp.StatusCode != 503 || body != "shutting down\n" || resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("during the shutdown: %s, %v, %q", resp.Status, resp.Header, body)
	}
	c := handshake(t, p.dialTCP(), "/echo")
	if got := fmt.Sprint(c.answer.StatusCode, c.answer.Header["Retry-After"]); got != "503 [5]" {
		t.Errorf("a handshake during the shutdown gets %s", got)
	}
}
