package specs

import (
	"path/filepath"
	"strconv"
	"syscall"

	rspec "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// SpecVersion is the version of the runtime-spec that this package knows. It
// is spelled out because the module's own variable is made by fmt at start-up.
const SpecVersion = "1.3.0"

// maxDocument is the most bytes that a configuration may have. The largest
// that people use, with a long seccomp list, are below 1 MiB.
const maxDocument = 32 << 20

// Config is a bundle's configuration as it was read; Check judges it.
type Config struct {
	Spec   *rspec.Spec
	Raw    []byte // the text of config.json
	Bundle string // absolute and cleaned
}

// Load reads BUNDLE/config.json (bundle.md).
func Load(bundle string) (*Config, error) {
	absolute, err := filepath.Abs(bundle)
	if err != nil {
		return nil, &Error{Path: bundle, Problem: "no working directory to start from: " + err.Error(), Kind: ErrInvalid}
	}
	path := filepath.Join(absolute, "config.json")
	raw, err := readDocument(path)
	if err != nil {
		return nil, bundleError(absolute, err.(*Error))
	}
	spec, err := Decode(raw)
	if err != nil {
		return nil, withPath(err, path)
	}
	return &Config{Spec: spec, Raw: raw, Bundle: absolute}, nil
}

// bundleError says what is wrong with the bundle where its config.json could
// not be opened.
func bundleError(bundle string, e *Error) error {
	var st unix.Stat_t
	switch err := unix.Stat(bundle, &st); {
	case err == nil && st.Mode&unix.S_IFMT != unix.S_IFDIR:
		return &Error{Path: bundle, Errno: unix.ENOTDIR, Problem: "the bundle must be a directory", Kind: ErrInvalid}
	case err == unix.ENOENT:
		return &Error{Path: bundle, Errno: unix.ENOENT, Problem: "no such bundle", Kind: ErrInvalid}
	case e.Errno == unix.ENOENT:
		e.Hint = "run `stave spec` there to make one"
	}
	return e
}

// LoadProcess reads the document of `exec --process`.
func LoadProcess(path string) (*rspec.Process, error) { return loadDocument(path, DecodeProcess) }

// LoadResources reads the document of `update --resources`; - is standard
// input.
func LoadResources(path string) (*rspec.LinuxResources, error) {
	if path == "-" {
		raw, err := readAll(0, "standard input", 0)
		if err != nil {
			return nil, err
		}
		resources, err := DecodeResources(raw)
		return resources, withPath(err, "standard input")
	}
	return loadDocument(path, DecodeResources)
}

func loadDocument[T any](path string, decode func([]byte) (*T, error)) (*T, error) {
	raw, err := readDocument(path)
	if err != nil {
		return nil, err
	}
	v, err := decode(raw)
	return v, withPath(err, path)
}

// withPath adds the file to an error of a decoder.
func withPath(err error, path string) error {
	if e, ok := err.(*Error); ok {
		e.Path = path
	}
	return err
}

// readDocument reads a regular file. It opens without blocking, so that a
// fifo in its place is refused and not waited for.
func readDocument(path string) ([]byte, error) {
	fd, errno := open(path)
	if errno != 0 {
		return nil, &Error{Syscall: "openat", Path: path, Errno: errno, Kind: ErrInvalid}
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, &Error{Syscall: "fstat", Path: path, Errno: err.(syscall.Errno), Kind: ErrInvalid}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, &Error{Path: path, Problem: "must be a regular file", Kind: ErrInvalid}
	}
	if st.Size > maxDocument {
		return nil, tooLarge(path, strconv.FormatInt(st.Size, 10)+" bytes")
	}
	return readAll(fd, path, int(st.Size))
}

func open(path string) (int, syscall.Errno) {
	for {
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
		switch err {
		case nil:
			return fd, 0
		case unix.EINTR:
		default:
			return -1, err.(syscall.Errno)
		}
	}
}

// readAll reads up to the end of fd. size is what to expect.
func readAll(fd int, path string, size int) ([]byte, error) {
	b := make([]byte, 0, size+512)
	for {
		n, err := unix.Read(fd, b[len(b):cap(b)])
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return nil, &Error{Syscall: "read", Path: path, Errno: err.(syscall.Errno), Kind: ErrInvalid}
		case n == 0:
			return b, nil
		}
		if b = b[:len(b)+n]; len(b) > maxDocument {
			return nil, tooLarge(path, "more than "+strconv.Itoa(maxDocument)+" bytes")
		}
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
	}
}

func tooLarge(path, size string) error {
	return &Error{Path: path, Problem: "too large: " + size + ", the limit is " + strconv.Itoa(maxDocument), Kind: ErrInvalid}
}
