/** Rounds of one loop, or of loops within each other, that no conversation asks for. */
export const MANY_ROUNDS = 10_000
export const ENDLESS_ROUNDS = 1_000_000
/** Loops over the same input within each other: with n messages they run n³ times. */
export const MANY_OVER_SAME = 3
/** Loops over any input within each other. */
export const MANY_POWERS = 4
export const ENDLESS_POWERS = 6
/** Characters that a template puts together by itself. */
export const LONG_TEXT = 1_000_000
export const ENDLESS_TEXT = 100_000_000
/** A width, a count or an indentation. */
export const LARGE_NUMBER = 10_000
export const HUGE_NUMBER = 10_000_000

/** A number as people read it. */
export function figure(n: number): string {
  return n.toLocaleString('en')
}
