/*
Package specs reads, checks and writes the documents of the OCI runtime-spec.

# What

A configuration comes in through Load, which reads and decodes it, and Check,
which holds it to the rules; what comes out is data that the rest of the
project may rely on. State, features and our own record go the other way.

	Load, LoadProcess, LoadResources     a file → a Go value
	Decode*, Append*, Indent             JSON text ⇄ a Go value
	Check, CheckProcess, CheckResources,
	CheckIDMappings, CheckID             a value → the first rule it breaks
	ParseMountOptions, ParseIDMapping    strings → what they mean
	Example, ExampleRootless, Features   values that others read

# Shapes

The Go types are those of the module runtime-spec. codec_gen.go is generated
from them, and from the structs of record.go; nothing here uses reflection at
run time, because a start cannot afford it. An absent field is a nil pointer or
the zero value. The parts for other platforms (windows, vm, ...) are nil or
empty: only their presence is known.

Strings of a decoded value share the memory of one copy of the text.

# Units

As in the runtime-spec: memory in bytes, -1 for no limit; CPU times in µs;
block IO weights 10 to 1000 and CPU shares on the scale of cgroup v1; file
modes and umask are plain numbers. Mappings tell container ids from host ids by
name. Paths in the container are absolute there; a rootfs, and the source of a
bind mount, may be relative to the bundle. Config.Bundle is absolute.

# Errors

Every error is an *Error of Kind ErrInvalid or ErrUnsupported. One from a
decoder has line and column in Problem; one from a file has Path; Field is the
JSON pointer (RFC 6901) of the value at fault, below whatever field the caller
passed. Nothing is ever left behind: the package opens files for reading, and
closes them.

Warnings are what the runtime-spec wants to be logged and no more: Check
returns them as text, each beginning with its field.

# Sources

The runtime-spec v1.3.0: config.md, config-linux.md, runtime.md, features.md.
The man pages mount_setattr(2), fsconfig(2), user_namespaces(7),
capabilities(7), sched_setattr(2), seccomp(2). JSON: RFC 8259.

# Not here

Questions to the kernel: whether a path exists, a controller is enabled, a
namespace file is of its type, a network namespace is the host's. Package libct
asks them. Defaults, too, are settled there.
*/
package specs
