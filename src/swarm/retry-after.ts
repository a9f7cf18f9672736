import type { IncomingHttpHeaders } from 'node:http'

/**
 * How long a server that answered 429 or 503 wants to be left alone, in ms;
 * null where it does not say. Reads `Retry-After` in seconds or as a date (RFC
 * 9110 section 10.2.3), and `RateLimit: "name";r=0;t=21`, the seconds until the
 * window begins anew (draft-ietf-httpapi-ratelimit-headers, as Hugging Face sends it).
 */
export function retryAfterMs(headers: IncomingHttpHeaders, now: number): number | null {
  const asked = headers['retry-after']?.trim()
  if (asked !== undefined && /^\d{1,9}$/.test(asked)) return Number(asked) * 1000
  const date = asked === undefined ? Number.NaN : Date.parse(asked)
  if (!Number.isNaN(date)) return Math.max(0, date - now)
  const reset = /(?:^|;)\s*t=(\d{1,9})\b/.exec(String(headers['ratelimit'] ?? ''))?.[1]
  return reset === undefined ? null : Number(reset) * 1000
}
