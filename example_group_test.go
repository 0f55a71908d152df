// This file is the example of Group. Like example_test.go it uses the package
// from outside.

package websocket_test

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"time"

	"barewire.example/websocket"
)

// http.Server.Shutdown does not know connections that were upgraded. It starts
// the shutdown of the Group, and who calls it waits for both.
func ExampleGroup() {
	group := &websocket.Group{MaxConns: 10_000, MaxConnsPerAddr: 100}
	greet := func(ctx context.Context, c *websocket.Conn) error {
		if err := c.Write(ctx, websocket.Text, []byte("welcome")); err != nil {
			return err
		}
		_, _, err := c.Read(ctx)
		return err
	}
	server := &http.Server{
		Handler:           websocket.Handler(greet, &websocket.Upgrader{Group: group}),
		ReadHeaderTimeout: 10 * time.Second,
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	left := make(chan error, 1)
	server.RegisterOnShutdown(func() { left <- group.Shutdown(ctx) })

	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		log.Fatal(err)
	}
	go server.Serve(l)
	c, _, err := new(websocket.Dialer).Dial(ctx, "ws://"+l.Addr().String())
	if err != nil {
		log.Fatal(err)
	}
	_, greeting, err := c.Read(ctx)
	fmt.Printf("%s %v\n", greeting, err)

	shut := make(chan error, 1)
	go func() { shut <- server.Shutdown(ctx) }()
	_, _, err = c.Read(ctx)
	fmt.Println(err)
	fmt.Println(<-shut, <-left, group.Len())
	// Output:
	// welcome <nil>
	// websocket: closed by the peer with 1001 going away, reason "server is shutting down"
	// <nil> <nil> 0
}
