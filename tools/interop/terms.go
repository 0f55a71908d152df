package main

import "barewire.example/websocket"

// params are those of permessage-deflate (7692 §7.1). The peers' programs know them by these names.
type params struct {
	// Defaults stands for what a library does by itself. Of the other fields only the bits may be set then: to what it does.
	Defaults bool `json:"defaults"`

	ServerAlone bool `json:"server_no_context_takeover"`
	ClientAlone bool `json:"client_no_context_takeover"`
	ServerBits  int  `json:"server_max_window_bits"` // 0 when not mentioned
	ClientBits  int  `json:"client_max_window_bits"`
}

// terms are what the sides are set to, and what they must agree on: nil for no compression.
type terms struct{ us, them, agreed *params }

const (
	minBits = 8
	maxBits = 15 // also that of windows whose size is not mentioned
)

func orMax(bits int) int {
	if bits == 0 {
		return maxBits
	}
	return bits
}

// effective returns what the parameters come to, for comparing: the zero value for no compression.
func (p *params) effective() params {
	if p == nil {
		return params{}
	}
	return params{ServerAlone: p.ServerAlone, ClientAlone: p.ClientAlone, ServerBits: orMax(p.ServerBits), ClientBits: orMax(p.ClientBits)}
}

// meet returns what two sides agree on that can do what the other asks for.
func (p params) meet(q params) *params {
	a, b := p.effective(), q.effective()
	return &params{
		ServerAlone: a.ServerAlone || b.ServerAlone,
		ClientAlone: a.ClientAlone || b.ClientAlone,
		ServerBits:  min(a.ServerBits, b.ServerBits),
		ClientBits:  min(a.ClientBits, b.ClientBits),
	}
}

// of returns the parameters of what the side sends.
func (p params) of(s side) (bits int, alone bool) {
	if s == server {
		return orMax(p.ServerBits), p.ServerAlone
	}
	return orMax(p.ClientBits), p.ClientAlone
}

// compression is our setting for p, or nil. All messages are compressed, so that short ones take part in the checks.
func (p *params) compression() *websocket.Compression {
	if p == nil {
		return nil
	}
	return &websocket.Compression{
		ServerNoContextTakeover: p.ServerAlone,
		ClientNoContextTakeover: p.ClientAlone,
		ServerMaxWindowBits:     p.ServerBits,
		ClientMaxWindowBits:     p.ClientBits,
		Threshold:               -1,
	}
}

// paramsOf is the inverse of compression.
func paramsOf(c *websocket.Compression) *params {
	if c == nil {
		return nil
	}
	return &params{
		ServerAlone: c.ServerNoContextTakeover,
		ClientAlone: c.ClientNoContextTakeover,
		ServerBits:  c.ServerMaxWindowBits,
		ClientBits:  c.ClientMaxWindowBits,
	}
}
