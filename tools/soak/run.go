package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

const (
	minute      = time.Minute     // at most between two reports
	reports     = 4               // at least
	sampleEvery = 5 * time.Second // at most between two samples
	endWithin   = 3 * time.Minute
)

// A soak is a run.
type soak struct {
	load
	server                  *process
	baseOwn, baseServer     usage
	samplesOwn, samplesPeer []usage
}

// run starts everything, and leaves nothing behind.
func run(opt options, out io.Writer) (err error) {
	begun := time.Now()
	fmt.Fprintf(out, "soak: %d connections for %v; seed %d\n", opt.conns, opt.time, opt.seed)
	server, err := startProcess()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	s := &soak{load: load{options: opt, addrs: server.addrs, out: out}, server: server}
	if s.proxy, err = startProxy(); err != nil {
		return err
	}
	defer s.proxy.stop()
	if err := s.warmUp(); err != nil {
		return err
	}
	if err := s.keepBusy(); err != nil {
		return err
	}
	fmt.Fprintf(out, "soak: %v\n", &s.load)
	err = errors.Join(s.verdict(), s.settle(), s.checkServer(), named("the clients", judge(s.samplesOwn)), named("the server", judge(s.samplesPeer)))
	if err == nil {
		fmt.Fprintf(out, "soak: passed in %.1f s\n", time.Since(begun).Seconds())
	}
	return err
}

func named(who string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", who, err)
	}
	return nil
}

// keepBusy lets all clients come, stay as long as watch does, and go.
func (s *soak) keepBusy() error {
	busy, leave := context.WithCancel(context.Background())
	defer leave()
	s.start(busy, s.time/8)
	err := s.watch()
	leave()
	ended := make(chan struct{})
	go func() {
		s.all.Wait()
		close(ended)
	}()
	timer := time.NewTimer(endWithin)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
		err = errors.Join(err, fmt.Errorf("some connections do not end within %v", endWithin))
	}
	return err
}

// warmUp has both sides open once what they keep ever after, and notes what they hold then.
func (s *soak) warmUp() (err error) {
	if s.baseOwn, s.baseServer, err = s.usages(""); err != nil {
		return err
	}
	for _, addr := range s.addrs {
		if err := attacks[0].run(addr, func() { s.broken.Add(1) }); err != nil {
			return err
		}
	}
	own, server, err := s.await(func(own, server usage) bool {
		return own.goroutines == s.baseOwn.goroutines && server.goroutines == s.baseServer.goroutines
	})
	if err != nil {
		return fmt.Errorf("after a connection to each listener: %w", err)
	}
	s.baseOwn, s.baseServer = own, server
	own, server, err = s.sample()
	s.baseOwn.heap, s.baseServer.heap = own.heap, server.heap
	return err
}

// usages are those of both sides, after the server has obeyed a command or none.
func (s *soak) usages(command string) (own, server usage, err error) {
	own, err = ownUsage()
	server, failed := s.server.usage(command)
	return own, server, errors.Join(err, failed)
}

// sample is usages without the memory that is resident only because Go will use it again: when it is given back to the
// system is a matter of chance, and more than what connections need.
func (s *soak) sample() (own, server usage, err error) {
	trim()
	return s.usages(trimCommand)
}

// watch takes samples and prints reports until the time is over.
func (s *soak) watch() error {
	begun := time.Now()
	every := min(s.time/minSamples, sampleEvery)
	eachReport := max(1, int(min(s.time/reports, minute)/every))
	pace := time.NewTicker(every)
	defer pace.Stop()
	for n := range int(s.time / every) {
		<-pace.C
		own, server, err := s.sample()
		if err != nil {
			return err
		}
		s.samplesOwn, s.samplesPeer = append(s.samplesOwn, own), append(s.samplesPeer, server)
		if (n+1)%eachReport == 0 {
			s.report(time.Since(begun))
		}
	}
	return nil
}

// report prints the last sample of each side.
func (s *soak) report(after time.Duration) {
	p99, n := s.echoes.take()
	own, server := s.samplesOwn[len(s.samplesOwn)-1], s.samplesPeer[len(s.samplesPeer)-1]
	fmt.Fprintf(s.out, "soak: after %v: server %v; clients %v; p99 %v of %d echoes\n",
		after.Round(time.Second), server, own, p99.Round(10*time.Microsecond), n)
}

// settle waits until both sides hold again exactly what they held without clients.
func (s *soak) settle() error {
	s.proxy.drop()
	if _, _, err := s.await(func(own, server usage) bool {
		return own.sameCounts(s.baseOwn) && server.sameCounts(s.baseServer)
	}); err != nil {
		return fmt.Errorf("when all clients have left: %w", err)
	}
	own, server, err := s.sample()
	fmt.Fprintf(s.out, "soak: without clients: server %v; clients %v\n", server, own)
	return errors.Join(err, named("the server", s.wantFreed(s.baseServer, server)), named("the clients", s.wantFreed(s.baseOwn, own)))
}

// wantFreed wants almost all memory to be free again that connections have used. What Go keeps for the next goroutines is
// about 1 KiB for each connection that there was at a time; what grows with the number of connections that there ever were is a leak.
func (s *soak) wantFreed(base, now usage) error {
	if limit := base.heap + 1<<20 + int64(s.conns)<<11; now.heap > limit {
		return fmt.Errorf("when all have left %d bytes are in use, beyond %d; at first there were %d", now.heap, limit, base.heap)
	}
	return nil
}

// await looks at what both sides hold until it is good.
func (s *soak) await(good func(own, server usage) bool) (own, server usage, err error) {
	timer := time.NewTimer(s.patience)
	defer timer.Stop()
	pace := time.NewTicker(100 * time.Millisecond)
	defer pace.Stop()
	for {
		own, server, err = s.usages("")
		if err != nil || good(own, server) {
			return own, server, err
		}
		select {
		case <-pace.C:
		case <-timer.C:
			return own, server, fmt.Errorf("the server holds %v, not %v; the clients' side %v, not %v", server, s.baseServer, own, s.baseOwn)
		}
	}
}

// checkServer wants what the server has noted to agree with what was done to it.
func (s *soak) checkServer() error {
	told, err := s.server.ask("")
	if err != nil {
		return err
	}
	if want := s.broken.Load(); told.Broken != want {
		err = fmt.Errorf("the server has noted %d broken rules, there were %d", told.Broken, want)
	}
	if told.Odd > 0 {
		err = errors.Join(err, fmt.Errorf("at the server %d connections ended for other reasons, the first: %s", told.Odd, told.Why))
	}
	if told.Conns != 0 {
		err = errors.Join(err, fmt.Errorf("the server still has %d connections", told.Conns))
	}
	return err
}
