package main

import (
	"errors"

	"barewire.example/websocket"
)

// broadcastTopic is on the hub what /broadcast is about. Topics of chat rooms
// begin with another word.
const broadcastTopic = "broadcast"

// broadcast sends each message to everybody on it. All of them get the messages in
// the same order, and share one copy of each. Who takes them too slowly is treated
// as -slow says.
func (s *server) broadcast(v *visit) error {
	if err := s.hub.Join(v.conn, broadcastTopic); err != nil {
		return err
	}
	err := v.each(func(t websocket.MessageType, p []byte) {
		s.hub.Publish(broadcastTopic, websocket.Message{Type: t, Data: p})
	})
	if errors.Is(err, websocket.ErrSlowConsumer) {
		v.log.Warn("too slow for the broadcast")
	}
	return err
}
