import { openRangeSource, type RangeSource } from '../core/range-source.ts'
import { policyFor } from '../swarm/addresses.ts'
import { checkedGet } from '../swarm/checked-http.ts'

const TIMEOUT_MS = 60_000
/** Signed addresses of content networks are long. */
const MAX_URL_LENGTH = 8_192

/**
 * Opens a file on the web by ranges. The host that was typed may be any, also one
 * of this machine; where it redirects to is held to the address policy.
 */
export function openWebSource(url: string): Promise<RangeSource> {
  const policy = policyFor([url])
  return openRangeSource(async ({ headers, maxBytes, onHead }) => {
    const { body } = await checkedGet(url, {
      policy,
      headers,
      maxBytes,
      timeoutMs: TIMEOUT_MS,
      maxUrlLength: MAX_URL_LENGTH,
      onHead: (head) =>
        onHead({
          status: head.status,
          header: (name) => {
            const value = head.headers[name]
            return value === undefined ? null : String(value)
          },
        }),
    })
    return body
  })
}
