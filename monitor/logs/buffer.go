package logs

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// A Buffer is where records are put together before they are written. It is
// empty between calls, so all Logs of an event loop may share one. Its memory
// comes from mmap(2): the kernel gives a page when it is first written to, and
// takes it back when asked, neither of which Go's heap does at once.
type Buffer struct {
	mem     []byte
	touched int // bytes from the front that may have pages behind them
}

const (
	page       = 4096 // what Trim leaves; no harm where pages are larger
	bufferSize = 256 << 10
)

// NewBuffer makes a buffer. It takes no memory before it is used.
func NewBuffer() (*Buffer, error) {
	mem, err := mapped(bufferSize)
	if err != nil {
		return nil, err
	}
	return &Buffer{mem: mem}, nil
}

// Trim gives the memory that a flood has touched back to the kernel, but for
// the first page.
func (b *Buffer) Trim() {
	if b.touched > page {
		release(b.mem[page:])
		b.touched = page
	}
}

// Close gives all memory back. No Logs that uses the buffer may be used after.
func (b *Buffer) Close() {
	unmapped(b.mem)
	b.mem = nil
}

func (b *Buffer) touch(n int) {
	if n > b.touched {
		b.touched = n
	}
}

// mapped is fresh memory that Go's garbage collector knows nothing of. unix.Mmap
// keeps every mapping in a map; this does not.
func mapped(size int) ([]byte, error) {
	p, err := unix.MmapPtr(-1, 0, nil, uintptr(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, err
	}
	return unsafe.Slice((*byte)(p), size), nil
}

// release gives the pages back and keeps the addresses. It fails only for memory
// that somebody has locked with mlockall(2), and then there is nothing to give.
func release(mem []byte) { unix.Madvise(mem, unix.MADV_DONTNEED) }

func unmapped(mem []byte) {
	if mem != nil {
		unix.MunmapPtr(unsafe.Pointer(unsafe.SliceData(mem)), uintptr(len(mem)))
	}
}
