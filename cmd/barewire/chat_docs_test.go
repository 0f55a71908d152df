package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"barewire.example/websocket"
)

// chatDocument returns docs/chat.md.
func chatDocument(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/chat.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// chatExamples returns the JSON objects in a text.
func chatExamples(t *testing.T, text string) (examples []string) {
	t.Helper()
	for {
		_, after, found := strings.Cut(text, `{"`)
		if !found {
			return examples
		}
		text = `{"` + after
		var object json.RawMessage
		if err := json.NewDecoder(strings.NewReader(text)).Decode(&object); err != nil {
			t.Fatalf("no JSON: %.100s: %v", text, err)
		}
		examples = append(examples, string(object))
		text = text[len(object):]
	}
}

// chatServerTypes are what the server sends, by type.
func chatServerTypes() map[string]any {
	return map[string]any{
		"welcome": new(chatWelcome), "join": new(chatPresence), "leave": new(chatPresence), "message": new(chatMessage),
		"receipt": new(chatReceipt), "pong": new(chatAnswer), "error": new(chatAnswer),
	}
}

func decodeStrictly(text string, v any) error {
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

// checkChatExample returns which type it is an example of, "client " in front if a
// client sends it. What the server sends must be so to the byte.
func checkChatExample(text string) (string, error) {
	var request chatRequest
	if err := decodeStrictly(text, &request); err == nil && (request.Type == "message" || request.Type == "ping") {
		return "client " + request.Type, nil
	}
	var kind struct{ Type string }
	if err := json.Unmarshal([]byte(text), &kind); err != nil {
		return "", err
	}
	v := chatServerTypes()[kind.Type]
	if v == nil {
		return "", fmt.Errorf("type %q is unknown", kind.Type)
	}
	if err := decodeStrictly(text, v); err != nil {
		return "", err
	}
	if sent := string(encodeChat(v).Data); sent != text {
		return "", fmt.Errorf("the server would send %s", sent)
	}
	if welcome, ok := v.(*chatWelcome); ok {
		for _, old := range welcome.History {
			if of, err := checkChatExample(string(old)); err != nil || of != "message" {
				return "", fmt.Errorf("history: %s: %w", old, err)
			}
		}
	}
	return kind.Type, nil
}

func TestChatDocumentHasTrueExamples(t *testing.T) {
	missing := map[string]bool{"client message": true, "client ping": true}
	for kind := range chatServerTypes() {
		missing[kind] = true
	}
	for _, example := range chatExamples(t, chatDocument(t)) {
		kind, err := checkChatExample(example)
		if err != nil {
			t.Errorf("%s: %v", example, err)
		}
		delete(missing, kind)
	}
	if len(missing) > 0 {
		t.Errorf("no examples of %v", missing)
	}
}

func TestChatDocumentHasAllFields(t *testing.T) {
	document := chatDocument(t)
	types := chatServerTypes()
	types["client"] = new(chatRequest)
	for _, v := range types {
		of := reflect.TypeOf(v).Elem()
		for i := range of.NumField() {
			name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
			if name == "" || !strings.Contains(document, "`"+name+"`") {
				t.Errorf("%v.%s, as %q, is not in the document", of, of.Field(i).Name, name)
			}
		}
	}
}

func TestChatDocumentHasTheLimits(t *testing.T) {
	flags, err := parseServeFlags(nil)
	if err != nil {
		t.Fatal(err)
	}
	limits := flags.limits
	document := strings.Join(strings.Fields(chatDocument(t)), " ")
	for _, want := range []string{
		fmt.Sprintf("| `room` | `lobby` | 1 to %d bytes", maxChatRoom),
		fmt.Sprintf("| `name` | `guest` | 1 to %d characters", maxChatName),
		fmt.Sprintf("| `session` | none | 1 to %d of the characters", maxChatSession),
		fmt.Sprintf("`text`, 1 to %d bytes", maxChatText),
		fmt.Sprintf("a string of at most %d bytes", maxChatID),
		fmt.Sprintf("the room has %d members, or there are %d rooms", maxChatMembers, maxChatRooms),
		fmt.Sprintf("`Retry-After: %s`", noPlace("").(*websocket.HandshakeError).Header["Retry-After"][0]),
		fmt.Sprintf("when there are more than %d;", maxChatListed),
		fmt.Sprintf("%d, or fewer when these have more than %d KiB of JSON", maxChatHistory, maxChatHistoryBytes>>10),
		fmt.Sprintf("for %.0f hour after", roomMemory.Hours()),
		fmt.Sprintf("for %v (`-keepalive`)", limits.keepAlive.d),
		fmt.Sprintf("for %v more (`-pong-timeout`)", limits.pong.d),
		fmt.Sprintf("%d messages (`-queue`) and %d MiB (`-queue-bytes`)", limits.queueLength.n, limits.queueBytes>>20),
		fmt.Sprintf("`-close-timeout` (%v)", limits.close.d),
		fmt.Sprintf("more than %d frames (`-max-frames`)", flags.maxFrames),
		fmt.Sprintf("larger than %d MiB (`-max-message`)", flags.maxMessage>>20),
		fmt.Sprintf("| %d | it was [replaced](#sessions), reason `%s`", chatReplaced, chatReplacedReason),
	} {
		if !strings.Contains(document, want) {
			t.Errorf("the document does not say %q", want)
		}
	}
}

// The session at the beginning of the document goes as it says.
func TestChatDocumentBeginsWithATrueSession(t *testing.T) {
	_, block, _ := strings.Cut(chatDocument(t), "```\n")
	block, _, _ = strings.Cut(block, "```\n")
	p := start(t, "-quiet")
	expected := chatExamples(t, block)
	if len(expected) != 6 {
		t.Fatalf("%d lines come, want 6:\n%s", len(expected), block)
	}
	for i, text := range expected { // what differs each time is compared by its form
		var e map[string]any
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			t.Fatal(err)
		}
		(&client{t: t}).dropVolatile(e)
		plain, _ := json.Marshal(e)
		expected[i] = string(plain)
	}
	ann := p.chat("tea", "ann")
	ann.wantEvents(expected[2])
	bob := p.chat("tea", "bob")
	bob.say("hello")
	bob.wantEvents(expected[:2]...)
	bob.close(websocket.CloseNormal, "")
	ann.wantEvents(expected[3:]...)
}
