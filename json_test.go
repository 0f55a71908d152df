// These are the tests of ReadJSON and WriteJSON.

package websocket

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

type jsonValue struct {
	Text   string         `json:"text"`
	Number float64        `json:"number"`
	List   []int          `json:"list,omitempty"`
	Inner  map[string]any `json:"inner,omitempty"`
}

func TestJSONGoesThereAndBack(t *testing.T) {
	eachPair(t, func(t *testing.T, client, server *Conn) {
		values := []jsonValue{
			{}, {Text: "é\u2028<&>\x00", Number: -1.5e300}, {List: []int{1, 2, 3}},
			{Inner: map[string]any{"a": []any{nil, true, "b"}}, Text: strings.Repeat("long ", 10_000)},
		}
		wrote := started(func() (err error) {
			for i := 0; i < len(values) && err == nil; i++ {
				err = WriteJSON(background, client, values[i])
			}
			return err
		})
		for _, want := range values {
			var got jsonValue
			wantNil(t, "ReadJSON", ReadJSON(background, server, &got))
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("got %+v, want %+v", got, want)
			}
		}
		wantNil(t, "WriteJSON", <-wrote)
	})
}

func TestJSONIsATextMessage(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		wantNil(t, "WriteJSON", WriteJSON(background, c, jsonValue{Text: "x", Number: 1}))
		p.wantFrame("without a line break", OpText, `{"text":"x","number":1}`)
	})
}

func TestJSONIsReadFromEitherType(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		for _, op := range []Opcode{OpText, OpBinary} {
			var got []int
			p.write(op, true, " [1, 2]\n")
			wantNil(t, "ReadJSON", ReadJSON(background, c, &got))
			if !reflect.DeepEqual(got, []int{1, 2}) {
				t.Fatalf("got %v", got)
			}
		}
	})
}

// What cannot be decoded is consumed, and the connection goes on.
func TestJSONErrorsOfDecodingLeaveTheConnectionOpen(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		for _, bad := range []string{"", "{", "[1] [2]", `"text"`, "\xff"} {
			var got []int
			p.write(OpBinary, true, bad)
			err := ReadJSON(background, c, &got)
			if err == nil || !strings.HasPrefix(err.Error(), "websocket: ") {
				t.Fatalf("ReadJSON of %q = %v", bad, err)
			}
			p.write(OpText, true, "[7]")
			wantNil(t, "ReadJSON of the next", ReadJSON(background, c, &got))
		}
		p.write(OpText, true, "{")
		var syntax *json.SyntaxError
		if err := ReadJSON(background, c, new(any)); !errors.As(err, &syntax) {
			t.Fatalf("ReadJSON = %v, want a *json.SyntaxError", err)
		}
		var kind *json.UnmarshalTypeError
		p.write(OpText, true, "1")
		if err := ReadJSON(background, c, new(string)); !errors.As(err, &kind) {
			t.Fatalf("ReadJSON = %v, want a *json.UnmarshalTypeError", err)
		}
	})
}

func TestJSONErrorsOfEncodingSendNothing(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		var kind *json.UnsupportedTypeError
		if err := WriteJSON(background, c, make(chan int)); !errors.As(err, &kind) {
			t.Fatalf("WriteJSON = %v, want a *json.UnsupportedTypeError", err)
		}
		p.wantIdle("nothing is sent")
		wantNil(t, "WriteJSON", WriteJSON(background, c, 1))
		p.wantFrame("the connection is unharmed", OpText, "1")
	})
}

func TestJSONErrorsOfTheConnection(t *testing.T) {
	eachRole(t, Options{}, func(t *testing.T, c *Conn, p *testPeer) {
		p.writeClose(4000, "")
		p.conn.Close()
		err := ReadJSON(background, c, new(any))
		wantCloseError(t, "ReadJSON", err, CloseError{Code: 4000, Remote: true})
		<-c.Done()
		wantExactly(t, "WriteJSON", WriteJSON(background, c, 1), c.Err())
	})
}
