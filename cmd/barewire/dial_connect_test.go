package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"barewire.example/websocket"
)

func TestDialSendsWhatItIsTold(t *testing.T) {
	requests := make(chan *websocket.Request, 1)
	l := listen(t)
	serveOn(t, l, &websocket.Server{
		Handler: func(_ context.Context, _ *websocket.Conn, r *websocket.Request) error {
			requests <- r
			return nil
		},
		Upgrader: websocket.Upgrader{
			Options: websocket.Options{Subprotocols: []string{"two"}},
			Origins: []string{"https://example.com"},
		},
	})
	status, stdout, stderr := piped(t, "", "-H", "X-One: a: b", "-H", "X-One: c", "-H", "host: chat.example:99", "-origin", "https://example.com",
		"-subprotocol", "one,two", "-subprotocol", "three", "-json", "-wait", "-1s", "ws://user:secret@"+l.Addr().String()+"/p?q")
	if status != exitOK || strings.Contains(stdout+stderr, "secret") {
		t.Errorf("status %d, stdout %q, stderr %q", status, stdout, stderr)
	}
	if !strings.Contains(stderr, `subprotocol "two"`) || !strings.Contains(stdout, `"subprotocol":"two"`) {
		t.Errorf("no subprotocol: %q, %q", stdout, stderr)
	}
	r := <-requests
	h := http.Header(r.Header)
	for name, want := range map[string]string{
		"X-One": "a: b, c", "Origin": "https://example.com", "Sec-Websocket-Protocol": "one, two, three", "Authorization": "Basic dXNlcjpzZWNyZXQ=",
	} {
		if got := strings.Join(h.Values(name), ", "); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if r.Host != "chat.example:99" || r.Target != "/p?q" {
		t.Errorf("host %q, target %q", r.Host, r.Target)
	}
}

// pemFiles writes a certificate and its key, both for localhost.
func pemFiles(t *testing.T) (cert tls.Certificate, certFile, keyFile string) {
	t.Helper()
	cert, err := selfSigned(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writePEM(t, certFile, "CERTIFICATE", cert.Certificate[0])
	writePEM(t, keyFile, "PRIVATE KEY", key)
	return cert, certFile, keyFile
}

func TestDialSpeaksTLS(t *testing.T) {
	cert, certFile, keyFile := pemFiles(t)
	open, guarded := listen(t), listen(t)
	serveOn(t, tls.NewListener(open, &tls.Config{Certificates: []tls.Certificate{cert}}), &websocket.Server{Handler: echoes})
	serveOn(t, tls.NewListener(guarded, &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAnyClientCert}),
		&websocket.Server{Handler: echoes})
	tests := []struct {
		name   string
		l      net.Listener
		args   []string
		status int
		stderr string
	}{
		{"unknown", open, nil, exitNetwork, "hint: -cacert FILE trusts a certificate"},
		{"any", open, []string{"-k"}, exitOK, "closed by us"},
		{"trusted", open, []string{"-cacert", certFile}, exitOK, "closed by us"},
		{"traced", open, []string{"-k", "-trace"}, exitOK, `> TEXT fin mask=`},
		{"no-client-certificate", guarded, []string{"-k"}, exitNetwork, "certificate required"},
		{"client-certificate", guarded, []string{"-k", "-cert", certFile, "-key", keyFile}, exitOK, "closed by us"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, stdout, stderr := piped(t, "secret\n", append(tt.args, "wss://"+tt.l.Addr().String()+"/")...)
			if status != tt.status || !strings.Contains(stderr, tt.stderr) || (stdout == "secret\n") != (status == exitOK) {
				t.Errorf("status %d, stdout %q, stderr %q", status, stdout, stderr)
			}
		})
	}
	if status, _, stderr := piped(t, "", "wss://"+strings.TrimPrefix(peer(t, echoes), "ws://")); status != exitNetwork || !strings.Contains(stderr, "hint: the server does not speak TLS") {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
}

func TestDialConnectsToAUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	serveOn(t, l, &websocket.Server{Handler: echoes})
	status, stdout, stderr := piped(t, "hi\n", "-unix", path, "ws://chat.example/")
	if status != exitOK || stdout != "hi\n" {
		t.Errorf("status %d, stdout %q, stderr %q", status, stdout, stderr)
	}
	if status, _, _ := piped(t, "", "-unix", path+"x", "ws://chat.example/"); status != exitNetwork {
		t.Errorf("status %d for a socket that is not there", status)
	}
}

// tunnelProxy is an HTTP proxy that leads to one address whatever it is asked
// for, or refuses when that is "". It tells what it was asked for.
func tunnelProxy(t *testing.T, to string) (url string, asked chan string) {
	l := listen(t)
	asked = make(chan string, 1)
	go func() {
		nc, err := l.Accept()
		if err != nil {
			return
		}
		defer nc.Close()
		r, err := http.ReadRequest(bufio.NewReader(nc))
		if err != nil {
			return
		}
		asked <- r.Method + " " + r.Host
		if to == "" {
			io.WriteString(nc, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 5\r\n\r\nwho?\n")
			return
		}
		server, err := net.Dial("tcp", to)
		if err != nil {
			return
		}
		defer server.Close()
		io.WriteString(nc, "HTTP/1.1 200 OK\r\n\r\n")
		go func() {
			io.Copy(server, nc)
			server.(*net.TCPConn).CloseWrite()
		}()
		io.Copy(nc, server)
	}()
	return "http://" + l.Addr().String(), asked
}

func TestDialGoesThroughAProxy(t *testing.T) {
	server := strings.TrimSuffix(strings.TrimPrefix(peer(t, echoes), "ws://"), "/")
	proxy, asked := tunnelProxy(t, server)
	status, stdout, stderr := piped(t, "hi\n", "-proxy", proxy, "ws://chat.example:99/")
	if got := <-asked; status != exitOK || stdout != "hi\n" || got != "CONNECT chat.example:99" {
		t.Errorf("status %d, stdout %q, stderr %q, asked for %q", status, stdout, stderr, got)
	}
	refusing, asked := tunnelProxy(t, "")
	status, _, stderr = piped(t, "", "-proxy", refusing, "ws://chat.example/")
	if <-asked; status != exitNetwork || !strings.Contains(stderr, "407 Proxy Authentication Required") || !strings.Contains(stderr, "\n| who?\n") {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
	t.Setenv("HTTP_PROXY", refusing) // http.ProxyFromEnvironment may have looked already, but "none" must not
	if status, _, stderr := piped(t, "", "-proxy", "none", "ws://"+server+"/"); status != exitOK {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
}

func TestDialFollowsRedirects(t *testing.T) {
	url := peer(t, echoes)
	l := listen(t)
	web := &http.Server{Handler: http.RedirectHandler("http"+strings.TrimPrefix(url, "ws"), http.StatusFound)}
	ended := make(chan error, 1)
	go func() { ended <- web.Serve(l) }()
	defer func() { web.Close(); <-ended }()
	at := "ws://" + l.Addr().String() + "/"
	if status, stdout, stderr := piped(t, "hi\n", "-redirects", "1", at); status != exitOK || stdout != "hi\n" {
		t.Errorf("status %d, stdout %q, stderr %q", status, stdout, stderr)
	}
	if status, _, stderr := piped(t, "", at); status != exitRefused || !strings.Contains(stderr, "hint: -redirects 5 follows to \"http://") {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
}

var randomWords = regexp.MustCompile(`mask=[0-9a-f]{8}`)

func TestDialTracesWhatPasses(t *testing.T) {
	url := peer(t, echoes)
	status, stdout, stderr := piped(t, "Hello\n", "-trace", "-quiet", url)
	if status != exitOK || stdout != "Hello\n" {
		t.Fatalf("status %d, stdout %q", status, stdout)
	}
	if !strings.Contains(stderr, "Sec-WebSocket-Accept: ") || !strings.Contains(stderr, "(§4.2.2): right\n") {
		t.Errorf("the handshake is not explained:\n%s", stderr)
	}
	var heads []string
	for line := range strings.Lines(randomWords.ReplaceAllString(stderr, "mask=…")) {
		words := strings.Fields(line)
		switch {
		case len(words) < 2 || words[0] != ">" && words[0] != "<":
			t.Errorf("a line is not of a trace: %q", line)
		case words[1] == "GET" || words[1] == "HTTP/1.1" || words[1] == strings.ToUpper(words[1]) && strings.ContainsAny(words[1][:1], "TPC"):
			heads = append(heads, strings.Join(words[:min(4, len(words))], " "))
		}
	}
	sent := filter(heads, ">")
	want := []string{"> GET / HTTP/1.1", "> TEXT fin mask=…", "> CLOSE fin mask=…"}
	if strings.Join(sent, "\n") != strings.Join(want, "\n") {
		t.Errorf("sent %q, want %q", sent, want)
	}
	got := strings.Join(filter(heads, "<"), "\n")
	for _, part := range []string{"< HTTP/1.1 101 Switching", `< TEXT fin "Hello"`, "< CLOSE fin 1000"} {
		if !strings.Contains(got, part) {
			t.Errorf("%q is not in %q", part, got)
		}
	}
}

func filter(lines []string, prefix string) (found []string) {
	for _, line := range lines {
		if strings.HasPrefix(line, prefix) {
			found = append(found, line)
		}
	}
	return found
}

func TestDialShowsARefusalEscaped(t *testing.T) {
	l := listen(t)
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			http.ReadRequest(bufio.NewReader(nc))
			io.WriteString(nc, "HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 8, 7\r\nContent-Length: 38\r\n\r\n1\x1b[2J\r\n2\n3\n4\n5\n6 and more that is cut off")
			nc.Close()
		}
	}()
	status, _, stderr := piped(t, "", "ws://"+l.Addr().String()+"/")
	want := "\n| 1\\x1b[2J\n| 2\n| 3\n| 4\n| 5\n| …\n" + `hint: the server speaks these versions of the protocol: ["8" "7"]; we speak 13`
	if status != exitRefused || !strings.Contains(stderr, want) {
		t.Errorf("status %d, stderr %q, want %q", status, stderr, want)
	}
}
