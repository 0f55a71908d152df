package main

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"barewire.example/websocket"
)

// fake is a suite in which each case is a function. It writes down what it is asked.
type fake struct {
	cases   []func(ctx context.Context, c *websocket.Conn)
	reports func(c *websocket.Conn)
	options websocket.Options

	mu    sync.Mutex
	asked []string
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.asked = append(f.asked, r.URL.RequestURI())
	f.mu.Unlock()
	options := f.options
	options.MaxMessageSize = 16 << 20
	c, err := (&websocket.Upgrader{Options: options}).Upgrade(w, r)
	if err != nil {
		return
	}
	defer c.CloseNow()
	switch r.URL.Path {
	case "/getCaseCount":
		c.Write(r.Context(), websocket.Text, []byte{'0' + byte(len(f.cases))})
		c.Close(websocket.CloseNormal, "")
	case "/runCase":
		f.cases[r.URL.Query().Get("case")[0]-'1'](r.Context(), c)
	case "/updateReports":
		f.reports(c)
	}
}

func closeNormal(c *websocket.Conn) { c.Close(websocket.CloseNormal, "") }

// start returns the suite as the testee sees it.
func (f *fake) start(t *testing.T) suite {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return suite{url: "ws" + strings.TrimPrefix(s.URL, "http"), agent: "an agent", limit: caseLimit}
}

// wantEcho is a case that sends messages of both types and wants each back.
func wantEcho(t *testing.T, messages ...websocket.Message) func(ctx context.Context, c *websocket.Conn) {
	return func(ctx context.Context, c *websocket.Conn) {
		for _, m := range messages {
			if err := c.Write(ctx, m.Type, m.Data); err != nil {
				t.Error(err)
			}
			typ, data, err := c.Read(ctx)
			if err != nil || typ != m.Type || string(data) != string(m.Data) {
				t.Errorf("%v of %d bytes came back as %v of %d bytes, %v", m.Type, len(m.Data), typ, len(data), err)
			}
		}
		closeNormal(c)
	}
}

func TestTesteeRunsEveryCaseAndUpdatesTheReports(t *testing.T) {
	large := websocket.Message{Type: websocket.Binary, Data: make([]byte, 16<<20)} // category 9
	f := &fake{reports: closeNormal, cases: []func(context.Context, *websocket.Conn){
		wantEcho(t, websocket.Message{Type: websocket.Text, Data: []byte("Hello")}, large,
			websocket.Message{Type: websocket.Text}, websocket.Message{Type: websocket.Binary, Data: []byte{0xff}}),
		func(_ context.Context, c *websocket.Conn) { c.CloseNow() },                                        // no Close frame
		func(_ context.Context, c *websocket.Conn) { c.Close(websocket.CloseProtocolError, "on purpose") }, // and so on
		wantEcho(t, websocket.Message{Type: websocket.Text, Data: []byte("still there")}),
	}}
	if err := f.start(t).run(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	want := []string{"/getCaseCount?", "/runCase?agent=an+agent&case=1", "/runCase?agent=an+agent&case=2",
		"/runCase?agent=an+agent&case=3", "/runCase?agent=an+agent&case=4", "/updateReports?agent=an+agent"}
	if !slices.Equal(f.asked, want) {
		t.Errorf("asked\n%q, want\n%q", f.asked, want)
	}
}

// tap keeps what is written to the connection.
type tap struct {
	net.Conn
	sent *bytes.Buffer
}

// Write implements net.Conn.
func (t tap) Write(p []byte) (int, error) {
	t.sent.Write(p)
	return t.Conn.Write(p)
}

// The suite may choose the parameters, and the shortest message is compressed: RSV1 is set.
func TestTesteeCompressesWhateverTheSuiteAgreesTo(t *testing.T) {
	var sent bytes.Buffer
	dialer.WrapConn = func(c net.Conn) net.Conn { return tap{c, &sent} }
	t.Cleanup(func() { dialer.WrapConn = nil })
	f := &fake{options: websocket.Options{Compression: &websocket.Compression{ClientMaxWindowBits: 9, ClientNoContextTakeover: true}}}
	agreed := make(chan *websocket.Compression, 1)
	f.cases = []func(context.Context, *websocket.Conn){func(ctx context.Context, c *websocket.Conn) {
		agreed <- c.Compression()
		wantEcho(t, websocket.Message{Type: websocket.Text, Data: []byte("!")})(ctx, c)
	}}
	if err := f.start(t).runCase(t.Context(), "1"); err != nil {
		t.Fatal(err)
	}
	if c := <-agreed; c == nil || c.ClientMaxWindowBits != 9 || !c.ClientNoContextTakeover {
		t.Errorf("agreed on %+v", c)
	}
	_, frames, _ := bytes.Cut(sent.Bytes(), []byte("\r\n\r\n"))
	if h, _ := websocket.ParseHeader(frames); !h.Fin || !h.RSV1 || h.Opcode != websocket.OpText {
		t.Errorf("the testee sends %+v", h)
	}
}

func TestTesteeRunsAsManyCasesAsItIsTold(t *testing.T) {
	pass := func(_ context.Context, c *websocket.Conn) { closeNormal(c) }
	f := &fake{reports: closeNormal, cases: []func(context.Context, *websocket.Conn){pass, pass, pass}}
	if err := f.start(t).run(t.Context(), "2"); err != nil {
		t.Fatal(err)
	}
	if want := "/updateReports?agent=an+agent"; len(f.asked) != 3 || f.asked[2] != want {
		t.Errorf("asked %q, want two cases and %s", f.asked, want)
	}
}

func TestTesteeTakesAnAddressWithASlashAtItsEnd(t *testing.T) {
	pass := func(_ context.Context, c *websocket.Conn) { closeNormal(c) }
	f := &fake{reports: closeNormal, cases: []func(context.Context, *websocket.Conn){pass}}
	s := f.start(t)
	s.url += "/"
	if err := s.run(t.Context(), ""); err != nil {
		t.Error(err)
	}
	want := []string{"/getCaseCount?", "/runCase?agent=an+agent&case=1", "/updateReports?agent=an+agent"}
	if !slices.Equal(f.asked, want) {
		t.Errorf("asked\n%q, want\n%q", f.asked, want)
	}
}

func TestTesteeSaysWhyItFails(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	nobody := func(*testing.T) suite { return suite{url: "ws://" + l.Addr().String(), agent: "a", limit: caseLimit} }
	pass := []func(context.Context, *websocket.Conn){func(_ context.Context, c *websocket.Conn) { closeNormal(c) }}
	with := func(reports func(c *websocket.Conn)) func(*testing.T) suite {
		return (&fake{cases: pass, reports: reports}).start
	}
	tests := []struct {
		name, n, want string
		suite         func(*testing.T) suite
	}{
		{"no-suite", "", "/getCaseCount: websocket: connecting: dial tcp " + l.Addr().String(), nobody},
		{"no-suite-for-a-case", "1", "case 1 of 1: websocket: connecting: ", nobody},
		{"no-cases", "", `"0" is no number of cases`, (&fake{}).start},
		{"no-number", "all", `"all" is no number of cases`, nobody},
		{"reports-cut-off", "", "1006", with(func(c *websocket.Conn) { c.CloseNow() })},
		{"reports-chatty", "", "a message instead", with(func(c *websocket.Conn) {
			c.Write(context.Background(), websocket.Text, []byte("no"))
		})},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := test.suite(t).run(t.Context(), test.n)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
}

func TestTesteeEndsWithItsContext(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	f := &fake{cases: []func(context.Context, *websocket.Conn){func(ctx context.Context, c *websocket.Conn) {
		interrupt()
		c.Read(ctx)
	}}}
	if err := f.start(t).run(ctx, "1"); err == nil || !strings.Contains(err.Error(), "context canceled") {
		t.Errorf("error %v", err)
	}
	if len(f.asked) != 1 {
		t.Errorf("asked %q after the interrupt", f.asked)
	}
}
