// SPDX-License-Identifier: Apache-2.0

// Package probe finds out what the running kernel can do by doing it, in a
// network namespace made for the purpose that is gone afterwards. Version
// numbers prove nothing: distributions backport features, and dpscope's own
// patches add them to older kernels.
//
// Every call tries anew, so that a module loaded or replaced meanwhile counts.
// All probes need CAP_SYS_ADMIN, for the namespace.
package probe
