// Package logs writes what containers print: to files in the format of the CRI
// or of Docker, and to the systemd journal.
//
// # What
//
// A [Logs] has the log drivers of one container or exec. [Logs.Write] takes
// the bytes of one read of a pipe, cuts them into records, and gives all
// records of that read to each driver at once: one write(2) for a file, one
// sendmmsg(2) for the journal.
//
// # Shapes
//
//	Write ─▶ split ─▶ format ─▶ Buffer ─▶ file (write, rotate)   ┐ what does not get through:
//	         lines,   cri       one for   journal (sendmmsg)     ┘ kept (blocked) or counted (dropped)
//	         tails    json      a process
//	                  journal
//
// A sink is one driver with everything it has not yet got rid of: the held
// start of a line, the backlog of a blocked log, the count of dropped records.
//
// The package belongs to one event loop: no goroutine, no timer, no sleep, no
// lock. In steady state a Write allocates nothing. Memory for formatting is
// outside the Go heap and goes back to the kernel with [Logs.Trim].
//
// # Partial lines
//
// A record ends where its line ends, or after 8192 bytes of text (16384 in a
// json-file); then it is partial. A k8s-file also writes the start of a line
// as a partial record when the caller has nothing more to read, so that a
// prompt is seen; the other two wait for the end of the line or of the stream,
// as Docker and conmon do.
//
// # Never lost in silence
//
// A write that fails in the middle of a record is undone with ftruncate(2) if
// the tail of the file is ours; if that fails too, the record is completed
// before anything else is written. Then, with [Drop], records are counted
// until there is room, and one record of the stream stderr says how many are
// missing, since when and why. Lines that the loss left open are closed first,
// so that no reader glues unrelated text together. With [Block] nothing is
// lost: [Logs.Blocked] asks the caller to stop reading. A journal or fifo that
// is merely full blocks under both policies.
//
// # Rotation
//
// Happens between records. Backups move up from the highest number, only as
// far as the first gap; the empty PATH.new exists before anything moves and
// takes the place of PATH last. Whatever step a crash follows, every record is
// in exactly one file.
//
// # Units
//
// Times are nanoseconds of the realtime clock since 1970. Sizes are bytes;
// zero or less means no limit. "Bytes dropped" are bytes of the container's
// output, line ends included, not bytes of the log's format.
//
// # Errors
//
// *specs.Error. Open leaves nothing open on an error; files it created stay.
//
// # Sources
//
// Kubernetes: the container runtime interface's logging design. Docker's
// json-file. systemd: "Native Journal Protocol". The man pages write(2),
// rename(2), ftruncate(2), sendmmsg(2), unix(7), memfd_create(2).
//
// # Not here
//
// Reading pipes, timers, attach clients; and signals: the caller must see to
// it that SIGXFSZ, which comes with EFBIG under RLIMIT_FSIZE, and SIGPIPE do
// not kill the process.
package logs
