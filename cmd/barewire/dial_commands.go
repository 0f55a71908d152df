// This file is for lines that begin with a slash at a terminal. In a pipe there are
// none.

package main

import (
	"context"
	"strconv"
	"strings"
	"unicode/utf8"

	"barewire.example/websocket"
)

const commandsHelp = `commands:
/ping                  send a ping and show when its pong comes
/close [code [reason]] close the connection, with 1000 if no code is given
/bin HEX               send a binary message, like /bin 00 ff
/text TEXT             send a text message, also an empty one
/help                  show this
//TEXT                 send a text message that begins with a slash`

// command does what a line asks for that begins with a slash.
func (l *link) command(text string) (asked closing) {
	name, rest, _ := strings.Cut(text, " ")
	switch name {
	case "/help":
		l.out.say(plain, commandsHelp)
	case "/ping":
		l.all.Go(l.pingByHand)
	case "/close":
		return l.closeByHand(rest)
	case "/bin":
		p, err := parseHex([]byte(rest))
		if err != nil {
			l.flaw("/bin wants pairs of hex digits, like /bin 00 ff")
			break
		}
		l.write(websocket.Binary, p)
	case "/text":
		l.write(websocket.Text, []byte(rest))
	default:
		l.flaw("there is no command " + name + "; /help lists them, and a second slash in front sends the line")
	}
	return closing{}
}

// write sends a message by hand. That the connection is over is told by others.
func (l *link) write(t websocket.MessageType, p []byte) {
	if l.conn.Write(context.Background(), t, p) == websocket.ErrInvalidUTF8 {
		l.flaw("this is not UTF-8 and was not sent")
	}
}

func (l *link) pingByHand() {
	if !l.pingOnce(pongPatience) {
		l.flaw("no pong came within " + pongPatience.String())
	}
}

// closeByHand reads the arguments of /close.
func (l *link) closeByHand(args string) closing {
	digits, reason, _ := strings.Cut(strings.TrimSpace(args), " ")
	if digits == "" {
		return closing{code: websocket.CloseNormal}
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	code := websocket.CloseCode(n)
	switch {
	case err != nil || !code.Valid():
		l.flaw("/close wants a code that may be sent: 1000 to 1003, 1007 to 1014, or 3000 to 4999")
	case len(reason) > websocket.MaxCloseReason || !utf8.ValidString(reason):
		l.flaw("the reason must be UTF-8 of at most " + strconv.Itoa(websocket.MaxCloseReason) + " bytes")
	default:
		return closing{code: code, reason: reason}
	}
	return closing{}
}
