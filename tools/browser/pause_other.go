//go:build !unix

package main

import "errors"

func (s *server) pause() error {
	return errors.New("this system cannot stop a process and continue it")
}

func (s *server) resume() error { return s.pause() }
