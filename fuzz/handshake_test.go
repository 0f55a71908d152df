package fuzz

import (
	"bufio"
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"barewire.example/websocket"
)

const (
	sampleKey = "dGhlIHNhbXBsZSBub25jZQ==" // of §1.3, with its answer
	sampleYes = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

var requestSeeds = []string{
	"GET / HTTP/1.1\r\nHost: a.example\r\n" + requestFields,
	"GET /chat?room=1 HTTP/1.1\r\nhost:a.example:8080\r\nOrigin: http://a.example\r\nCookie: a=b\r\nCookie: c=d\r\n" + requestFields,
	"GET http://b.example/x?y HTTP/1.1\r\nHost: a.example\r\nSec-WebSocket-Protocol: chat, superchat\r\n" + requestFields,
	"GET / HTTP/1.1\r\nHost: [::1]:80\r\nPragma: no-cache\r\nContent-Length: 0\r\n" +
		"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, x; y=\"1\"\r\n" + requestFields,
	"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n" + requestFields + "Hello",
	"GET / HTTP/1.0\r\nHost: a.example\r\n" + requestFields,
	"GET / HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n" + requestFields,
	"GET / HTTP/1.1\r\nHost: a.example\r\nX : y\r\n" + requestFields,
	"GET / HTTP/1.1\nHost: a.example\n\n",
	"GET / HTTP/1.1\r\nHost: a.example\r\n folded\r\n" + requestFields,
	"GET /%zz HTTP/1.1\r\nHost: a.example\r\n" + requestFields,
	"\x16\x03\x01\x02\x00\x01",
	"",
}

const requestFields = "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Key: " + sampleKey +
	"\r\nSec-WebSocket-Version: 13\r\n\r\n"

// FuzzHandshakeRequest: a request is found in the same place however it is cut,
// a refused one offers nothing, and net/http reads the same in an accepted one.
func FuzzHandshakeRequest(f *testing.F) {
	for _, seed := range requestSeeds {
		f.Add([]byte(seed), []byte{})
		f.Add([]byte(seed), []byte{7, 1, 0, 30})
	}
	for _, v := range vectors(f) {
		f.Add(v.bytes, []byte{1})
	}
	f.Fuzz(func(t *testing.T, b, cuts []byte) {
		head := scan(t, b, cuts)
		r, offer, err := readRequest(t, head)
		if err != nil {
			var he *websocket.HandshakeError
			if r != nil && !reflect.DeepEqual(offer, websocket.Offer{}) || !errors.As(err, &he) || he.Rule == 0 {
				t.Fatalf("%q is refused with %v and offers %+v", head, err, offer)
			}
			if r != nil && he.Status < 400 {
				t.Fatalf("%q is refused with status %d", head, he.Status)
			}
			return
		}
		checkRequestAgain(t, r, offer)
		checkRequestWithHTTP(t, head, r)
	})
}

// scan finds the head in b, whole and in pieces. Without one it returns b, which
// no parser may accept.
func scan(t *testing.T, b, cuts []byte) []byte {
	t.Helper()
	n, err := new(websocket.HeadScanner).Scan(b)
	if n < 0 || n > len(b) || n > websocket.MaxHead || n > 0 && err != nil {
		t.Fatalf("Scan(%q) = %d, %v", b, n, err)
	}
	inPieces := new(websocket.HeadScanner)
	var m int
	var errInPieces error
	at := 0
	for piece := range pieces(b, cuts) {
		at += len(piece)
		if m, errInPieces = inPieces.Scan(b[:at:at]); m > 0 || errInPieces != nil {
			break
		}
	}
	if m != n || errorText(err) != errorText(errInPieces) {
		t.Fatalf("%q: whole %d, %v; in pieces of %d: %d, %v", b, n, err, cuts, m, errInPieces)
	}
	if n == 0 {
		return b
	}
	return b[:n]
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// readRequest parses and judges, and wants that to take memory in proportion to
// the head.
func readRequest(t *testing.T, head []byte) (r *websocket.Request, offer websocket.Offer, err error) {
	t.Helper()
	was := bytes.Clone(head)
	checkMemory(t, len(head), func() {
		if r, err = websocket.ParseRequest(head); err == nil {
			offer, err = r.Check()
		}
	})
	if !bytes.Equal(head, was) {
		t.Fatalf("%q was changed to %q", was, head)
	}
	return r, offer, err
}

// checkMemory allows for 64 bytes for each byte of input, and for what goes on
// elsewhere in the process.
func checkMemory(t *testing.T, n int, f func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > uint64(64*n+1<<18) {
		t.Fatalf("%d bytes of input took %d bytes of memory", n, used)
	}
}

// checkRequestAgain: what is written down again says the same.
func checkRequestAgain(t *testing.T, r *websocket.Request, offer websocket.Offer) {
	t.Helper()
	text := websocket.AppendRequest(nil, r)
	if len(text) > websocket.MaxHead { // a blank behind each colon was one too many
		return
	}
	again, offerAgain, err := readRequest(t, text)
	if err != nil || !reflect.DeepEqual(again, r) || !reflect.DeepEqual(offerAgain, offer) {
		t.Fatalf("%+v became %q became %+v, %v", r, text, again, err)
	}
}

// checkRequestWithHTTP compares with net/http.
func checkRequestWithHTTP(t *testing.T, head []byte, r *websocket.Request) {
	t.Helper()
	theirs, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
	if err != nil {
		// net/http takes the target apart, which we leave to the application.
		if _, targetErr := url.ParseRequestURI(r.Target); targetErr == nil {
			t.Fatalf("%q is accepted, but net/http says: %v", head, err)
		}
		return
	}
	if theirs.Method != r.Method || theirs.RequestURI != r.Target || theirs.Host != r.Host ||
		theirs.ProtoMajor != r.Major || theirs.ProtoMinor != r.Minor {
		t.Fatalf("%q: net/http has %s %s %d.%d host %q; we have %+v", head, theirs.Method, theirs.RequestURI,
			theirs.ProtoMajor, theirs.ProtoMinor, theirs.Host, r)
	}
	if theirs.URL.Path != "" && theirs.URL.EscapedPath() == theirs.URL.Path && theirs.URL.Path != r.Path() {
		t.Fatalf("%q: net/http has the path %q, we have %q", head, theirs.URL.Path, r.Path())
	}
	if theirs.URL.RawQuery != r.Query() {
		t.Fatalf("%q: net/http has the query %q, we have %q", head, theirs.URL.RawQuery, r.Query())
	}
	checkFields(t, theirs.Header, r.Header)
}

// checkFields compares fields, but for those that net/http invents or merges.
func checkFields(t *testing.T, theirs http.Header, ours map[string][]string) {
	t.Helper()
	for name, values := range ours {
		if name == "Content-Length" {
			values = slices.Compact(slices.Clone(values))
		}
		if !slices.Equal(theirs[name], values) {
			t.Fatalf("%s: net/http has %q, we have %q", name, theirs[name], values)
		}
	}
	for name, values := range theirs {
		invented := name == "Cache-Control" && slices.Contains(ours["Pragma"], "no-cache")
		if _, ok := ours[name]; !ok && !invented {
			t.Fatalf("%s: net/http has %q, we have none", name, values)
		}
	}
}

var responseSeeds = []string{
	"HTTP/1.1 101 Switching Protocols\r\n" + responseFields,
	"HTTP/1.1 101\r\nServer: x\r\nSec-WebSocket-Protocol: chat\r\n" + responseFields,
	"HTTP/1.1 101 \r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=15\r\n" + responseFields + "\x81\x05Hello",
	"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Protocol: other\r\n" + responseFields,
	"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Extensions: other\r\n" + responseFields,
	"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Extensions: x, x\r\n" + responseFields,
	"HTTP/1.0 101 Switching Protocols\r\n" + responseFields,
	"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno",
	"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
	"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n",
	"HTTP/1.1 1010 Switching\r\n\r\n",
}

const responseFields = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + sampleYes + "\r\n\r\n"

// FuzzHandshakeResponse: the same for answers. What is agreed on was asked for.
func FuzzHandshakeResponse(f *testing.F) {
	for _, seed := range responseSeeds {
		f.Add([]byte(seed), []byte{})
		f.Add([]byte(seed), []byte{1, 0, 40})
	}
	for _, v := range vectors(f) {
		f.Add(v.bytes, []byte{1})
	}
	ask := &websocket.Ask{
		Target: "/", Host: "a.example", Key: sampleKey, Subprotocols: []string{"chat", "superchat"},
		Extensions: []websocket.Extension{{Name: "permessage-deflate"}, {Name: "x"}},
	}
	f.Fuzz(func(t *testing.T, b, cuts []byte) {
		head := scan(t, b, cuts)
		var r *websocket.Response
		var agreed websocket.Agreed
		var err error
		checkMemory(t, len(head), func() {
			if r, err = websocket.ParseResponse(head); err == nil {
				agreed, err = r.Check(ask)
			}
		})
		if err != nil {
			checkRefusedResponse(t, r, agreed, err)
			return
		}
		checkAgreed(t, r, ask, agreed)
		checkResponseWithHTTP(t, head, r)
	})
}

func checkRefusedResponse(t *testing.T, r *websocket.Response, agreed websocket.Agreed, err error) {
	t.Helper()
	var he *websocket.HandshakeError
	if !errors.As(err, &he) || he.Rule == 0 || !reflect.DeepEqual(agreed, websocket.Agreed{}) {
		t.Fatalf("%+v is refused with %v, and %+v is agreed on", r, err, agreed)
	}
	if r != nil && (he.Status != r.Status || !reflect.DeepEqual(he.Header, r.Header)) {
		t.Fatalf("%+v is refused with %+v", r, he)
	}
}

// checkAgreed judges an accepted answer by §4.1 once more.
func checkAgreed(t *testing.T, r *websocket.Response, ask *websocket.Ask, agreed websocket.Agreed) {
	t.Helper()
	accept := r.Header["Sec-Websocket-Accept"]
	upgrade := r.Header["Upgrade"]
	ok := r.Status == 101 && r.Major == 1 && r.Minor >= 1 && !r.Interim() &&
		len(accept) == 1 && accept[0] == sampleYes && len(upgrade) == 1 && strings.EqualFold(upgrade[0], "websocket")
	protocols := r.Header["Sec-Websocket-Protocol"]
	if agreed.Subprotocol == "" {
		ok = ok && len(protocols) == 0
	} else {
		ok = ok && slices.Equal(protocols, []string{agreed.Subprotocol}) && slices.Contains(ask.Subprotocols, agreed.Subprotocol)
	}
	ok = ok && (len(agreed.Extensions) == 0) == (len(r.Header["Sec-Websocket-Extensions"]) == 0)
	for _, e := range agreed.Extensions {
		ok = ok && (e.Name == "x" || e.Name == "permessage-deflate")
	}
	if !ok {
		t.Fatalf("%+v is accepted, and %+v is agreed on", r, agreed)
	}
}

// checkResponseWithHTTP compares with net/http, but not where that goes on to
// judge a body, which a 101 has not.
func checkResponseWithHTTP(t *testing.T, head []byte, r *websocket.Response) {
	t.Helper()
	for _, name := range []string{"Transfer-Encoding", "Content-Length", "Trailer"} {
		if len(r.Header[name]) > 0 {
			return
		}
	}
	theirs, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(head)), nil)
	if err != nil {
		t.Fatalf("%q is accepted, but net/http says: %v", head, err)
	}
	defer theirs.Body.Close()
	if theirs.StatusCode != r.Status || theirs.ProtoMajor != r.Major || theirs.ProtoMinor != r.Minor {
		t.Fatalf("%q: net/http has %s %s, we have %+v", head, theirs.Proto, theirs.Status, r)
	}
	checkFields(t, theirs.Header, r.Header)
}
