package main

import (
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"barewire.example/websocket"
)

// scrape returns the value of each sample on /metrics, by name and labels.
func (p *program) scrape() map[string]float64 {
	p.t.Helper()
	resp, body := p.request("GET", "/metrics")
	if resp.StatusCode != 200 {
		p.t.Fatalf("/metrics: %s", resp.Status)
	}
	return parseSamples(p.t, body)
}

func (p *program) metric(name string) float64 {
	p.t.Helper()
	value, ok := p.scrape()[name]
	if !ok {
		p.t.Fatalf("there is no %s", name)
	}
	return value
}

// waitMetric asks until a metric has reached a value.
func (p *program) waitMetric(name string, least float64) {
	p.t.Helper()
	for end := time.Now().Add(testTimeout); p.metric(name) < least; {
		if time.Now().After(end) {
			p.t.Fatalf("%s is %v, want %v", name, p.metric(name), least)
		}
	}
}

// waitEmpty asks until no connection is open, and returns all metrics.
func (p *program) waitEmpty() map[string]float64 {
	p.t.Helper()
	for end := time.Now().Add(testTimeout); ; {
		all := p.scrape()
		if all["barewire_open_connections"] == 0 {
			return all
		}
		if time.Now().After(end) {
			p.t.Fatal("connections stay open")
		}
	}
}

// samplePattern is a line with a value (version 0.0.4 of the format).
var samplePattern = regexp.MustCompile(`^([a-z_]+)(\{[a-z]+="[^"\\]*"\})? ([0-9.e+-]+)$`)

// parseSamples judges each line of a text: samples stand behind HELP and TYPE of
// their family, and everything stands there once.
func parseSamples(t *testing.T, text string) map[string]float64 {
	t.Helper()
	samples, kinds, bares := map[string]float64{}, map[string]string{}, map[string]bool{}
	family, helped := "", ""
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if rest, ok := strings.CutPrefix(line, "# HELP "); ok {
			helped, _, _ = strings.Cut(rest, " ")
			continue
		}
		if rest, ok := strings.CutPrefix(line, "# TYPE "); ok {
			kind := ""
			family, kind, _ = strings.Cut(rest, " ")
			bare := strings.TrimSuffix(family, "_total") // which OpenMetrics does not count as part of the name
			if bares[bare] || family != helped {
				t.Errorf("%s is declared twice, or without HELP", family)
			}
			bares[bare], kinds[family] = true, kind
			continue
		}
		m := samplePattern.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("line %q is malformed", line)
		}
		isPart := kinds[family] == "histogram" && regexp.MustCompile("^"+family+"_(bucket|sum|count)$").MatchString(m[1])
		if m[1] != family && !isPart {
			t.Errorf("%s stands below %s", m[1], family)
		}
		if _, twice := samples[m[1]+m[2]]; twice {
			t.Errorf("%s%s is there twice", m[1], m[2])
		}
		value, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			t.Errorf("%q: %v", line, err)
		}
		samples[m[1]+m[2]] = value
	}
	return samples
}

func TestMetricsCountWhatHappened(t *testing.T) {
	before := time.Now()
	p := start(t, "-quiet")
	c := p.dial("/echo")
	for range 3 {
		c.send(websocket.Text, "Hello") // 2 + 4 + 5 bytes, and 2 + 5 back
		c.want(websocket.Text, "Hello")
	}
	want := func(when string, got, want map[string]float64) {
		t.Helper()
		for name, value := range want {
			if got[name] != value {
				t.Errorf("%s: %s is %v, want %v", when, name, got[name], value)
			}
		}
	}
	// A client may have the bytes before they are counted.
	p.waitMetric(`barewire_bytes_total{direction="sent"}`, 21)
	open := p.scrape()
	want("open", open, map[string]float64{
		"barewire_open_connections": 1, "barewire_connections_total": 1, "barewire_dropped_messages_total": 0,
		`barewire_messages_total{direction="received"}`: 3, `barewire_messages_total{direction="sent"}`: 3,
		`barewire_bytes_total{direction="received"}`: 33, `barewire_bytes_total{direction="sent"}`: 21,
		`barewire_closes_total{code="1000"}`: 0, `barewire_closes_total{code="4000-4999"}`: 0,
	})
	c.close(websocket.CloseNormal, "") // 2 + 4 + 2 bytes, and 2 + 2 back
	p.dial("/echo").close(4321, "")    // likewise
	p.request("GET", "/echo")
	handshake(t, p.dialTCP(), "/echo", "Origin: http://evil.example")
	want("closed", p.waitEmpty(), map[string]float64{
		"barewire_open_connections": 0, "barewire_connections_total": 2,
		`barewire_messages_total{direction="received"}`: 3, `barewire_messages_total{direction="sent"}`: 3,
		`barewire_bytes_total{direction="received"}`: 49, `barewire_bytes_total{direction="sent"}`: 29,
		`barewire_closes_total{code="1000"}`: 1, `barewire_closes_total{code="4000-4999"}`: 1,
		`barewire_handshakes_refused_total{status="426"}`: 1, `barewire_handshakes_refused_total{status="403"}`: 1,
	})
	started := open["barewire_start_time_seconds"]
	if early := float64(before.UnixMilli()) / 1000; started < early || started > early+testTimeout.Seconds() {
		t.Errorf("started at %v, which is not about %v", started, early)
	}
	if open["go_goroutines"] < 2 {
		t.Errorf("%v goroutines", open["go_goroutines"])
	}
}

// A connection that ends must at no moment be counted twice, nor not at all.
func TestMetricsNeverGoDown(t *testing.T) {
	p := start(t, "-quiet")
	const workers, visits = 4, 40
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for range visits {
				c := p.dial("/echo")
				c.send(websocket.Text, "Hello")
				c.want(websocket.Text, "Hello")
				c.close(websocket.CloseNormal, "")
			}
		})
	}
	over := make(chan struct{})
	go func() {
		all.Wait()
		close(over)
	}()
	last := map[string]float64{}
	for done := false; !done; {
		select {
		case <-over:
			done = true
		default:
		}
		last = wantGrown(t, last, p.scrape())
	}
	final := wantGrown(t, last, p.waitEmpty())
	for name, want := range map[string]float64{
		"barewire_connections_total":                    workers * visits,
		`barewire_closes_total{code="1000"}`:            workers * visits,
		`barewire_messages_total{direction="received"}`: workers * visits,
		`barewire_messages_total{direction="sent"}`:     workers * visits,
		`barewire_bytes_total{direction="received"}`:    workers * visits * (11 + 8),
		`barewire_bytes_total{direction="sent"}`:        workers * visits * (7 + 4),
	} {
		if final[name] != want {
			t.Errorf("%s is %v in the end, want %v", name, final[name], want)
		}
	}
}

// wantGrown compares two scrapes, and judges the second by itself: all of it has
// to be of one moment.
func wantGrown(t *testing.T, before, after map[string]float64) map[string]float64 {
	t.Helper()
	closes := 0.0
	for name, value := range after {
		if strings.Contains(name, "_total") && value < before[name] {
			t.Errorf("%s has gone down from %v to %v", name, before[name], value)
		}
		if strings.HasPrefix(name, "barewire_closes_total") {
			closes += value
		}
	}
	if open, opened := after["barewire_open_connections"], after["barewire_connections_total"]; open+closes != opened {
		t.Errorf("%v connections are open and %v closed, of %v", open, closes, opened)
	}
	return after
}

// A connection that has ended is in the server's group for another moment.
func TestMetricsDoNotCountWhatTheGroupStillHas(t *testing.T) {
	p := &pipeServer{t: t, server: &server{flags: &serveFlags{quiet: true}}}
	p.server.log = p.server.flags.newLogger(io.Discard)
	c, conn := p.connect(p.server.echo)
	c.send(websocket.Text, "Hello")
	c.want(websocket.Text, "Hello")
	m := &p.server.metrics
	m.begin(conn)
	if n := m.total().messagesReceived; n != 1 {
		t.Errorf("%d messages while it is open, want 1", n)
	}
	m.end(conn, nil)
	if n := m.total().messagesReceived; n != 1 || p.server.group.Len() != 1 {
		t.Errorf("%d messages when it has ended, want 1; %d connections in the group", n, p.server.group.Len())
	}
	c.close(websocket.CloseNormal, "")
}

// The hooks are called by hand here, as fast as possible, for connections on which
// one message has come. While that goes on, a total that goes down would be one that
// counts a connection twice.
func TestMetricsCountAnEndedConnectionOnce(t *testing.T) {
	p := &pipeServer{t: t, server: &server{flags: &serveFlags{quiet: true}}}
	p.server.log = p.server.flags.newLogger(io.Discard)
	var m metrics
	var all sync.WaitGroup
	var enough atomic.Bool
	rounds := make([]int64, 3)
	for i := range rounds {
		c, conn := p.connect(p.server.echo)
		c.send(websocket.Text, "Hello")
		c.want(websocket.Text, "Hello")
		defer c.close(websocket.CloseNormal, "")
		all.Go(func() {
			for ; !enough.Load(); rounds[i]++ {
				m.begin(conn)
				m.end(conn, nil)
			}
		})
	}
	received := func() int64 { // of messages
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.total().messagesReceived
	}
	last := int64(0)
	for range 100_000 {
		n := received()
		if n < last {
			t.Errorf("%d messages after %d", n, last)
			break
		}
		last = n
	}
	enough.Store(true)
	all.Wait()
	want := rounds[0] + rounds[1] + rounds[2]
	if n := received(); n != want || len(m.open) != 0 {
		t.Errorf("%d messages in the end, want %d; %d connections are open", n, want, len(m.open))
	}
}

// Peers choose codes. There must not be a time series for each.
func TestMetricsHaveFewLabels(t *testing.T) {
	allowed := map[string]bool{}
	for _, label := range closeLabels() {
		allowed[label] = true
	}
	if len(allowed) != len(closeLabels()) || len(allowed) > 30 {
		t.Errorf("labels are %q", closeLabels())
	}
	for code := range math.MaxUint16 + 1 {
		if label := closeLabel(websocket.CloseCode(code)); !allowed[label] {
			t.Fatalf("the label of %d is %q, which is not shown", code, label)
		}
	}
	for code, want := range map[websocket.CloseCode]string{
		1000: "1000", 1006: "1006", 1013: "1013", 3000: "3000", 3001: "3000-3999", 3999: "3000-3999",
		4000: "4000-4999", 4999: "4000-4999", 999: "other", 1004: "other", 2000: "other", 5000: "other",
	} {
		if got := closeLabel(code); got != want {
			t.Errorf("the label of %d is %q, want %q", code, got, want)
		}
	}
}

func TestMetricsHaveAHistogramOfRoundTrips(t *testing.T) {
	var m metrics
	for _, rtt := range []time.Duration{0, 500 * time.Microsecond, 501 * time.Microsecond, time.Second, time.Minute} {
		m.pong(nil, rtt)
	}
	var e exposition
	m.expose(&e)
	samples := parseSamples(t, e.b.String())
	for name, want := range map[string]float64{
		`bucket{le="0.0005"}`: 2, `bucket{le="0.001"}`: 3, `bucket{le="0.5"}`: 3, `bucket{le="1"}`: 4, `bucket{le="30"}`: 4,
		`bucket{le="+Inf"}`: 5, "count": 5, "sum": 61.001001,
	} {
		if got := samples["barewire_ping_rtt_seconds_"+name]; math.Abs(got-want) > 1e-9 {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
}

func TestFormatSampleKeepsTheValue(t *testing.T) {
	for value, want := range map[float64]string{
		0: "0", 7: "7", -3: "-3", 0.25: "0.25", 0.0005: "0.0005", 1 << 52: "4503599627370496", 1e300: "1e+300", 1763722800.125: "1.763722800125e+09",
	} {
		got := formatSample(value)
		if back, err := strconv.ParseFloat(got, 64); got != want || back != value || err != nil {
			t.Errorf("%v is %q, want %q", value, got, want)
		}
	}
}
