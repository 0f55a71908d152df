package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"

	"barewire.example/websocket"
)

// ourClient does jobs with the package under test.
type ourClient struct{}

func (ourClient) dial(ctx context.Context, j job) (report, error) {
	var t *tap
	d := websocket.Dialer{Options: websocket.Options{Subprotocols: j.Subprotocols}, Header: http.Header{}}
	d.Compression = j.Compression.compression()
	d.TLSConfig = &tls.Config{RootCAs: x509.NewCertPool()}
	d.TLSConfig.RootCAs.AppendCertsFromPEM([]byte(j.CA))
	if j.Origin != "" {
		d.Header.Set("Origin", j.Origin)
	}
	if j.tapped {
		d.WrapConn = func(nc net.Conn) net.Conn { t = newTap(nc, client); return t }
	}
	r := report{Name: j.Name}
	c, _, err := d.Dial(ctx, j.URL)
	var refused *websocket.HandshakeError
	switch {
	case errors.As(err, &refused):
		r.Refusal = &refusal{refused.Status, string(refused.Body)}
		return r, nil
	case err != nil:
		r.Error = err.Error()
		return r, nil
	}
	defer c.CloseNow()
	r.Opened, r.Subprotocol, r.Compression, r.tap = true, c.Subprotocol(), paramsOf(c.Compression()), t
	for _, s := range j.Steps {
		if err := takeStep(ctx, c, s, &r); err != nil {
			r.Error = fmt.Sprintf("%s: %v", s.Do, err)
			break
		}
	}
	return r, nil
}

// takeStep takes a step of a client and adds to the report what it has seen.
func takeStep(ctx context.Context, c *websocket.Conn, s step, r *report) error {
	switch s.Do {
	case "send":
		return c.Write(ctx, messageType(s.Type), s.Data)
	case "send-fragments":
		return writeFragments(ctx, c, messageType(s.Type), s.Data)
	case "receive":
		kind, data, err := c.Read(ctx)
		if err == nil {
			r.Received = append(r.Received, message{kind.String(), data})
		}
		return err
	case "ping":
		return ping(ctx, c, r)
	case "close":
		if err := c.Close(websocket.CloseCode(s.Code), s.Reason); err != nil {
			return err
		}
		return r.noteEnd(c.Err())
	case "await-close":
		_, data, err := c.Read(ctx)
		if err == nil {
			return fmt.Errorf("a message of %d bytes came instead", len(data))
		}
		return r.noteEnd(err)
	}
	return errors.New("no such step")
}

func messageType(name string) websocket.MessageType {
	if name == "text" {
		return websocket.Text
	}
	return websocket.Binary
}

// writeFragments gives a message away in pieces. The writer cuts it where its buffer ends, whatever they are.
func writeFragments(ctx context.Context, c *websocket.Conn, t websocket.MessageType, data []byte) error {
	w, err := c.NextWriter(ctx, t)
	if err != nil {
		return err
	}
	third := len(data) / 3
	for _, piece := range [][]byte{data[:third], data[third : 2*third], data[2*third:]} {
		if _, err := w.Write(piece); err != nil {
			return errors.Join(err, w.Close())
		}
	}
	return w.Close()
}

func ping(ctx context.Context, c *websocket.Conn, r *report) error {
	_, err := c.Ping(ctx)
	if err == nil {
		r.Pongs++
	}
	return err
}

// noteEnd puts into the report how the connection ended, or returns the error that does not say it.
func (r *report) noteEnd(err error) error {
	status, ok := websocket.CloseStatus(err)
	if !ok {
		return err
	}
	r.Close = &ending{int(status.Code), status.Reason, "self"}
	if status.Remote {
		r.Close.First = "peer"
	}
	return nil
}
