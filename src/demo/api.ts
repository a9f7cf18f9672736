import type { MemberId } from '../core/ids.ts'
import type { ModelItem } from '../web/page-types.ts'

/** One member's hands on the public HTTP API; the demo has no other way in. */
export class DemoApi {
  readonly id: MemberId
  readonly #site: string
  readonly #token: string

  constructor(site: string, token: string, id: MemberId) {
    this.#site = site
    this.#token = token
    this.id = id
  }

  /** Submits, or finds the listing that has it already. */
  async submit(submission: object): Promise<string> {
    const { status, body } = await this.#call('POST', '/api/submissions', submission)
    if (status === 201) return String(body['id'])
    const existing = body['existing'] as { id: string } | undefined
    if (status === 409 && existing) return existing.id
    throw new Error(`The site refused a demo submission: ${JSON.stringify(body)}`)
  }

  async model(id: string): Promise<ModelItem> {
    const { status, body } = await this.#call('GET', `/api/models/${id}`)
    if (status !== 200) throw new Error(`The site does not show a demo listing: ${JSON.stringify(body)}`)
    return body as unknown as ModelItem
  }

  async review(id: string, decision: 'approve' | 'reject', reason: string): Promise<void> {
    const { status, body } = await this.#call('POST', `/api/models/${id}/review`, { decision, reason })
    if (status !== 200) throw new Error(`The site refused a demo decision: ${JSON.stringify(body)}`)
  }

  /** Announce URLs as the site hands them out. */
  async trackers(): Promise<string[]> {
    const { body } = await this.#call('GET', '/api/site')
    return body['trackers'] as string[]
  }

  async #call(
    method: string,
    path: string,
    json?: object,
  ): Promise<{ status: number; body: Record<string, unknown> }> {
    const response = await fetch(`${this.#site}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.#token}`,
        ...(json ? { 'content-type': 'application/json' } : {}),
      },
      ...(json ? { body: JSON.stringify(json) } : {}),
    })
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }
}
