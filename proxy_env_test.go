// These are the tests of the proxies that the environment names. It is read once
// in a process (http.ProxyFromEnvironment), so a child dials.

package websocket

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// childDials makes the child what it is: it has the URL.
const childDials = "BAREWIRE_TEST_DIAL"

func TestProxyComesFromTheEnvironment(t *testing.T) {
	if address := os.Getenv(childDials); address != "" {
		dialInChild(t, address)
		return
	}
	good, bad := startEnvProxies(t)
	secret := "http://user:" + stubSecret + "@"
	for name, test := range map[string]struct {
		url  string
		env  []string
		says string
	}{
		"ws":             {"ws://proxied.example/", []string{"HTTP_PROXY=" + good, "HTTPS_PROXY=" + bad}, "dial " + good + "; open"},
		"wss":            {"wss://proxied.example/", []string{"HTTP_PROXY=" + bad, "HTTPS_PROXY=" + good}, "dial " + good + "; open"},
		"lower-case":     {"ws://proxied.example/", []string{"http_proxy=" + good}, "dial " + good + "; open"},
		"with-scheme":    {"wss://proxied.example/", []string{"https_proxy=http://" + good}, "dial " + good + "; open"},
		"not-for-ws":     {"ws://proxied.example/", []string{"HTTPS_PROXY=" + good}, "dial proxied.example:80; refused"},
		"not-for-wss":    {"wss://proxied.example/", []string{"HTTP_PROXY=" + good}, "dial proxied.example:443; refused"},
		"none":           {"ws://proxied.example/", nil, "dial proxied.example:80; refused"},
		"no-proxy":       {"ws://proxied.example/", []string{"HTTP_PROXY=" + good, "NO_PROXY=other.example,.example"}, "dial proxied.example:80; refused"},
		"no-proxy-other": {"ws://proxied.example/", []string{"HTTP_PROXY=" + good, "NO_PROXY=other.example"}, "dial " + good + "; open"},
		"no-proxy-port":  {"wss://proxied.example/", []string{"HTTPS_PROXY=" + good, "NO_PROXY=proxied.example:443"}, "dial proxied.example:443; refused"},
		"localhost":      {"ws://localhost/", []string{"HTTP_PROXY=" + good}, "dial localhost:80; refused"},
		"user":           {"ws://proxied.example/", []string{"HTTP_PROXY=" + secret + good}, "dial " + good + "; open"},
		"refuses":        {"ws://proxied.example/", []string{"HTTP_PROXY=" + secret + bad}, "dial " + bad + "; proxy"},
		"scheme":         {"ws://proxied.example/", []string{"HTTP_PROXY=ftp://user:" + stubSecret + "@" + good}, "url"},
	} {
		t.Run(name, func(t *testing.T) {
			if said := runChild(t, test.url, test.env); !strings.Contains(said, "child: "+test.says+"\n") || strings.Contains(said, stubSecret) {
				t.Errorf("got %q, want %q", said, test.says)
			}
		})
	}
}

// startEnvProxies starts a proxy that knows proxied.example, and one that refuses.
func startEnvProxies(t *testing.T) (good, bad string) {
	p := startProxy(t, openCONNECT, nil)
	p.knows("proxied.example:80", startTarget(t, "ws"))
	p.knows("proxied.example:443", startTarget(t, "wss", "proxied.example"))
	refusing := startProxy(t, func(c net.Conn) (string, error) {
		takeHead(c)
		c.Write([]byte("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"))
		return "", errors.New("refused")
	}, nil)
	return p.address, refusing.address
}

// runChild runs this test in a process of its own and returns what it prints.
func runChild(t *testing.T, address string, env []string) string {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestProxyComesFromTheEnvironment$")
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(strings.ToUpper(v), "="); !strings.HasSuffix(name, "_PROXY") && name != "REQUEST_METHOD" {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(append(cmd.Env, env...), childDials+"="+address, "GORACE=atexit_sleep_ms=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("the child: %v, %s", err, out)
	}
	return string(out)
}

// dialInChild dials with the default Proxy, and prints what came of it. The
// certificate is of another process.
func dialInChild(t *testing.T, address string) {
	d := &Dialer{TLSConfig: &tls.Config{InsecureSkipVerify: true}}
	to, err := parseLocation(address)
	if err != nil {
		t.Fatal(err)
	}
	said := ""
	if r, err := (&attempt{dialer: d, to: to}).route(); err == nil {
		said = "dial " + r.first() + "; "
	}
	var c *Conn
	if strings.HasPrefix(said, "dial 127.0.0.1:") || said == "" {
		c, _, err = d.Dial(t.Context(), address)
	} else {
		err = errTest // there is no such host
	}
	switch {
	case err == nil:
		echoOnce(t, c)
		said += "open"
	case errors.Is(err, errTest):
		said += "refused"
	case errors.Is(err, RuleProxy):
		said += "proxy"
	case errors.Is(err, ErrURL):
		said += "url"
	}
	fmt.Printf("child: %s\nerror: %v\n", said, err)
}

// Who connects by other means, to a Unix socket say, does not mean the proxies of
// the environment.
func TestProxyOfTheEnvironmentIsNotForOwnNetDial(t *testing.T) {
	t.Setenv("HTTP_PROXY", "ftp://proxy.example") // read now or before, it would be an error or another address
	asked := ""
	d := &Dialer{NetDial: func(_ context.Context, _, addr string) (net.Conn, error) {
		asked = addr
		return nil, errTest
	}}
	if _, _, err := d.Dial(t.Context(), "ws://target.example/"); !errors.Is(err, errTest) || asked != "target.example:80" {
		t.Errorf("%q was asked for: %v", asked, err)
	}
}
