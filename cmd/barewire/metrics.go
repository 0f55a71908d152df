// This file counts what happens on all connections together. It keeps no counters
// for what connections count themselves: it adds them up when somebody asks.

package main

import (
	"strconv"
	"sync"
	"time"

	"barewire.example/websocket"
)

// metrics are what /metrics shows. The zero value has counted nothing.
type metrics struct {
	mu       sync.Mutex
	open     map[*websocket.Conn]struct{}
	ended    traffic // of the connections that are over
	opened   int64   // all connections that there ever were
	dropped  int64
	closes   map[string]int64 // by label
	refusals map[int]int64    // by status
	rtt      histogram
}

// traffic is what connections have carried.
type traffic struct {
	messagesReceived, messagesSent int64
	bytesReceived, bytesSent       int64
}

func (t *traffic) add(s websocket.Stats) {
	t.messagesReceived += s.MessagesReceived
	t.messagesSent += s.MessagesSent
	t.bytesReceived += s.BytesReceived
	t.bytesSent += s.BytesSent
}

// hooks returns what tells m of connections.
func (m *metrics) hooks() *websocket.Hooks {
	return &websocket.Hooks{Open: m.begin, Closed: m.end, Pong: m.pong, Dropped: m.drop}
}

func (m *metrics) begin(c *websocket.Conn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.open == nil {
		m.open = make(map[*websocket.Conn]struct{})
	}
	m.open[c] = struct{}{}
	m.opened++
}

// end counts a connection among those that are over. In the same step it is not
// among the open ones any more (websocket.Group forgets it a moment later): else a
// total would count it twice, and then go down.
func (m *metrics) end(c *websocket.Conn, err error) {
	status, _ := ending(err)
	label := closeLabel(status.Code)
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.open, c)
	m.ended.add(c.Stats())
	if m.closes == nil {
		m.closes = make(map[string]int64)
	}
	m.closes[label]++
}

func (m *metrics) pong(_ *websocket.Conn, rtt time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rtt.observe(rtt.Seconds())
}

func (m *metrics) drop(_ *websocket.Conn, messages int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dropped += int64(messages)
}

// refused counts a handshake that was refused. The server chooses the status, so
// there are few.
func (m *metrics) refused(status int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.refusals == nil {
		m.refusals = make(map[int]int64)
	}
	m.refusals[status]++
}

// total adds up what all connections have carried. The caller has the lock.
func (m *metrics) total() traffic {
	sum := m.ended
	for c := range m.open {
		sum.add(c.Stats())
	}
	return sum
}

// Labels of codes that are not shown one by one: peers choose them, and must not
// be able to make as many time series as there are codes.
const (
	label3000  = "3000-3999" // registered by libraries and frameworks (§7.4.2)
	label4000  = "4000-4999" // private
	labelOther = "other"
)

// closeLabel returns the code, or the range that it is in.
func closeLabel(code websocket.CloseCode) string {
	switch {
	case code.Name() != "":
		return strconv.Itoa(int(code))
	case 3000 <= code && code <= 3999:
		return label3000
	case 4000 <= code && code <= 4999:
		return label4000
	}
	return labelOther
}

// rttBounds are the upper bounds of the histogram's buckets, in seconds: from the
// same machine to a peer that is about to be given up.
var rttBounds = [...]float64{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30}

// A histogram counts values by their size.
type histogram struct {
	buckets [len(rttBounds) + 1]int64 // not cumulative; the last has what is above all bounds
	sum     float64
}

func (h *histogram) observe(value float64) {
	i := 0
	for i < len(rttBounds) && value > rttBounds[i] {
		i++
	}
	h.buckets[i]++
	h.sum += value
}
