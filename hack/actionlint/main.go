// SPDX-License-Identifier: Apache-2.0

// actionlint as a program of this project, so that its version and hashes are locked in go.mod and go.sum.
package main

import (
	"os"

	"github.com/rhysd/actionlint"
)

func main() {
	command := actionlint.Command{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	os.Exit(command.Main(os.Args))
}
