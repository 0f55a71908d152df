package main

import (
	"bytes"
	"go/ast"
	"regexp"
	"slices"
	"strings"

	"barewire.example/websocket/tools/tree"
)

var (
	// Upper case only, so that prose and the tests of this tool can speak of a todo.
	todo       = regexp.MustCompile(`\bTODO\b(\([^)]+\))?`)
	skip       = regexp.MustCompile(`^Skip(f|Now)?$`)
	machineDir = regexp.MustCompile(`(?:^|[^\w./~-])(/(?:root|work)\b|/(?:home|Users)/\w+|[A-Z]:\\Users\\\w+)`)
)

func checkFileComment(s *source) {
	if !s.root || s.test {
		return
	}
	switch {
	case s.path != "doc.go" && s.file.Doc.Text() != "":
		s.report(s.file.Package, "leave a blank line before the package clause: the package comment is that of doc.go")
	case !beginsWithComment(s.file):
		s.report(s.file.Package, "the file does not begin with a comment that says what it does")
	}
}

// beginsWithComment does not count directives, such as build constraints.
func beginsWithComment(f *ast.File) bool {
	for _, group := range f.Comments {
		if group.Pos() < f.Package && group.Text() != "" {
			return true
		}
	}
	return false
}

func checkGoReasons(s *source) {
	if !s.root || s.test {
		return
	}
	commented := make(map[int]bool)
	for _, group := range s.file.Comments {
		if group.Text() != "" {
			commented[s.line(group.End())] = true
		}
	}
	inspect(s.file, func(g *ast.GoStmt) {
		// The comment of a goroutine that is written out stands at its first line.
		line := s.line(g.Pos())
		if !commented[line] && !commented[line-1] {
			s.report(g.Pos(), "this go statement has no comment that gives its reason")
		}
	})
}

func checkTodos(s *source) {
	for _, group := range s.file.Comments {
		for _, comment := range group.List {
			if bareTodo(comment.Text) {
				s.report(comment.Pos(), "a TODO without its reason: write TODO(reason)")
			}
		}
	}
}

func bareTodo(text string) bool {
	return slices.ContainsFunc(todo.FindAllStringSubmatch(text, -1), func(m []string) bool { return m[1] == "" })
}

func checkSkips(s *source) {
	usesTesting := slices.ContainsFunc(s.file.Imports, func(spec *ast.ImportSpec) bool {
		return spec.Path.Value == `"testing"`
	})
	if !usesTesting {
		return
	}
	inspect(s.file, func(call *ast.CallExpr) {
		if sel, ok := call.Fun.(*ast.SelectorExpr); ok && skip.MatchString(sel.Sel.Name) {
			s.report(sel.Sel.Pos(), "a test must not skip")
		}
	})
}

// checkPaths looks at every text file, whatever its language.
func checkPaths(path string, content []byte) []violation {
	if !tree.IsText(content) {
		return nil
	}
	var found []violation
	for i, line := range bytes.Split(content, []byte("\n")) {
		if m := machineDir.FindSubmatch(line); m != nil {
			found = append(found, violation{path, i + 1, "names a directory of one machine: " + strings.TrimSpace(string(m[1]))})
		}
	}
	return found
}
