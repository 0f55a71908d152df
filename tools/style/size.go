package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
)

const (
	maxFileLines  = 350
	maxParameters = 4
	maxNesting    = 3
	maxLength     = 60
	maxLength90   = 35
	maxMedian     = 12
)

func checkFileLength(s *source) {
	if s.lines > maxFileLines {
		s.report(s.file.Package, "the file has %d lines, the limit is %d", s.lines, maxFileLines)
	}
}

func checkParameters(s *source) {
	inspect(s.file, func(f *ast.FuncType) {
		n := 0
		for _, field := range f.Params.List {
			n += max(1, len(field.Names))
		}
		if n > maxParameters {
			s.report(f.Pos(), "%d parameters, the limit is %d", n, maxParameters)
		}
	})
}

func checkNesting(s *source) {
	inspect(s.file, func(f *ast.FuncDecl) {
		if f.Body == nil {
			return
		}
		var deepest nest
		ast.Walk(nester{deepest: &deepest}, f.Body)
		if deepest.depth > maxNesting {
			s.report(deepest.pos, "nesting is %d deep in %s, the limit is %d", deepest.depth, f.Name.Name, maxNesting)
		}
	})
}

// A nest is a place and how many statements stand around it, itself included.
type nest struct {
	depth int
	pos   token.Pos
}

// nester walks a function and remembers the deepest statement.
type nester struct {
	depth   int
	deepest *nest
}

func (v nester) inside(n ast.Node) nester {
	v.depth++
	if v.depth > v.deepest.depth {
		*v.deepest = nest{v.depth, n.Pos()}
	}
	return v
}

// Visit implements ast.Visitor.
func (v nester) Visit(n ast.Node) ast.Visitor {
	switch n := n.(type) {
	case *ast.FuncLit:
		return nester{deepest: v.deepest}
	case *ast.ForStmt, *ast.RangeStmt, *ast.SwitchStmt, *ast.TypeSwitchStmt, *ast.SelectStmt:
		return v.inside(n)
	case *ast.IfStmt:
		v.walkIf(n)
		return nil
	}
	return v
}

// walkIf goes through an if statement by hand, because the else branch of "else if" is no deeper than the statement.
func (v nester) walkIf(n *ast.IfStmt) {
	in := v.inside(n)
	if n.Init != nil {
		ast.Walk(in, n.Init)
	}
	ast.Walk(in, n.Cond)
	ast.Walk(in, n.Body)
	if elseIf, ok := n.Else.(*ast.IfStmt); ok {
		ast.Walk(v, elseIf)
	} else if n.Else != nil {
		ast.Walk(in, n.Else)
	}
}

// A function is one measured function.
type function struct {
	source *source
	name   string
	pos    token.Pos
	length int
}

// lengths are all functions, of tests and of code that is not a test, each sorted by length.
type lengths struct {
	code, tests []function
}

func measure(sources []*source) lengths {
	var all lengths
	for _, s := range sources {
		for _, decl := range s.file.Decls {
			if s.test {
				all.tests = append(all.tests, functions(s, decl)...)
			} else {
				all.code = append(all.code, functions(s, decl)...)
			}
		}
	}
	byLength := func(a, b function) int { return a.length - b.length }
	slices.SortStableFunc(all.code, byLength)
	slices.SortStableFunc(all.tests, byLength)
	return all
}

// functions returns the outermost functions of a declaration: itself, or the literals in its values.
func functions(s *source, decl ast.Decl) []function {
	if f, ok := decl.(*ast.FuncDecl); ok {
		if f.Body == nil {
			return nil
		}
		return []function{{s, f.Name.Name, f.Pos(), bodyLines(s, f.Body)}}
	}
	var found []function
	ast.Inspect(decl, func(n ast.Node) bool {
		f, ok := n.(*ast.FuncLit)
		if ok {
			found = append(found, function{s, "a function literal", f.Pos(), bodyLines(s, f.Body)})
		}
		return !ok
	})
	return found
}

// bodyLines counts a body on the line of its braces as one line, when there is anything in it.
func bodyLines(s *source, body *ast.BlockStmt) int {
	between := s.line(body.Rbrace) - s.line(body.Lbrace) - 1
	if len(body.List) > 0 {
		return max(1, between)
	}
	return max(0, between)
}

// quantile returns the smallest length that at least percent of all functions keep to.
func quantile(sorted []function, percent int) function {
	if len(sorted) == 0 {
		return function{}
	}
	return sorted[max(1, (len(sorted)*percent+99)/100)-1]
}

func (l lengths) violations() []violation {
	var found []violation
	for _, f := range slices.Concat(l.code, l.tests) {
		if f.length > maxLength {
			found = append(found, f.violation("%s has %d lines, the limit is %d", maxLength))
		}
	}
	if f := quantile(l.code, 90); f.length > maxLength90 {
		found = append(found, f.violation("90 %% of functions must be shorter: %s has %d lines, the limit is %d", maxLength90))
	}
	if f := quantile(l.code, 50); f.length > maxMedian {
		found = append(found, f.violation("the median function is too long: %s has %d lines, the limit is %d", maxMedian))
	}
	return found
}

func (f function) violation(format string, limit int) violation {
	return violation{f.source.path, f.source.line(f.pos), fmt.Sprintf(format, f.name, f.length, limit)}
}

func (l lengths) String() string {
	return fmt.Sprintf("%d functions, median %d lines, 90 %% at most %d, longest %d; %d in tests, longest %d",
		len(l.code), quantile(l.code, 50).length, quantile(l.code, 90).length, quantile(l.code, 100).length,
		len(l.tests), quantile(l.tests, 100).length)
}
