// Copyright (c) 2026 The selectors authors. All rights reserved.
// Use of this source code is governed by a BSD-style license that can be
// found in the LICENSE file.

// Command api compares the package's exported names and their types, on each
// system, with api/selectors.txt. It fails when one is missing, new or changed.
//
//	go -C .ci/tools run ./api           # compare
//	go -C .ci/tools run ./api -update   # write the file anew
package main

import (
	"bytes"
	"flag"
	"fmt"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"log"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
)

const (
	pkgPath = "github.com/go-selectors/selectors"
	root    = "../.." // of the repository, seen from .ci/tools
	file    = root + "/api/selectors.txt"
	update  = "go -C .ci/tools run ./api -update"
	heading = "# What package selectors exports. Where systems follow a name, only they have it.\n# Made by: " + update + "\n"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("api: ")
	write := flag.Bool("update", false, "write the file anew")
	flag.Parse()

	systems := systems()
	on := map[string][]string{} // the systems that have a name
	for _, s := range systems {
		for _, name := range exported(s) {
			on[name] = append(on[name], s.os)
		}
	}
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(on)) {
		if len(on[name]) < len(systems) {
			name += "  [" + strings.Join(on[name], " ") + "]"
		}
		lines = append(lines, name)
	}
	text := heading + strings.Join(lines, "\n") + "\n"

	if *write {
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			log.Fatal(err)
		}
		return
	}
	old, err := os.ReadFile(file)
	if err != nil {
		log.Fatal(err)
	}
	if string(old) == text {
		return
	}
	oldLines, newLines := strings.Split(string(old), "\n"), strings.Split(text, "\n")
	for _, line := range oldLines {
		if !slices.Contains(newLines, line) {
			fmt.Println("missing: " + line)
		}
	}
	for _, line := range newLines {
		if !slices.Contains(oldLines, line) {
			fmt.Println("new:     " + line)
		}
	}
	log.Fatal("the package and api/selectors.txt differ. If that is meant: " + update)
}

// A system is a GOOS, and one GOARCH of it: no exported name depends on the CPU.
type system struct{ os, arch string }

func systems() []system {
	out, err := exec.Command("go", "tool", "dist", "list").Output()
	if err != nil {
		log.Fatal("go tool dist list: ", err)
	}
	var list []system
	for _, target := range strings.Fields(string(out)) {
		os, arch, _ := strings.Cut(target, "/")
		if len(list) == 0 || list[len(list)-1].os != os {
			list = append(list, system{os, arch})
		}
	}
	return list
}

// exported returns a line for each exported name of the package on a system.
func exported(s system) []string {
	list := exec.Command("go", "list", "-deps", "-export", "-f", "{{.ImportPath}} {{.Export}}", ".")
	list.Dir = root
	list.Env = append(os.Environ(), "GOOS="+s.os, "GOARCH="+s.arch, "CGO_ENABLED=0")
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		log.Fatalf("go list for %s/%s: %v", s.os, s.arch, err)
	}
	compiled := map[string]string{}
	for line := range strings.Lines(string(out)) {
		path, export, _ := strings.Cut(strings.TrimSpace(line), " ")
		compiled[path] = export
	}
	open := func(path string) (io.ReadCloser, error) { return os.Open(compiled[path]) }
	pkg, err := importer.ForCompiler(token.NewFileSet(), "gc", open).Import(pkgPath)
	if err != nil {
		log.Fatalf("%s/%s: %v", s.os, s.arch, err)
	}

	var lines []string
	for _, name := range pkg.Scope().Names() {
		if token.IsExported(name) {
			lines = append(lines, describe(pkg, pkg.Scope().Lookup(name))...)
		}
	}
	return lines
}

func describe(pkg *types.Package, obj types.Object) []string {
	short := func(p *types.Package) string {
		if p == pkg {
			return ""
		}
		return p.Path()
	}
	typ := func(t types.Type) string { return types.TypeString(t, short) }
	signature := func(f types.Object) string {
		var b bytes.Buffer
		types.WriteSignature(&b, f.Type().(*types.Signature), short)
		return b.String()
	}

	switch obj := obj.(type) {
	case *types.Const:
		return []string{fmt.Sprintf("const %s %s = %s", obj.Name(), typ(obj.Type()), obj.Val().ExactString())}
	case *types.Var:
		return []string{"var " + obj.Name() + " " + typ(obj.Type())}
	case *types.Func:
		return []string{"func " + obj.Name() + signature(obj)}
	}

	var lines []string
	t := obj.Type()
	switch u := t.Underlying().(type) {
	case *types.Struct:
		lines = append(lines, "type "+obj.Name()+" struct")
		for f := range u.Fields() {
			if f.Exported() {
				lines = append(lines, "type "+obj.Name()+" struct, "+f.Name()+" "+typ(f.Type()))
			}
		}
	case *types.Interface:
		lines = append(lines, "type "+obj.Name()+" interface")
		for m := range u.Methods() {
			lines = append(lines, "type "+obj.Name()+" interface, "+m.Name()+signature(m))
		}
		return lines
	default:
		lines = append(lines, "type "+obj.Name()+" "+typ(u))
	}
	ofValue := types.NewMethodSet(t)
	for sel := range types.NewMethodSet(types.NewPointer(t)).Methods() {
		m := sel.Obj()
		if !m.Exported() {
			continue
		}
		receiver := "*" + obj.Name()
		if ofValue.Lookup(pkg, m.Name()) != nil {
			receiver = obj.Name()
		}
		lines = append(lines, "method ("+receiver+") "+m.Name()+signature(m))
	}
	return lines
}
