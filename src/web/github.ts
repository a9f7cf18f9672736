import { CodeChallengeMethod, generateCodeVerifier, generateState, OAuth2Client } from 'arctic'
import { z } from 'zod'
import { QalError } from '../core/error.ts'
import type { GithubSettings } from './deps.ts'

/** What GitHub says of who signed in; the rest is not read. */
const GithubUser = z.object({ id: z.int().min(1), login: z.string().min(1).max(100) })
export type GithubUser = z.infer<typeof GithubUser>

const TIMEOUT_MS = 15_000
const MAX_ANSWER_CHARS = 200_000

/** A sign-in that has begun: kept by the visitor's browser until GitHub sends them back. */
export interface GithubStart {
  url: string
  state: string
  verifier: string
}

/** Where to send a visitor, with what ties the answer to this browser (state, and PKCE as of RFC 7636). */
export function startGithub(settings: GithubSettings, redirectUri: string): GithubStart {
  const state = generateState()
  const verifier = generateCodeVerifier()
  const url = clientOf(settings, redirectUri).createAuthorizationURLWithPKCE(
    `${settings.url}/login/oauth/authorize`,
    state,
    CodeChallengeMethod.S256,
    verifier,
    // No scope: the public account is all that is asked for.
    [],
  )
  return { url: url.href, state, verifier }
}

/** Who signed in, by the code that GitHub sent along. Throws `http_unauthorised` where GitHub does not vouch for them. */
export async function finishGithub(
  settings: GithubSettings,
  redirectUri: string,
  { code, verifier }: { code: string; verifier: string },
): Promise<GithubUser> {
  try {
    const tokens = await inTime(
      clientOf(settings, redirectUri).validateAuthorizationCode(
        `${settings.url}/login/oauth/access_token`,
        code,
        verifier,
      ),
    )
    const response = await fetch(`${settings.apiUrl}/user`, {
      headers: {
        accept: 'application/vnd.github+json',
        authorization: `Bearer ${tokens.accessToken()}`,
        'user-agent': 'Qal.to',
        'x-github-api-version': '2022-11-28',
      },
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    if (!response.ok) throw new Error(`GitHub answered ${response.status}`)
    return GithubUser.parse(JSON.parse((await response.text()).slice(0, MAX_ANSWER_CHARS)))
  } catch (cause) {
    throw new QalError(
      'http_unauthorised',
      'Cannot sign in: GitHub did not confirm your account; try again from the sign-in page',
      { cause },
    )
  }
}

/** The library's own request has no limit. */
async function inTime<Result>(work: Promise<Result>): Promise<Result> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error('GitHub did not answer in time')), TIMEOUT_MS)
  try {
    return await Promise.race([work, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

function clientOf({ clientId, clientSecret }: GithubSettings, redirectUri: string): OAuth2Client {
  return new OAuth2Client(clientId, clientSecret, redirectUri)
}
