// This file is the protocol of /chat: what a client may send, and what it is
// answered. Messages are JSON objects in text messages. Who is there and what was
// said is in chat_room.go.

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"barewire.example/websocket"
)

const (
	maxChatRoom = 64      // bytes
	maxChatName = 32      // code points
	maxChatText = 4 << 10 // bytes
	maxChatID   = 64      // bytes
)

// What the server sends. An ID is the one that the client has sent, if any.
type (
	chatWelcome struct {
		Type    string            `json:"type"`
		Room    string            `json:"room"`
		Name    string            `json:"name"`
		Epoch   string            `json:"epoch"`
		Members []string          `json:"members"`
		History []json.RawMessage `json:"history"`
	}
	chatMessage struct {
		Type string `json:"type"`
		N    int64  `json:"n"`
		From string `json:"from"`
		Text string `json:"text"`
		Time string `json:"time"`
	}
	chatReceipt struct {
		Type string  `json:"type"`
		ID   *string `json:"id,omitempty"`
		N    int64   `json:"n"`
		Time string  `json:"time"`
	}
	chatPresence struct {
		Type    string   `json:"type"`
		Name    string   `json:"name"`
		Members []string `json:"members,omitzero"` // not in large rooms
	}
	chatAnswer struct { // "pong" or "error"
		Type string  `json:"type"`
		ID   *string `json:"id,omitempty"`
		Text string  `json:"text,omitempty"`
	}
)

// encodeChat returns one of the above as a message.
func encodeChat(v any) websocket.Message {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // nothing of it is in an HTML page
	e.Encode(v)            // cannot fail with these types
	return websocket.Message{Type: websocket.Text, Data: bytes.TrimSuffix(b.Bytes(), []byte("\n"))}
}

// chat lets a client into the room that its query names.
func (s *server) chat(w http.ResponseWriter, r *http.Request) {
	room, name, err := parseChatQuery(r.URL.RawQuery)
	if err != nil {
		deny(w, http.StatusBadRequest, err.Error())
		s.refused(r, &websocket.HandshakeError{Rule: websocket.RuleForbidden, Status: http.StatusBadRequest, Detail: err.Error()})
		return
	}
	var place *chatRoom
	u := *s.upgrader
	u.Authorize = func(*websocket.Request) (err error) { // all else about the request is in order
		place, err = s.chats.enter(room)
		return err
	}
	accepted := s.accept(w, r, &u, func(v *visit) error { return s.stay(v, place, name) })
	if !accepted && place != nil {
		s.chats.exit(place)
	}
}

// stay is a visit to a room.
func (s *server) stay(v *visit, room *chatRoom, name string) error {
	defer s.chats.exit(room)
	m, err := room.join(v.conn, name)
	if err != nil {
		return err
	}
	defer room.leave(m)
	if informs(v.log) {
		v.log.Info("joined", "room", room.name, "name", m.name)
	}
	err = v.each(m.take)
	if errors.Is(err, websocket.ErrSlowConsumer) {
		v.log.Warn("too slow for the chat")
	}
	return err
}

// parseChatQuery returns the room and the name that a client wants.
func parseChatQuery(query string) (room, name string, err error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return "", "", errors.New("query is malformed")
	}
	if room, err = chatParameter(values["room"], "lobby"); err != nil || len(room) > maxChatRoom {
		return "", "", fmt.Errorf("room must be 1 to %d bytes of UTF-8 without control characters", maxChatRoom)
	}
	if name, err = chatParameter(values["name"], "guest"); err != nil || utf8.RuneCountInString(name) > maxChatName {
		return "", "", fmt.Errorf("name must be 1 to %d characters of UTF-8 and no control characters", maxChatName)
	}
	return room, name, nil
}

var errChatParameter = errors.New("parameter is malformed")

// chatParameter returns the value of a parameter, trimmed. It is not empty.
func chatParameter(values []string, standard string) (string, error) {
	switch {
	case len(values) == 0:
		return standard, nil
	case len(values) > 1, !utf8.ValidString(values[0]), strings.ContainsFunc(values[0], unicode.IsControl):
		return "", errChatParameter
	}
	value := strings.TrimSpace(values[0])
	if value == "" {
		return "", errChatParameter
	}
	return value, nil
}

// take does what a message of the client's asks for.
func (m *chatMember) take(t websocket.MessageType, p []byte) {
	switch {
	case t != websocket.Text:
		m.complain(nil, "message is binary")
	case len(p) == 0 || p[0] != '{':
		m.speak(nil, string(p)) // somebody types
	default:
		m.obey(p)
	}
}

// obey does what a JSON text asks for.
func (m *chatMember) obey(p []byte) {
	var c struct {
		Type, Text string
		ID         *string
	}
	err := json.Unmarshal(p, &c)
	if c.ID != nil && len(*c.ID) > maxChatID {
		m.complain(nil, fmt.Sprintf("id is longer than %d bytes", maxChatID))
		return
	}
	switch {
	case err != nil:
		if c.ID != nil && *c.ID == "" { // that is what comes of a number
			c.ID = nil
		}
		m.complain(c.ID, "message is not JSON as it should be")
	case c.Type == "message":
		m.speak(c.ID, c.Text)
	case c.Type == "ping":
		m.send(chatAnswer{Type: "pong", ID: c.ID})
	default:
		m.complain(c.ID, "type is unknown")
	}
}

// speak tells the room a text of acceptable length.
func (m *chatMember) speak(id *string, text string) {
	switch {
	case text == "":
		m.complain(id, "message is empty")
	case len(text) > maxChatText:
		m.complain(id, fmt.Sprintf("message is longer than %d bytes", maxChatText))
	default:
		m.room.say(m, id, text)
	}
}

func (m *chatMember) complain(id *string, why string) {
	m.send(chatAnswer{Type: "error", ID: id, Text: why})
}

// send sends something to this client alone, in order with what the room hears.
// If that cannot be done the reading ends, which knows more about it.
func (m *chatMember) send(v any) { m.queue.Send(context.Background(), encodeChat(v)) }
