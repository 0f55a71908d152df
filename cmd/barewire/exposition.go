// This file writes metrics in Prometheus' text format, version 0.0.4. What they
// mean is in metrics.go.

package main

import (
	"bytes"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"time"

	"barewire.example/websocket"
)

const expositionType = "text/plain; version=0.0.4; charset=utf-8"

// An exposition is a text of metrics. For each, family comes before its samples.
type exposition struct{ b bytes.Buffer }

func (e *exposition) family(name, kind, help string) {
	e.b.WriteString("# HELP " + name + " " + help + "\n# TYPE " + name + " " + kind + "\n")
}

// sample writes one value. label is empty or like `code="1000"`, and has nothing in
// it that would have to be escaped.
func (e *exposition) sample(name, label string, value float64) {
	e.b.WriteString(name)
	if label != "" {
		e.b.WriteString("{" + label + "}")
	}
	e.b.WriteString(" " + formatSample(value) + "\n")
}

// formatSample writes whole numbers as such: a float64 has enough bits for the
// bytes of a year at 1 GB/s.
func formatSample(value float64) string {
	if whole := int64(value); float64(whole) == value && whole < 1<<53 {
		return strconv.FormatInt(whole, 10)
	}
	return strconv.FormatFloat(value, 'g', -1, 64)
}

// single writes a metric that has one value.
func (e *exposition) single(name, kind, help string, value float64) {
	e.family(name, kind, help)
	e.sample(name, "", value)
}

// directions writes a metric that has a value for each direction.
func (e *exposition) directions(name, help string, received, sent int64) {
	e.family(name, "counter", help)
	e.sample(name, `direction="received"`, float64(received))
	e.sample(name, `direction="sent"`, float64(sent))
}

// expose writes what connections have done. All of it is of one moment.
func (m *metrics) expose(e *exposition) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.total()
	e.single("barewire_open_connections", "gauge", "WebSocket connections that are open.", float64(len(m.open)))
	e.single("barewire_connections_total", "counter", "WebSocket connections that were opened.", float64(m.opened))
	e.directions("barewire_messages_total", "Messages on all connections.", t.messagesReceived, t.messagesSent)
	e.directions("barewire_bytes_total", "Bytes of frames on all connections, as they went over TCP or into TLS.", t.bytesReceived, t.bytesSent)
	e.single("barewire_dropped_messages_total", "counter", "Messages that were thrown away because a client was too slow.", float64(m.dropped))
	m.exposeRTT(e)
	m.exposeEnds(e)
}

func (m *metrics) exposeRTT(e *exposition) {
	const name = "barewire_ping_rtt_seconds"
	e.family(name, "histogram", "Round trips of pings, those of -keepalive among them.")
	count := int64(0)
	for i, bound := range rttBounds {
		count += m.rtt.buckets[i]
		e.sample(name+"_bucket", `le="`+formatSample(bound)+`"`, float64(count))
	}
	count += m.rtt.buckets[len(rttBounds)]
	e.sample(name+"_bucket", `le="+Inf"`, float64(count))
	e.sample(name+"_sum", "", m.rtt.sum)
	e.sample(name+"_count", "", float64(count))
}

func (m *metrics) exposeEnds(e *exposition) {
	e.family("barewire_closes_total", "counter", "Connections that are over, by close code or its range; 1006 is a connection that was lost.")
	for _, label := range closeLabels() {
		e.sample("barewire_closes_total", `code="`+label+`"`, float64(m.closes[label]))
	}
	e.family("barewire_handshakes_refused_total", "counter", "Opening handshakes that were refused, by HTTP status.")
	for _, status := range slices.Sorted(maps.Keys(m.refusals)) {
		e.sample("barewire_handshakes_refused_total", `status="`+strconv.Itoa(status)+`"`, float64(m.refusals[status]))
	}
}

// closeLabels returns all labels, so that each is there, with 0, before it counts
// anything: rates begin there.
func closeLabels() (labels []string) {
	for code := websocket.CloseCode(1000); code < 4000; code++ {
		if code.Name() != "" {
			labels = append(labels, strconv.Itoa(int(code)))
		}
	}
	return append(labels, label3000, label4000, labelOther)
}

// exposeProcess writes what the process as a whole is doing.
func exposeProcess(e *exposition, started time.Time) {
	e.single("barewire_start_time_seconds", "gauge", "When the server was started, in seconds since 1970.", float64(started.UnixMilli())/1000)
	e.single("go_goroutines", "gauge", "Goroutines.", float64(runtime.NumGoroutine()))
	if n, ok := residentMemory(); ok {
		e.single("process_resident_memory_bytes", "gauge", "Memory that the process has in RAM.", float64(n))
	}
}

// residentMemory asks the kernel, if it is Linux.
func residentMemory() (n int64, ok bool) {
	text, err := os.ReadFile("/proc/self/statm")
	fields := bytes.Fields(text)
	if err != nil || len(fields) < 2 {
		return 0, false
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	return pages * int64(os.Getpagesize()), err == nil
}
