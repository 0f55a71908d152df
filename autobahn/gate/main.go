// Command gate compares a report of the Autobahn test suite with autobahn/expected.json and exits with 1 on any
// deviation. autobahn/run calls the same code after each run; this is for a report that is already there.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"barewire.example/websocket/autobahn"
)

func main() {
	if err := gate(os.Stdout, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "autobahn/gate:", err)
		os.Exit(1)
	}
}

func gate(w io.Writer, args []string) error {
	flags := flag.NewFlagSet("gate", flag.ContinueOnError)
	roleName := flags.String("role", "server", "which of our ends was tested")
	dir := flags.String("report", "", "directory of the report (default autobahn/reports/<role>)")
	cases := flags.String("case", "", "judge only these cases, with * as wildcard, separated by commas")
	if err := flags.Parse(args); err != nil {
		return err
	}
	role, err := autobahn.LoadRole(*roleName)
	if err != nil {
		return err
	}
	if *dir == "" {
		*dir = filepath.Join("autobahn", filepath.FromSlash(role.Report))
	}
	result, err := autobahn.Judge(role, *dir, autobahn.SplitPatterns(*cases))
	if err != nil {
		return err
	}
	result.Print(w)
	if !result.Passed() {
		return fmt.Errorf("%s is not as expected; its overview is %s", *dir, filepath.Join(*dir, "index.html"))
	}
	return nil
}
