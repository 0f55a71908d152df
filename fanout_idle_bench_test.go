// This file measures what an idle connection costs a server. The clients are in a
// process of their own: their memory would count, and one process may not have
// descriptors for both ends.

package websocket

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
)

const idleConns = 10_000

// idleAddress is the name of the variable that makes a copy of the test's process
// the clients. It holds the server's address.
const idleAddress = "WEBSOCKET_IDLE_CLIENTS"

func init() {
	if address := os.Getenv(idleAddress); address != "" {
		if err := idleClients(address); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
}

// idleClients connects, and stays until the input ends.
func idleClients(address string) error {
	d := Dialer{Options: Options{KeepAlive: -1}}
	for range idleConns {
		c, _, err := d.Dial(background, "ws://"+address+"/")
		if err != nil {
			return err
		}
		defer c.CloseNow()
	}
	fmt.Println("ready")
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// BenchmarkIdleConn gives the bytes of heap and stack, and the resident memory,
// for each of 10,000 connections that wait in a read. An operation is to open all of
// them, to measure and to end them.
func BenchmarkIdleConn(b *testing.B) {
	b.Run("net-http", func(b *testing.B) {
		benchIdle(b, func(l net.Listener, f func(context.Context, *Conn) error) (stop func()) {
			s := &http.Server{Handler: Handler(f, nil)}
			go s.Serve(l)
			return func() { s.Close() }
		})
	})
	b.Run("Server", func(b *testing.B) {
		benchIdle(b, func(l net.Listener, f func(context.Context, *Conn) error) (stop func()) {
			s := &Server{Handler: func(ctx context.Context, c *Conn, _ *Request) error { return f(ctx, c) }}
			go s.Serve(l)
			return func() { s.Shutdown(background) }
		})
	})
}

// benchIdle measures connections of a server, which serve starts.
func benchIdle(b *testing.B, serve func(net.Listener, func(context.Context, *Conn) error) (stop func())) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var came, left sync.WaitGroup
	defer serve(l, func(ctx context.Context, c *Conn) error {
		defer left.Done()
		came.Done()
		_, _, err := c.Read(ctx)
		return err
	})()
	for b.Loop() {
		came.Add(idleConns)
		left.Add(idleConns)
		before := memoryNow()
		dismiss := startIdleClients(b, l.Addr().String())
		came.Wait()
		after := memoryNow()
		b.ReportMetric(float64(after.used-before.used)/idleConns, "heap+stack-B/conn")
		if before.resident > 0 {
			b.ReportMetric(float64(after.resident-before.resident)/idleConns, "resident-B/conn")
		}
		dismiss()
		left.Wait()
	}
}

// startIdleClients has the clients come. dismiss has them go.
func startIdleClients(b *testing.B, address string) (dismiss func()) {
	clients := exec.Command(os.Args[0])
	clients.Env = append(os.Environ(), idleAddress+"="+address)
	in, err := clients.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := clients.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := clients.Start(); err != nil {
		b.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		b.Fatal(line, err)
	}
	return func() {
		in.Close()
		if err := clients.Wait(); err != nil {
			b.Fatal(err)
		}
	}
}

type memoryUse struct{ used, resident int }

// memoryNow returns what this process uses when garbage has been collected.
// resident is 0 where there is no /proc.
func memoryNow() (m memoryUse) {
	debug.FreeOSMemory()
	debug.FreeOSMemory() // pools give up what they hold only in the second
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	m.used = int(stats.HeapInuse + stats.StackInuse)
	if statm, err := os.ReadFile("/proc/self/statm"); err == nil {
		var size, pages int
		fmt.Fscan(strings.NewReader(string(statm)), &size, &pages)
		m.resident = pages * os.Getpagesize()
	}
	return m
}
