import type { Context } from 'hono'
import { deleteCookie, getSignedCookie, setSignedCookie } from 'hono/cookie'
import type { AppDeps } from './deps.ts'

const COOKIE = 'qal_notice'
const SECONDS = 60

/**
 * Leaves word for the page that comes next of what was just done there, and
 * answers the page's path. The word is signed and of that page alone, so that no
 * link can make a page say what did not happen, and it is shown once.
 */
export async function leaveNotice(
  c: Context,
  { secret, site }: Pick<AppDeps, 'secret' | 'site'>,
  path: string,
  code: string,
): Promise<string> {
  await setSignedCookie(c, COOKIE, `notice ${path} ${code}`, secret, {
    path,
    httpOnly: true,
    sameSite: 'Lax',
    secure: site.baseUrl.startsWith('https:'),
    maxAge: SECONDS,
  })
  return path
}

/** The sentence for the word that was left for this page, taken away; null where there is none. */
export async function takeNotice(
  c: Context,
  { secret }: Pick<AppDeps, 'secret'>,
  path: string,
  sentences: Readonly<Record<string, string>>,
): Promise<string | null> {
  const left = await getSignedCookie(c, secret, COOKIE)
  if (left === undefined) return null
  deleteCookie(c, COOKIE, { path })
  const [word, of, code] = left === false ? [] : left.split(' ')
  if (word !== 'notice' || of !== path || code === undefined) return null
  return Object.hasOwn(sentences, code) ? (sentences[code] ?? null) : null
}
