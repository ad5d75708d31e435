//go:build !faults

package quick

const enabled = true
