package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed peer.cjs
var nodeProgram []byte

//go:embed peer.py
var pythonProgram []byte

var errMissing = errors.New("not installed")

// A peer is an implementation that nobody here wrote.
type peer struct {
	name    string
	version string   // of its package; empty when it has none
	needs   []string // programs
	// install puts the package into an empty directory.
	install func(ctx context.Context, version, dir string) error
	// start is the process of the program in scratch, with the package from dir.
	start func(ctx context.Context, scratch, dir string) *exec.Cmd
	// meet makes all checks with it.
	meet func(w *world, ctx context.Context, p installed)

	sends          int    // the fewest window bits that it sends with when asked
	serverDefaults params // what its server wants when it is told to compress, and no more
}

var peers = []peer{
	{
		name: "ws", version: "8.23.0", needs: []string{"node", "npm"},
		install: installNode, start: startNode, meet: (*world).meetPeer,
		sends: 8, // with one of 9 bits of which zlib uses no more
	},
	{
		name: "python", version: "17.4", needs: []string{"python3"},
		install: installPython, start: startPython, meet: (*world).meetPeer,
		sends: 9, serverDefaults: params{ServerBits: 12, ClientBits: 12},
	},
	{name: "zlib", needs: []string{"python3"}, start: startZlib, meet: (*world).meetZlib},
}

func installNode(ctx context.Context, version, dir string) error {
	return runQuietly(exec.CommandContext(ctx, "npm", "install", "--prefix", dir,
		"--ignore-scripts", "--no-audit", "--no-fund", "--save-exact", "ws@"+version))
}

func startNode(ctx context.Context, scratch, dir string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "node", filepath.Join(scratch, "peer.cjs"))
	cmd.Env = append(os.Environ(), "NODE_PATH="+filepath.Join(dir, "node_modules"))
	return cmd
}

func installPython(ctx context.Context, version, dir string) error {
	if err := runQuietly(exec.CommandContext(ctx, "python3", "-m", "venv", dir)); err != nil {
		return err
	}
	return runQuietly(exec.CommandContext(ctx, venvPython(dir), "-m", "pip", "install", "--disable-pip-version-check", "websockets=="+version))
}

func startPython(ctx context.Context, scratch, dir string) *exec.Cmd {
	return exec.CommandContext(ctx, venvPython(dir), filepath.Join(scratch, "peer.py"))
}

func venvPython(dir string) string { return filepath.Join(dir, "bin", "python") }

func runQuietly(cmd *exec.Cmd) error {
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, text)
	}
	return nil
}

// installed is a peer with the directory that its package is in.
type installed struct {
	peer
	dir string
}

// prepare installs the package unless that was done before. An error wraps errMissing when programs are not there.
func (p peer) prepare(ctx context.Context) (installed, error) {
	var missing []string
	for _, name := range p.needs {
		if _, err := exec.LookPath(name); err != nil {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return installed{}, fmt.Errorf("peer %s: %s: %w", p.name, strings.Join(missing, ", "), errMissing)
	}
	if p.install == nil {
		return installed{p, ""}, nil
	}
	dir, err := p.directory(ctx)
	if err != nil {
		return installed{}, err
	}
	if _, err := os.Stat(dir); err == nil {
		return installed{p, dir}, nil
	}
	return installed{p, dir}, p.installTo(ctx, dir)
}

// directory has the version of what will run the package in its name, because a virtual environment does not survive a
// newer Python.
func (p peer) directory(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	runtime, err := exec.CommandContext(ctx, p.needs[0], "--version").Output()
	if err != nil {
		return "", fmt.Errorf("%s --version: %w", p.needs[0], err)
	}
	name := strings.Join([]string{p.name, p.version, strings.ReplaceAll(strings.TrimSpace(string(runtime)), " ", "-")}, "-")
	return filepath.Join(cache, "barewire", "interop", name), nil
}

// installTo installs beside dir, so that dir is never there in part.
func (p peer) installTo(ctx context.Context, dir string) error {
	fmt.Printf("interop: installing %s %s\n", p.name, p.version)
	ctx, cancel := context.WithTimeout(ctx, installDeadline)
	defer cancel()
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	fresh, err := os.MkdirTemp(parent, "new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(fresh) // nothing is left of it when all went well
	if err := p.install(ctx, p.version, fresh); err != nil {
		return err
	}
	err = os.Rename(fresh, dir)
	if _, there := os.Stat(dir); there == nil {
		return nil // another run may have been faster
	}
	return err
}
