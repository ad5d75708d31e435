package codec

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strconv"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
)

// recordType builds the type Record from the text of record.go.
func recordType(dir string) (reflect.Type, error) {
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, "record.go"), nil, 0)
	if err != nil {
		return nil, err
	}
	var record *ast.StructType
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.TypeSpec); ok && spec.Name.Name == "Record" {
			record, _ = spec.Type.(*ast.StructType)
		}
		return record == nil
	})
	if record == nil {
		return nil, fmt.Errorf("%s/record.go: no struct Record", dir)
	}
	known := map[string]reflect.Type{}
	for _, t := range []reflect.Type{
		reflect.TypeFor[string](), reflect.TypeFor[bool](), reflect.TypeFor[int](),
		reflect.TypeFor[int64](), reflect.TypeFor[uint32](), reflect.TypeFor[uint64](),
	} {
		known[t.Name()] = t
	}
	collect(reflect.TypeFor[rspec.Spec](), known)
	var out []reflect.StructField
	for _, f := range record.Fields.List {
		typ, err := resolve(f.Type, known)
		if err != nil {
			return nil, err
		}
		tag, err := strconv.Unquote(f.Tag.Value)
		if err != nil {
			return nil, err
		}
		for _, name := range f.Names {
			out = append(out, reflect.StructField{Name: name.Name, Type: typ, Tag: reflect.StructTag(tag)})
		}
	}
	return reflect.StructOf(out), nil
}

// collect names every type of the runtime-spec that can be reached from t.
func collect(t reflect.Type, known map[string]reflect.Type) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		collect(t.Elem(), known)
	case reflect.Struct:
		if known["rspec."+t.Name()] != nil {
			return
		}
		known["rspec."+t.Name()] = t
		for i := range t.NumField() {
			collect(t.Field(i).Type, known)
		}
	}
}

// resolve turns a type expression of record.go into the type.
func resolve(expr ast.Expr, known map[string]reflect.Type) (reflect.Type, error) {
	name := ""
	switch e := expr.(type) {
	case *ast.Ident:
		name = e.Name
	case *ast.SelectorExpr:
		name = fmt.Sprint(e.X, ".", e.Sel)
	case *ast.StarExpr:
		elem, err := resolve(e.X, known)
		if err != nil {
			return nil, err
		}
		return reflect.PointerTo(elem), nil
	case *ast.ArrayType:
		elem, err := resolve(e.Elt, known)
		if err != nil {
			return nil, err
		}
		return reflect.SliceOf(elem), nil
	case *ast.MapType:
		elem, err := resolve(e.Value, known)
		if err != nil {
			return nil, err
		}
		return reflect.MapOf(known["string"], elem), nil
	}
	if t := known[name]; t != nil {
		return t, nil
	}
	return nil, fmt.Errorf("record.go: type not understood: %s", name)
}
