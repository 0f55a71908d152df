// Command gate compares reports of the Autobahn test suite with autobahn/expected.json and exits with 1 on any
// deviation. autobahn/run calls the same code after each run; this is for reports that are already there.
package main

import (
	"cmp"
	"errors"
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
	choice := flags.String("role", autobahn.Both, "which of our ends was tested: server, client or both")
	dir := flags.String("report", "", "directory of the report of one role (default autobahn/reports/<role>)")
	cases := flags.String("case", "", "judge only these cases, with * as wildcard, separated by commas; "+autobahn.Quick+": those of make autobahn-quick")
	if err := flags.Parse(args); err != nil {
		return err
	}
	roles, err := autobahn.LoadRoles(*choice)
	if err != nil {
		return err
	}
	if *dir != "" && len(roles) > 1 {
		return errors.New("-report is of one role: say which with -role")
	}
	var sums []string
	var errs []error
	for _, role := range roles {
		sum, err := judge(w, role, *dir, autobahn.SplitPatterns(*cases))
		sums = append(sums, cmp.Or(sum, role.Name+": no report: FAILED"))
		errs = append(errs, err)
	}
	for _, sum := range sums {
		fmt.Fprintln(w, sum)
	}
	return errors.Join(errs...)
}

// judge returns the line that sums up one role, unless there was nothing to judge.
func judge(w io.Writer, role *autobahn.Role, dir string, patterns []string) (string, error) {
	if dir == "" {
		dir = filepath.Join("autobahn", filepath.FromSlash(role.Report))
	}
	result, err := autobahn.Judge(role, dir, patterns)
	if err != nil {
		return "", fmt.Errorf("%s: %w", role.Name, err)
	}
	result.Print(w)
	if !result.Passed() {
		err = fmt.Errorf("%s is not as expected; its overview is %s", dir, filepath.Join(dir, "index.html"))
	}
	return result.Sum(), err
}
