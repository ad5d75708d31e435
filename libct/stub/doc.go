// Package stub is the last program of ours in a container.
//
// # What
//
// At the moment of execve(2) the executable of the process is, for the
// container, what /proc/self/exe leads to. If that were the runtime's binary,
// an image whose entry point is a link or a script that names /proc/self/exe
// could execute it inside, and write to it later (CVE-2019-5736). So the
// child first becomes this program of some 300 bytes in a sealed memfd, which
// waits at the gate, makes the container's program of itself, and reports if
// that fails. Whatever the container does with it is of no consequence.
//
// # Shapes
//
// The arguments are in the head of stub_amd64.S.txt.
//
// # Not here
//
// Architectures other than amd64, and containers where a process could look
// at the child before it is the stub: there the runtime executes itself again
// from a sealed copy (libct.Seal), which takes a second start of the runtime.
package stub
