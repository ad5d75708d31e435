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

// recordTypes builds the struct types of record.go from its text, and gives
// their names.
func recordTypes(dir string) (map[reflect.Type]string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, "record.go"), nil, 0)
	if err != nil {
		return nil, err
	}
	r := resolver{known: map[string]reflect.Type{}, ours: map[string]*ast.StructType{}}
	for _, t := range []reflect.Type{
		reflect.TypeFor[string](), reflect.TypeFor[bool](), reflect.TypeFor[int](),
		reflect.TypeFor[int64](), reflect.TypeFor[uint32](), reflect.TypeFor[uint64](),
	} {
		r.known[t.Name()] = t
	}
	collect(reflect.TypeFor[rspec.Spec](), r.known)
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.TypeSpec); ok {
			if body, ok := spec.Type.(*ast.StructType); ok {
				r.ours[spec.Name.Name] = body
			}
		}
		return true
	})
	names := map[reflect.Type]string{}
	for name := range r.ours {
		t, err := r.named(name)
		if err != nil {
			return nil, err
		}
		names[t] = name
	}
	return names, nil
}

// resolver turns type expressions of record.go into types.
type resolver struct {
	known map[string]reflect.Type
	ours  map[string]*ast.StructType // not all of them built yet
}

// named finds a type by name, and builds it if it is one of record.go's.
func (r *resolver) named(name string) (reflect.Type, error) {
	if t := r.known[name]; t != nil {
		return t, nil
	}
	body := r.ours[name]
	if body == nil {
		return nil, fmt.Errorf("record.go: type not understood: %s", name)
	}
	var out []reflect.StructField
	for _, f := range body.Fields.List {
		typ, err := r.resolve(f.Type)
		if err != nil {
			return nil, err
		}
		if f.Tag == nil {
			return nil, fmt.Errorf("record.go: %s has a field without a tag", name)
		}
		tag, err := strconv.Unquote(f.Tag.Value)
		if err != nil {
			return nil, err
		}
		for _, field := range f.Names {
			out = append(out, reflect.StructField{Name: field.Name, Type: typ, Tag: reflect.StructTag(tag)})
		}
	}
	r.known[name] = reflect.StructOf(out)
	return r.known[name], nil
}

func (r *resolver) resolve(expr ast.Expr) (reflect.Type, error) {
	switch e := expr.(type) {
	case *ast.Ident:
		return r.named(e.Name)
	case *ast.SelectorExpr:
		return r.named(fmt.Sprint(e.X, ".", e.Sel))
	case *ast.StarExpr:
		elem, err := r.resolve(e.X)
		if err != nil {
			return nil, err
		}
		return reflect.PointerTo(elem), nil
	case *ast.ArrayType:
		elem, err := r.resolve(e.Elt)
		if err != nil {
			return nil, err
		}
		return reflect.SliceOf(elem), nil
	case *ast.MapType:
		elem, err := r.resolve(e.Value)
		if err != nil {
			return nil, err
		}
		return reflect.MapOf(r.known["string"], elem), nil
	}
	return nil, fmt.Errorf("record.go: type not understood: %T", expr)
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
