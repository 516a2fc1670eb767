// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

// Package docs holds the pages beside the README, and the tests that keep the
// code and the error texts in the documentation true.
package docs

import (
	"go/ast"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// read returns a file of the source tree, and skips the test where there is none,
// since test binaries also run alone on other systems.
func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", name))
	if err != nil {
		if _, err := os.Stat(filepath.Join("..", "go.mod")); err != nil {
			t.Skip("there is no source tree here")
		}
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}

// fenced returns the blocks of Go code in a page.
func fenced(page string) (blocks []string) {
	const fence = "```"
	for {
		_, rest, found := strings.Cut(page, fence+"go\n")
		if !found {
			return blocks
		}
		block, rest, _ := strings.Cut(rest, fence)
		blocks = append(blocks, block)
		page = rest
	}
}

// indented returns the blocks of code in the documentation of a Go file: of the
// package, and of what it exports.
func indented(t *testing.T, src string) (blocks []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "", src, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{f.Doc.Text()}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() {
				texts = append(texts, d.Doc.Text())
			}
		case *ast.GenDecl:
			if slices.ContainsFunc(d.Specs, exported) {
				texts = append(texts, d.Doc.Text())
			}
		}
	}
	for _, text := range texts {
		for _, b := range new(comment.Parser).Parse(text).Content {
			if code, ok := b.(*comment.Code); ok {
				blocks = append(blocks, code.Text)
			}
		}
	}
	return blocks
}

func exported(spec ast.Spec) bool {
	switch s := spec.(type) {
	case *ast.TypeSpec:
		return s.Name.IsExported()
	case *ast.ValueSpec:
		return slices.ContainsFunc(s.Names, (*ast.Ident).IsExported)
	}
	return false
}

// paragraphs returns the paragraphs of a block of code, each without what all its
// lines are indented by.
func paragraphs(block string) (list []string) {
	for _, p := range strings.Split(strings.Trim(block, "\n"), "\n\n") {
		if p = strings.Trim(p, "\n"); p != "" {
			list = append(list, outdent(strings.Split(p, "\n")))
		}
	}
	return list
}

func outdent(lines []string) string {
	least := len(lines[0])
	for _, line := range lines {
		if line != "" {
			least = min(least, len(line)-len(strings.TrimLeft(line, "\t")))
		}
	}
	var out []string
	for _, line := range lines {
		out = append(out, line[min(least, len(line)):])
	}
	return strings.Join(out, "\n")
}

// has reports whether a file has these paragraphs, in this order and word for
// word but for indentation.
func has(lines, paragraphs []string) bool {
	for _, p := range paragraphs {
		n := strings.Count(p, "\n") + 1
		at := -1
		for i := 0; at < 0 && i+n <= len(lines); i++ {
			if outdent(lines[i:i+n]) == p {
				at = i
			}
		}
		if at < 0 {
			return false
		}
		lines = lines[at+n:]
	}
	return true
}

// compiled returns the lines of each Go file whose code the documentation may
// show: the examples, and tests.
func compiled(t *testing.T) (files [][]string) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); name != ".." && strings.HasPrefix(name, ".") || name == "bench" {
				return filepath.SkipDir // other modules
			}
			return nil
		}
		examples := filepath.Join("..", "examples") + string(filepath.Separator)
		if strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, examples) && strings.HasSuffix(path, ".go") {
			text := read(t, strings.TrimPrefix(path, ".."+string(filepath.Separator)))
			files = append(files, strings.Split(text, "\n"))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestEveryBlockOfCodeIsTakenFromAFileThatIsCompiled(t *testing.T) {
	pages := map[string][]string{
		"README.md":       fenced(read(t, "README.md")),
		"CONTRIBUTING.md": fenced(read(t, "CONTRIBUTING.md")),
		"docs/faq.md":     fenced(read(t, "docs/faq.md")),
		"docs/instead.md": fenced(read(t, "docs/instead.md")),
		"docs/porting.md": fenced(read(t, "docs/porting.md")),
		"docs/systems.md": fenced(read(t, "docs/systems.md")),
	}
	sources, err := filepath.Glob(filepath.Join("..", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range sources {
		if name := filepath.Base(path); !strings.HasSuffix(name, "_test.go") {
			pages[name] = indented(t, read(t, name))
		}
	}
	for _, name := range []string{"README.md", "docs/faq.md", "docs/instead.md", "docs/porting.md", "doc.go", "try.go"} {
		if len(pages[name]) == 0 {
			t.Errorf("no block of code was found in %s", name)
		}
	}
	files := compiled(t)
	for name, blocks := range pages {
		for _, block := range blocks {
			list := paragraphs(block)
			if !slices.ContainsFunc(files, func(lines []string) bool { return has(lines, list) }) {
				t.Errorf("%s has code that no example and no test has word for word:\n%s", name, block)
			}
		}
	}
}

// What stands below "A complete program" is all that a reader copies.
func TestTheProgramOfTheReadmeIsWhole(t *testing.T) {
	_, program, found := strings.Cut(read(t, "examples/first/main.go"), "\npackage main\n")
	if program = "package main\n" + program; !found || !slices.Contains(fenced(read(t, "README.md")), program) {
		t.Error("README.md doesn't have all of examples/first/main.go")
	}
	if n := strings.Count(program, "\n"); n > 35 {
		t.Errorf("it has %d lines, which is more than 35", n)
	}
}

var link = regexp.MustCompile(`\]\(([^)\s]*)\)`)

// Every link between the pages leads to a file that is there, and to a heading in
// it.
func TestLinksLeadSomewhere(t *testing.T) {
	pages := []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "bench/README.md",
		"docs/faq.md", "docs/instead.md", "docs/porting.md", "docs/systems.md"}
	for _, page := range pages {
		for _, m := range link.FindAllStringSubmatch(read(t, page), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			file, anchor, _ := strings.Cut(m[1], "#")
			target := page
			if file != "" {
				target = path.Join(path.Dir(page), file)
			}
			if info, err := os.Stat(filepath.Join("..", target)); err != nil {
				t.Errorf("%s: %v", page, err)
			} else if anchor != "" && (info.IsDir() || !slices.Contains(anchors(read(t, target)), anchor)) {
				t.Errorf("%s: %s has no heading %q", page, target, anchor)
			}
		}
	}
}

// anchors returns what GitHub makes of a page's headings.
func anchors(page string) (list []string) {
	for _, line := range strings.Split(page, "\n") {
		if text := strings.TrimLeft(line, "#"); text != line && strings.HasPrefix(text, " ") {
			list = append(list, strings.Map(func(r rune) rune {
				switch {
				case r == ' ':
					return '-'
				case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
					return unicode.ToLower(r)
				}
				return -1
			}, text[1:]))
		}
	}
	return list
}
