// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"math/bits"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/dpscope/dpscope/cmd/internal/cli"
	"github.com/dpscope/dpscope/nl"
	"github.com/dpscope/dpscope/ovs"
)

const (
	// cachesSchema is the schema of cache-get-size.
	cachesSchema = "ovs-caches/1"
	// masksCache is the one cache the kernel's datapath has.
	masksCache = "masks-cache"
)

// cacheItem is a cache in JSON.
type cacheItem struct {
	Datapath string `json:"datapath"`
	Cache    string `json:"cache"`
	Size     uint32 `json:"size"`
}

func cacheGetSizeCommand(o *options) *cobra.Command {
	var flags cli.ListFlags
	cmd := &cobra.Command{
		Use:   "cache-get-size [DP]",
		Short: "print the sizes of a datapath's caches",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withClient(o, func(s session) error {
				dp, err := s.datapath(cmd.Context(), args)
				if err != nil {
					return err
				}
				if flags.JSON() {
					var items []cacheItem
					if dp.MasksCacheSize != nil {
						items = []cacheItem{{dp.Name, masksCache, *dp.MasksCacheSize}}
					}
					return cli.PrintList(cmd.OutOrStdout(), cachesSchema, items, flags.Pretty())
				}
				printf(cmd, "system@%s:\n", dp.Name)
				printCaches(cmd.OutOrStdout(), dp)
				return nil
			})
		},
	}
	flags.Add(cmd)
	return cmd
}

func printCaches(w io.Writer, dp ovs.Datapath) {
	if dp.MasksCacheSize != nil {
		fmt.Fprintf(w, "  caches:\n    %s: size:%d\n", masksCache, *dp.MasksCacheSize)
	}
}

// powerOfTwo rounds n, at most 1<<31, up to a power of two; 0 stays.
func powerOfTwo(n uint32) uint32 {
	if n == 0 {
		return 0
	}
	return 1 << bits.Len32(n-1)
}

func cacheSetSizeCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "cache-set-size DP CACHE SIZE",
		Short: "set the size of a cache",
		Long: `cache-set-size sets how many entries a cache has. The kernel's datapath has one,
masks-cache, which remembers the mask that last matched packets of a hash; its
size is 0 or a power of two: another is rounded up to one, as Open vSwitch does.
What the datapath has in the end is printed.`,
		Example: "  ovs-dpctl cache-set-size dp0 masks-cache 1024",
		Args:    cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			if args[1] != masksCache {
				return cli.Usagef("cache %q: the kernel's datapath has only %s", args[1], masksCache)
			}
			n, err := strconv.ParseUint(args[2], 10, 32)
			if err != nil || n > 1<<31 {
				return cli.Usagef("size %q: want a number of entries", args[2])
			}
			return withClient(o, func(s session) error {
				dp, err := s.datapath(cmd.Context(), args[:1])
				if err != nil {
					return err
				}
				if dp.MasksCacheSize == nil {
					return &nl.UnsupportedError{Feature: "size of the mask cache", Since: "Linux 5.9"}
				}
				dp, err = s.SetDatapath(cmd.Context(), dp, ovs.DatapathChange{MasksCacheSize: new(powerOfTwo(uint32(n)))})
				if err != nil {
					return err
				}
				size := uint32(0)
				if dp.MasksCacheSize != nil {
					size = *dp.MasksCacheSize
				}
				printf(cmd, "Setting cache size successful, new size %d\n", size)
				return nil
			})
		},
	}
}
