// SPDX-License-Identifier: Apache-2.0

package modstate

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// extra is the function that only our psample has.
const extra = "psample_sample_packet_extra"

// hasSymbol tells whether text in the form of /proc/kallsyms has a symbol of a
// module: "address type name [module]".
func hasSymbol(text io.Reader, symbol, module string) (bool, error) {
	r := bufio.NewReaderSize(text, 64<<10)
	skip := false
	for {
		line, err := r.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			// No symbol's name is that long.
			skip = true
			continue
		}
		if !skip {
			f := bytes.Fields(line)
			if len(f) == 4 && string(f[2]) == symbol && string(f[3]) == "["+module+"]" {
				return true, nil
			}
		}
		skip = false
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
}
