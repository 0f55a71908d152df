// This file sends and receives values as JSON (RFC 8259), one a message.

package websocket

import (
	"context"
	"encoding/json"
	"fmt"
)

// WriteJSON sends v as a text message. An error of encoding leaves the
// connection as it was; other errors are those of Conn.Write.
func WriteJSON(ctx context.Context, c *Conn, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("websocket: %w", err)
	}
	return c.Write(ctx, Text, b)
}

// ReadJSON reads a message of either type into v. A message that cannot be
// decoded is consumed and leaves the connection open; other errors are those of
// Conn.Read.
func ReadJSON(ctx context.Context, c *Conn, v any) error {
	_, b, err := c.Read(ctx)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("websocket: %w", err)
	}
	return nil
}
