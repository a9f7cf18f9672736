/** A tensor's name taken apart: `blk.12.attn_q.weight` is layer 12, role `blk.attn_q.weight`; others have no layer. */
export interface TensorName {
  /** Null for a tensor of no layer. */
  layer: number | null
  /** The same for a role's tensors of all layers, so that a rule need look at it once. */
  role: string
}

const PREFIX = 'blk.'
const ZERO = 48

/** Without a regular expression: it is asked of every tensor, several times over. */
export function takeApart(name: string): TensorName {
  if (!name.startsWith(PREFIX)) return { layer: null, role: name }
  let at = PREFIX.length
  let layer = 0
  for (; at < name.length; at += 1) {
    const digit = name.charCodeAt(at) - ZERO
    if (digit < 0 || digit > 9) break
    layer = layer * 10 + digit
  }
  if (at === PREFIX.length || name[at] !== '.') return { layer: null, role: name }
  return { layer, role: PREFIX + name.slice(at + 1) }
}

/** Remembers what a function says of a role: a model has thousands of tensors and a dozen roles. */
export function perRole<T>(decide: (role: string) => T): (role: string) => T {
  const known = new Map<string, T>()
  return (role) => {
    const before = known.get(role)
    if (before !== undefined) return before
    const decided = decide(role)
    known.set(role, decided)
    return decided
  }
}
