// SPDX-License-Identifier: Apache-2.0

// Package parity tries random Open vSwitch action lists on several kernels and
// finds where they do not do the same.
//
// Three parts make the verdict, none of which trusts the others. Generate makes
// a list and packets from a seed and a number, the same ones everywhere. Execute
// tries them on the running kernel, as a flow and as an injected packet, and
// writes down what came out: samples, packets, upcalls, or the errno. Predict is
// a small model of the datapath that says what should. Judge compares the
// kernels with each other and with the model.
//
// Chance is left out by comparing sets: of each packet everything that came of
// it is one Outcome, and of a list with random draws so many packets are sent
// that each outcome the model knows shows up for certain. How often does not
// count.
package parity
