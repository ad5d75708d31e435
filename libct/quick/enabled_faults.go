//go:build faults

package quick

// What is to fail at a step goes through the steps.
const enabled = false
