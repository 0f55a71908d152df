package main

import (
	"go/ast"
	"go/token"
	"regexp"
)

var (
	// A word of a path ends at a slash, an underscore or a dot: util.go, net_util.go, common/x.go.
	vagueName = regexp.MustCompile(`(^|[/_])(utils?|common|helpers?|managers?)([/_.]|$)`)
	getName   = regexp.MustCompile(`^Get($|[^a-z])`)
)

// wellKnown are methods whose doc comment would only repeat what every Go programmer knows.
var wellKnown = map[string]bool{"Error": true, "String": true, "Unwrap": true}

func checkFileName(s *source) {
	if m := vagueName.FindStringSubmatch(s.path); m != nil {
		s.report(s.file.Package, "a file called after %q says nothing about what is in it", m[2])
	}
}

func checkGetNames(s *source) {
	if s.test {
		return
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			refuseGet(s, n.Name)
		case *ast.TypeSpec:
			refuseGet(s, n.Name)
		case *ast.ValueSpec:
			refuseGet(s, n.Names...)
		case *ast.Field:
			refuseGet(s, n.Names...)
		}
		return true
	})
}

func refuseGet(s *source, names ...*ast.Ident) {
	for _, name := range names {
		if getName.MatchString(name.Name) {
			s.report(name.Pos(), "%s: name the thing, without Get", name.Name)
		}
	}
}

func checkDocs(s *source) {
	if s.test {
		return
	}
	for _, decl := range s.file.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			isMethod := decl.Recv != nil
			if receiverIsExported(decl) && !(isMethod && wellKnown[decl.Name.Name]) {
				wantDoc(s, decl.Name, decl.Doc)
			}
		case *ast.GenDecl:
			checkSpecDocs(s, decl)
		}
	}
}

func checkSpecDocs(s *source, decl *ast.GenDecl) {
	for _, spec := range decl.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			doc := spec.Doc
			if doc == nil && decl.Lparen == token.NoPos {
				doc = decl.Doc
			}
			wantDoc(s, spec.Name, doc)
		case *ast.ValueSpec:
			for _, name := range spec.Names {
				wantDoc(s, name, spec.Doc, spec.Comment, decl.Doc)
			}
		}
	}
}

// wantDoc accepts any of the comments that may stand for a doc comment.
func wantDoc(s *source, name *ast.Ident, docs ...*ast.CommentGroup) {
	if !name.IsExported() {
		return
	}
	for _, doc := range docs {
		if doc.Text() != "" {
			return
		}
	}
	s.report(name.Pos(), "%s is exported and has no doc comment", name.Name)
}

// receiverIsExported is also true of functions, which have no receiver.
func receiverIsExported(f *ast.FuncDecl) bool {
	if f.Recv == nil || len(f.Recv.List) == 0 {
		return true
	}
	base := f.Recv.List[0].Type
	for {
		switch t := base.(type) {
		case *ast.StarExpr:
			base = t.X
		case *ast.IndexExpr: // T[P]
			base = t.X
		case *ast.IndexListExpr: // T[P, Q]
			base = t.X
		case *ast.Ident:
			return t.IsExported()
		default:
			return true
		}
	}
}
