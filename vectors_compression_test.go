// This file is what the runner of the vectors knows about compression: the
// parameters of a vector, and how they are written down.

package websocket

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// takeCompression reads what was agreed on, in the words of 7692 §7.1. All
// messages that we send are compressed then.
func (v *vector) takeCompression(text string) error {
	if v.agreed != nil {
		return errors.New("a second line on compression")
	}
	v.agreed = &Compression{Threshold: -1}
	if text == "" {
		return nil
	}
	for _, param := range strings.Split(text, "; ") {
		name, value, _ := strings.Cut(param, "=")
		switch {
		case param == "server_no_context_takeover":
			v.agreed.ServerNoContextTakeover = true
		case param == "client_no_context_takeover":
			v.agreed.ClientNoContextTakeover = true
		case name == "server_max_window_bits":
			v.agreed.ServerMaxWindowBits = vectorWindowBits(value)
		case name == "client_max_window_bits":
			v.agreed.ClientMaxWindowBits = vectorWindowBits(value)
		default:
			return fmt.Errorf("compression %q", param)
		}
	}
	return v.agreed.Check()
}

// vectorWindowBits returns -1, which nobody agrees on, for what is no number.
func vectorWindowBits(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n == 0 {
		return -1
	}
	return n
}
