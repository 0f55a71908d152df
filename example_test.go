// This file shows how the package is used, from outside of it.

package websocket_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"time"

	"barewire.example/websocket"
)

// An echo server behind net/http, for pages of its own origin and of one more.
func ExampleHandler() {
	echo := func(ctx context.Context, c *websocket.Conn) error {
		for m, err := range c.Messages(ctx) {
			if err != nil {
				return err
			}
			if err := c.Write(ctx, m.Type, m.Data); err != nil {
				return err
			}
		}
		return nil
	}
	http.Handle("/echo", websocket.Handler(echo, &websocket.Upgrader{
		Origins: []string{"https://app.example.com"},
		Options: websocket.Options{MaxMessageSize: 64 << 10},
	}))
	server := &http.Server{Addr: "localhost:8080", ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServe())
}

// A server without net/http that ends in order: on an interrupt it closes every
// connection with CloseGoingAway.
func ExampleServer() {
	server := &websocket.Server{
		Addr: "localhost:8080",
		Handler: func(ctx context.Context, c *websocket.Conn, r *websocket.Request) error {
			if err := c.Write(ctx, websocket.Text, []byte("welcome to "+r.Path())); err != nil {
				return err
			}
			return &websocket.CloseError{Code: 4000, Reason: "nothing else to say"}
		},
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, func() {
		deadline, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		server.Shutdown(deadline)
	})
	if err := server.ListenAndServe(); err != websocket.ErrServerClosed {
		log.Fatal(err)
	}
}

// Who may connect is decided before the handshake is answered.
func ExampleUpgrader() {
	upgrader := websocket.Upgrader{
		Hosts: []string{"localhost"},
		Authorize: func(r *websocket.Request) error {
			switch {
			case r.Path() != "/chat":
				return &websocket.HandshakeError{Status: http.StatusNotFound}
			case len(r.Header["Authorization"]) == 0:
				return &websocket.HandshakeError{
					Status: http.StatusUnauthorized,
					Header: http.Header{"WWW-Authenticate": {`Basic realm="chat"`}},
				}
			}
			return nil
		},
	}
	ours, theirs := net.Pipe()
	go func() {
		io.WriteString(theirs, "GET /chat HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
		answer, _ := http.ReadResponse(bufio.NewReader(theirs), nil)
		fmt.Println("the client gets", answer.Status)
		theirs.Close()
	}()
	_, r, err := upgrader.UpgradeConn(ours)
	fmt.Println("the server refused", r.Path(), "because:", err)
	// Output:
	// the client gets 401 Unauthorized
	// the server refused /chat because: websocket: handshake: request is refused (RFC 6455 §4.2.2)
}

// connect returns a server's connection, and the client's side of it without
// I/O, behind their handshake.
func connect() (*websocket.Conn, net.Conn, *websocket.Endpoint) {
	ours, theirs := net.Pipe()
	ask := websocket.Ask{Target: "/", Host: "localhost", Key: websocket.EncodeKey([16]byte{})}
	client := websocket.NewEndpoint(websocket.RoleClient, websocket.Config{MaskKey: func() (key [4]byte) {
		rand.Read(key[:])
		return key
	}})
	go func() {
		theirs.Write(websocket.AppendAsk(nil, &ask))
	}()
	upgraded := make(chan *websocket.Conn, 1)
	go func() {
		c, _, err := new(websocket.Upgrader).UpgradeConn(ours)
		if err != nil {
			log.Fatal(err)
		}
		upgraded <- c
	}()
	answer, err := http.ReadResponse(bufio.NewReader(theirs), nil)
	if err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
		log.Fatal(answer, err)
	}
	return <-upgraded, theirs, client
}

// Messages ends without an error when the peer has closed in order.
func ExampleConn_Messages() {
	c, conn, client := connect()
	defer conn.Close()
	go func() {
		b, _ := client.AppendMessage(nil, websocket.Text, []byte("hello"))
		b, _ = client.AppendMessage(b, websocket.Binary, []byte{1, 2, 3})
		b, _ = client.AppendClose(b, websocket.CloseNormal, "")
		conn.Write(b)
		io.Copy(io.Discard, conn) // up to the answer to the Close
		conn.Close()
	}()
	for m, err := range c.Messages(context.Background()) {
		if err != nil {
			fmt.Println("broken off:", err)
			break
		}
		fmt.Printf("%v: %q\n", m.Type, m.Data)
	}
	<-c.Done()
	fmt.Println(c.Err())
	// Output:
	// text: "hello"
	// binary: "\x01\x02\x03"
	// websocket: closed by the peer with 1000 normal
}

// NextWriter sends a message of which the length is not known beforehand.
func ExampleConn_NextWriter() {
	c, conn, client := connect()
	defer conn.Close()
	go func() {
		defer c.CloseNow()
		w, err := c.NextWriter(context.Background(), websocket.Text)
		if err != nil {
			return
		}
		for i := range 3 {
			fmt.Fprintf(w, "line %d\n", i)
		}
		w.Close()
	}()
	received, _ := io.ReadAll(conn)
	for more := true; more; {
		ev, n, err := client.Next(received)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s", ev.Data)
		received = received[n:]
		more = ev.Kind != websocket.NeedMore
	}
	// Output:
	// line 0
	// line 1
	// line 2
}

// listen runs an echo server and returns its URL.
func listen() (url string, stop func()) {
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		log.Fatal(err)
	}
	server := &websocket.Server{Handler: func(ctx context.Context, c *websocket.Conn, r *websocket.Request) error {
		for m, err := range c.Messages(ctx) {
			if err != nil || c.Write(ctx, m.Type, m.Data) != nil {
				return err
			}
		}
		return nil
	}}
	go server.Serve(l)
	return "ws://" + l.Addr().String(), func() { server.Shutdown(context.Background()) }
}

// A client that says something, hears the answer, and leaves.
func ExampleDialer() {
	url, stop := listen()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	var dialer websocket.Dialer
	c, resp, err := dialer.Dial(ctx, url+"/echo")
	if err != nil {
		log.Fatal(err) // with the rule that the answer breaks, if there is one
	}
	defer c.CloseNow() // does nothing behind Close
	if err := c.Write(ctx, websocket.Text, []byte("hello")); err != nil {
		log.Fatal(err)
	}
	t, answer, err := c.Read(ctx)
	fmt.Println(resp.Status, t, string(answer), err)
	fmt.Println(c.Close(websocket.CloseNormal, "done"))
	fmt.Println(c.Err())
	// Output:
	// 101 Switching Protocols text hello <nil>
	// <nil>
	// websocket: closed by us with 1000 normal
}

// Messages are compressed when both sides want it. Here the server allows for
// windows of 4 KiB, to save memory, and the client has no say in the matter. What
// has a secret in it goes uncompressed.
func ExampleCompression() {
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		log.Fatal(err)
	}
	server := &websocket.Server{Handler: func(ctx context.Context, c *websocket.Conn, r *websocket.Request) error {
		return c.WriteBatch(ctx,
			websocket.Message{Type: websocket.Text, Data: bytes.Repeat([]byte("Hello. "), 100)},
			websocket.Message{Type: websocket.Text, Data: []byte("the password"), NoCompression: true})
	}}
	server.Upgrader.Compression = &websocket.Compression{ServerMaxWindowBits: 12, ClientMaxWindowBits: 12}
	go server.Serve(l)
	defer server.Shutdown(context.Background())

	dialer := websocket.Dialer{Options: websocket.Options{Compression: &websocket.Compression{}}}
	c, resp, err := dialer.Dial(context.Background(), "ws://"+l.Addr().String())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(resp.Header.Get("Sec-WebSocket-Extensions"))
	fmt.Println("windows of", 1<<c.Compression().ServerMaxWindowBits, "bytes")
	for m := range c.Messages(context.Background()) {
		fmt.Println(len(m.Data), "bytes")
	}
	// Output:
	// permessage-deflate; server_max_window_bits=12; client_max_window_bits=12
	// windows of 4096 bytes
	// 700 bytes
	// 12 bytes
}

// A client that connects again whenever its connection is lost, and leaves after
// the second one.
func ExampleDialer_Redial() {
	url, stop := listen()
	defer stop()
	ctx := context.Background()
	backoff := websocket.Backoff{
		Base:    10 * time.Millisecond,
		OnState: func(s websocket.RedialState) { fmt.Println(s.Phase) },
	}
	connections := 0
	for c, err := range new(websocket.Dialer).Redial(ctx, url, backoff) {
		if err != nil {
			log.Fatal(err) // there will be no more
		}
		if connections++; connections == 2 {
			c.Close(websocket.CloseNormal, "")
			break
		}
		c.CloseNow() // the network fails
	}
	// Output:
	// connecting
	// open
	// waiting
	// connecting
	// open
	// closed
}

// An Endpoint is the protocol without I/O: here two of them talk to each other.
func ExampleEndpoint() {
	server := websocket.NewEndpoint(websocket.RoleServer, websocket.Config{})
	client := websocket.NewEndpoint(websocket.RoleClient, websocket.Config{MaskKey: func() (key [4]byte) {
		rand.Read(key[:])
		return key
	}})

	sent, _ := client.AppendMessage(nil, websocket.Text, []byte("hello"))
	sent, _ = client.AppendPing(sent, []byte("are you there?"))
	for {
		ev, n, err := server.Next(sent)
		if err != nil {
			log.Fatal(err)
		}
		sent = sent[n:]
		if ev.Kind == websocket.NeedMore { // and not when sent is empty: more may come out of it
			break
		}
		fmt.Printf("the server: %v %q\n", ev.Header.Opcode, ev.Data)
	}
	ev, _, _ := client.Next(server.AppendOwed(nil))
	fmt.Printf("the client: %v %q\n", ev.Header.Opcode, ev.Data)

	// What is illegal gives an error, and a Close is owed.
	_, _, err := server.Next([]byte{0x81, 0x00})
	fmt.Println(err)
	_, _, _ = client.Next(server.AppendOwed(nil))
	fmt.Println(server.State(), client.State())
	// Output:
	// the server: text "hello"
	// the server: ping "are you there?"
	// the client: pong "are you there?"
	// websocket: client frame is not masked (RFC 6455 §5.1) at byte 31
	// failed answering
}

// Who has the protocol without I/O negotiates compression by hand.
func ExampleCompression_Accept() {
	offers := []websocket.Extension{(&websocket.Compression{}).Offer()} // what Request.Check returns, in real life
	wanted := websocket.Compression{ServerMaxWindowBits: 12}
	answer, agreed := wanted.Accept(offers)
	fmt.Printf("Sec-WebSocket-Extensions: %s\n", websocket.AppendExtensions(nil, []websocket.Extension{answer}))

	server := websocket.NewEndpoint(websocket.RoleServer, websocket.Config{Compression: agreed})
	frame, _ := server.AppendMessage(nil, websocket.Text, []byte(strings.Repeat("again and ", 100)))
	fmt.Println(len(frame), "bytes for 1000")
	// Output:
	// Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=12
	// 24 bytes for 1000
}
