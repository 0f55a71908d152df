// This file makes connections with TLS for the tests.

package websocket

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"
)

// testCertificate is self-signed, for the host "test.example".
var testCertificate = sync.OnceValues(func() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		DNSNames:     []string{"test.example"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
})

// tlsPair returns the two ends of a TLS connection on loopback, behind its
// handshake. wrap, if there is one, comes between the first end and its socket.
func tlsPair(t *testing.T, wrap func(net.Conn) net.Conn) (ours, theirs *tls.Conn) {
	t.Helper()
	cert, err := testCertificate()
	if err != nil {
		t.Fatal(err)
	}
	var a net.Conn
	a, b := loopback(t)
	if wrap != nil {
		a = wrap(a)
	}
	ours = tls.Client(a, &tls.Config{InsecureSkipVerify: true})
	theirs = tls.Server(b, &tls.Config{Certificates: []tls.Certificate{cert}})
	var both sync.WaitGroup
	for _, end := range []*tls.Conn{ours, theirs} {
		both.Go(func() {
			if err := end.Handshake(); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	return ours, theirs
}
