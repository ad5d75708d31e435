// Command nothing does nothing: its time is that of a Go program's start and end.
package main

func main() {}
