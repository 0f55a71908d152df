package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
)

// A source is one Go file and what was found in it.
type source struct {
	path      string
	fset      *token.FileSet
	file      *ast.File
	lines     int
	test      bool // its name ends in _test.go
	root      bool // it stands in the root directory
	generated bool
	found     []violation
}

func parse(path string, content []byte) (*source, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, content, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	return &source{
		path:      path,
		fset:      fset,
		file:      file,
		lines:     bytes.Count(content, []byte("\n")),
		test:      strings.HasSuffix(path, "_test.go"),
		root:      !strings.Contains(path, "/"),
		generated: ast.IsGenerated(file),
	}, nil
}

func (s *source) line(pos token.Pos) int {
	return s.fset.Position(pos).Line
}

func (s *source) report(pos token.Pos, format string, args ...any) {
	s.found = append(s.found, violation{s.path, s.line(pos), fmt.Sprintf(format, args...)})
}

// inspect calls visit for every node of type T.
func inspect[T ast.Node](root ast.Node, visit func(T)) {
	ast.Inspect(root, func(n ast.Node) bool {
		if node, ok := n.(T); ok {
			visit(node)
		}
		return true
	})
}
