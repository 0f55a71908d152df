// This file is the protocol of /chat: what a client may send, and what it is
// answered. Messages are JSON objects in text messages; docs/chat.md describes them
// for who writes another client. Who is there and what was said is in chat_room.go,
// which rooms there are in chat_rooms.go.

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
	maxChatRoom    = 64      // bytes
	maxChatName    = 32      // code points
	maxChatSession = 64      // bytes
	maxChatText    = 4 << 10 // bytes
	maxChatID      = 64      // bytes
)

// What a client is told whose session has a newer connection. It should not come
// back by itself: two clients with one session would replace each other for ever.
const (
	chatReplaced       = websocket.CloseCode(4000)
	chatReplacedReason = "replaced by a new connection"
)

// chatRequest is what a client sends.
type chatRequest struct {
	Type string  `json:"type"`
	ID   *string `json:"id"`
	Text string  `json:"text"`
}

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
	room, guest, err := parseChatQuery(r.URL.RawQuery)
	if err != nil {
		deny(w, http.StatusBadRequest, err.Error())
		s.refused(r, &websocket.HandshakeError{Rule: websocket.RuleForbidden, Status: http.StatusBadRequest, Detail: err.Error()})
		return
	}
	var place *chatPlace
	u := *s.upgrader
	u.Authorize = func(*websocket.Request) (err error) { // all else about the request is in order
		place, err = s.chats.enter(room, guest)
		return err
	}
	accepted := s.accept(w, withoutQuery(r), &u, func(v *visit) error { return s.stay(v, place) })
	if !accepted && place != nil {
		s.chats.exit(place)
	}
}

// withoutQuery returns the request as it would be for the path alone. A query that
// parseChatQuery accepts breaks no rule about targets; but a target that does is
// logged, and nobody but the client may know its session.
func withoutQuery(r *http.Request) *http.Request {
	plain := new(http.Request)
	*plain = *r
	plain.RequestURI, _, _ = strings.Cut(r.RequestURI, "?")
	return plain
}

// stay is a visit to a room.
func (s *server) stay(v *visit, place *chatPlace) error {
	defer s.chats.exit(place)
	m, err := place.join(v.conn)
	if errors.Is(err, errChatReplaced) {
		v.conn.Close(chatReplaced, chatReplacedReason)
		return v.conn.Err()
	}
	if err != nil {
		return err
	}
	defer m.leave()
	if informs(v.log) {
		v.log.Info("joined", "room", m.room.name, "name", m.name)
	}
	err = v.each(m.take)
	if errors.Is(err, websocket.ErrSlowConsumer) {
		v.log.Warn("too slow for the chat")
	}
	return err
}

// parseChatQuery returns the room that a client wants to be in, and as whom. No
// error has anything of the query in it.
func parseChatQuery(query string) (room string, guest chatGuest, err error) {
	values, err := url.ParseQuery(query)
	if err != nil || strings.ContainsFunc(query, isNoQuery) {
		return "", guest, errors.New("query is malformed")
	}
	if room, err = chatParameter(values["room"], "lobby"); err != nil || len(room) > maxChatRoom {
		return "", guest, fmt.Errorf("room must be 1 to %d bytes of UTF-8 that can be seen", maxChatRoom)
	}
	if guest.name, err = chatParameter(values["name"], "guest"); err != nil || utf8.RuneCountInString(guest.name) > maxChatName {
		return "", guest, fmt.Errorf("name must be 1 to %d characters of UTF-8 that can be seen", maxChatName)
	}
	if guest.session, err = chatSession(values["session"]); err != nil {
		return "", guest, fmt.Errorf("session must be 1 to %d characters of 0-9, A-Z, a-z, - and _", maxChatSession)
	}
	return room, guest, nil
}

// isNoQuery reports whether a character may not stand in a query, where all others
// are percent-encoded.
func isNoQuery(r rune) bool { return r <= ' ' || r > '~' || r == '#' }

var errChatParameter = errors.New("parameter is malformed")

// chatParameter returns the value of a parameter, without spaces around it. It is a
// name for a room or for somebody in it.
func chatParameter(values []string, standard string) (string, error) {
	switch len(values) {
	case 0:
		return standard, nil
	case 1:
		value := strings.TrimFunc(values[0], func(r rune) bool { return unicode.Is(unicode.Zs, r) })
		if isChatName(value) {
			return strings.Clone(value), nil // not to hold the request that it is part of
		}
	}
	return "", errChatParameter
}

// chatSession returns the value of the parameter of this name, or "" without one.
func chatSession(values []string) (string, error) {
	if len(values) == 0 {
		return "", nil
	}
	session := values[0]
	if len(values) > 1 || session == "" || len(session) > maxChatSession || strings.ContainsFunc(session, isNoSession) {
		return "", errChatParameter
	}
	return strings.Clone(session), nil
}

func isNoSession(r rune) bool {
	return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '_'
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
	var c chatRequest
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
