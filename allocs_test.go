// This file counts allocations. The race detector has pools lose buffers on
// purpose, so these tests are only for builds without it.

//go:build !race

package websocket

import (
	"bytes"
	"context"
	"fmt"
	"testing"
)

// TestConnAllocatesNothingForSmallMessages sends a message to and fro over TCP,
// both sides being ours, with contexts that can end and without.
func TestConnAllocatesNothingForSmallMessages(t *testing.T) {
	contexts := map[string]context.Context{"background": context.Background(), "can-end": t.Context()}
	for name, ctx := range contexts {
		for _, link := range testLinks[:2] {
			t.Run(name+"/"+link.name, func(t *testing.T) {
				ours, theirs := link.open(t)
				server, _ := newTestConnOn(t, RoleServer, Options{}, ends{ours, theirs})
				client, _ := newTestConnOn(t, RoleClient, Options{}, ends{theirs, ours})
				message := bytes.Repeat([]byte("x"), 100)
				atServer, atClient := make([]byte, 0, 128), make([]byte, 0, 128)
				n := testing.AllocsPerRun(1000, func() {
					if err := client.Write(ctx, Text, message); err != nil {
						t.Fatal(err)
					}
					typ, got, err := server.AppendRead(ctx, atServer)
					if err != nil || typ != Text {
						t.Fatal(typ, err)
					}
					if err := server.Write(ctx, typ, got); err != nil {
						t.Fatal(err)
					}
					if _, got, err = client.AppendRead(ctx, atClient); !bytes.Equal(got, message) {
						t.Fatal(got, err)
					}
				})
				if n != 0 {
					t.Errorf("%v allocations for a round trip", n)
				}
			})
		}
	}
}

// TestConnAllocatesNothingForCompressedMessages does the same with compression,
// whose memory is pooled and of which the windows are full.
func TestConnAllocatesNothingForCompressedMessages(t *testing.T) {
	for name, agreed := range takeovers {
		for _, size := range []int{0, 200, 20_000} {
			t.Run(fmt.Sprint(name, "/", size), func(t *testing.T) {
				ours, theirs := loopback(t)
				o := Options{Compression: &agreed}
				server, _ := newTestConnOn(t, RoleServer, o, ends{ours, theirs})
				client, _ := newTestConnOn(t, RoleClient, o, ends{theirs, ours})
				message := []byte(compressJSON(size))
				atServer, atClient := make([]byte, 0, 32<<10), make([]byte, 0, 32<<10)
				echo := func() {
					if err := client.Write(t.Context(), Text, message); err != nil {
						t.Fatal(err)
					}
					typ, got, err := server.AppendRead(t.Context(), atServer)
					if err != nil {
						t.Fatal(err)
					}
					if err := server.Write(t.Context(), typ, got); err != nil {
						t.Fatal(err)
					}
					if _, got, err = client.AppendRead(t.Context(), atClient); !bytes.Equal(got, message) {
						t.Fatal(len(got), err)
					}
				}
				for range 300 {
					echo()
				}
				if n := testing.AllocsPerRun(200, echo); n != 0 {
					t.Errorf("%v allocations for a round trip", n)
				}
			})
		}
	}
}

// What a connection gives up when it is idle is used again, by itself or others.
func TestConnAllocatesNothingWhenItIsBusyAgain(t *testing.T) {
	ours, theirs := loopback(t)
	o := withCompression(Compression{})
	server, _ := newTestConnOn(t, RoleServer, o, ends{ours, theirs})
	client, _ := newTestConnOn(t, RoleClient, o, ends{theirs, ours})
	message := []byte(compressJSON(20_000))
	dst := make([]byte, 0, 32<<10)
	n := testing.AllocsPerRun(200, func() {
		if err := client.Write(t.Context(), Text, message); err != nil {
			t.Fatal(err)
		}
		if _, got, err := server.AppendRead(t.Context(), dst); !bytes.Equal(got, message) {
			t.Fatal(len(got), err)
		}
		client.calm()
		client.calm()
		if client.sender.deflater.table != nil {
			t.Fatal("it is not idle")
		}
	})
	if n != 0 {
		t.Errorf("%v allocations for a message", n)
	}
}

// TestConnAllocatesOnceForARead: the message itself is all.
func TestConnAllocatesOnceForARead(t *testing.T) {
	ours, theirs := loopback(t)
	server, _ := newTestConnOn(t, RoleServer, Options{}, ends{ours, theirs})
	client, _ := newTestConnOn(t, RoleClient, Options{}, ends{theirs, ours})
	message := bytes.Repeat([]byte("x"), 1000)
	n := testing.AllocsPerRun(1000, func() {
		if err := client.WriteBatch(t.Context(), Message{Type: Text, Data: message}, Message{Type: Text, Data: message}); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, got, err := server.Read(t.Context()); !bytes.Equal(got, message) {
				t.Fatal(got, err)
			}
		}
	})
	if n > 2 {
		t.Errorf("%v allocations for two messages", n)
	}
}

// TestConnAllocatesNothingForLargeWrites: neither masking nor writev copies a
// payload to memory of its own.
func TestConnAllocatesNothingForLargeWrites(t *testing.T) {
	ours, theirs := loopback(t)
	server, _ := newTestConnOn(t, RoleServer, Options{}, ends{ours, theirs})
	client, _ := newTestConnOn(t, RoleClient, Options{}, ends{theirs, ours})
	message := bytes.Repeat([]byte("x"), 20_000)
	dst := make([]byte, 0, 32<<10)
	n := testing.AllocsPerRun(200, func() {
		if err := server.Write(t.Context(), Binary, message); err != nil {
			t.Fatal(err)
		}
		if _, got, err := client.AppendRead(t.Context(), dst); !bytes.Equal(got, message) {
			t.Fatal(len(got), err)
		}
		if err := client.Write(t.Context(), Binary, message); err != nil {
			t.Fatal(err)
		}
		if _, got, err := server.AppendRead(t.Context(), dst); !bytes.Equal(got, message) {
			t.Fatal(len(got), err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations for a round trip", n)
	}
}
